"""Exports of fastai: a pickled learner of tables or texts. What it takes is read from the pickle, never by loading it.

How ML Serving answered for fastai was not documented; inputs are the learner's own columns, outputs its target and,
for classes, their probabilities.
"""

from typing import Final

from migrate.core.model_json import FastaiSettings, Field, ModelJson
from migrate.formats.pickle.machine import Reading, Value
from migrate.formats.pickle.values import class_of, listed, made_things, state_of
from migrate.formats.reading.case import Case, Found
from migrate.formats.reading.errors import FormatError, quoted
from migrate.formats.reading.fields import DYNAMIC
from migrate.formats.torch.structure import TorchFile

RUNTIME: Final = "fastai"

_MAXIMUM_WORDS: Final = 32
_VERSION_1: Final = frozenset(
    {"fastai.basic_train", "fastai.basic_data", "fastai.data_block", "fastai.tabular.transform", "fastai.vision.image"}
)
_TABLE: Final = "fastai.tabular.core.TabularPandas"
_CATEGORIES: Final = "fastai.tabular.core.Categorify"
_LABELS: Final = "fastai.data.transforms.Categorize"
_LANGUAGE: Final = "fastai.text.learner.LMLearner"
_TEXT: Final = "fastai.text.learner.TextLearner"

Words = dict[str, list[Value]]


def is_learner(file: TorchFile) -> bool:
    """Whether a pickle is an export of fastai."""
    return any(module.partition(".")[0] == "fastai" for module, _ in file.reading.imports)


def read_learner(case: Case, path: str, file: TorchFile) -> Found:
    """The learner in a file.

    Raises:
        FormatError: It is one of a kind that cannot be served.
    """
    reading = file.reading
    _check_kind(path, reading)
    labels = _labels(reading)
    if class_of(reading.root) == _TEXT:
        inputs: tuple[Field, ...] = (Field("text", "string", (DYNAMIC,)),)
        words: Words = {}
        targets: list[Value] = []
    else:
        table = next((made for made in made_things(reading.root) if class_of(made) == _TABLE), None)
        if table is None:
            raise _unsupported(path, "it is a learner of neither tables nor texts")
        state = state_of(table)
        words = _categories(reading)
        inputs = _columns(listed(state.get("cat_names")), listed(state.get("cont_names")), words)
        targets = listed(state.get("y_names"))
    if not inputs:
        raise _unsupported(path, "it names no columns")
    outputs = _outputs(targets, labels)
    case.notes.append(
        f"ML Serving did not document how it served exports of fastai: here {quoted(path)} takes the columns of its "
        f"training ({', '.join(quoted(field.name) for field in inputs[:6])}), "
        f"and answers {', '.join(quoted(field.name) for field in outputs)}"
    )
    samples = {name: tuple(word for word in known if isinstance(word, str)) for name, known in words.items()}
    own = FastaiSettings({name: known for name, known in samples.items() if known})
    return Found("fastai", RUNTIME, ModelJson(engine="fastai", entry=path, inputs=inputs, outputs=outputs, fastai=own))


def _check_kind(path: str, reading: Reading) -> None:
    modules = {module for module, _ in reading.imports}
    if modules & _VERSION_1:
        raise FormatError(
            "older-than-supported",
            f"The file {quoted(path)} is an export of fastai 1, which only fastai 1 can load.",
            "Train or rebuild the learner with fastai 2 and export it again, or export its model as TorchScript.",
            verdict="unsupported",
        )
    if any(module.startswith(("fastai.vision", "torchvision", "PIL")) for module in modules):
        raise FormatError(
            "vision-learner",
            f"The file {quoted(path)} is a learner of images, which needs torchvision for CPUs.",
            "Export its model as TorchScript (torch.jit.script(learn.model)), with a manifest.",
            verdict="unsupported",
        )
    if class_of(reading.root) == _LANGUAGE:
        raise _unsupported(path, "it is a language model, and what it writes next is drawn by chance")


def _labels(reading: Reading) -> list[Value] | None:
    """The words of the classes; None for numbers."""
    for made in made_things(reading.root):
        if class_of(made) == _LABELS:
            return listed(state_of(made).get("vocab")) or None
    return None


def _categories(reading: Reading) -> Words:
    """The known words of each column of categories, without the one for a missing value."""
    for made in made_things(reading.root):
        if class_of(made) == _CATEGORIES:
            classes = state_of(state_of(made).get("classes"))
            return {name: listed(known)[1 : _MAXIMUM_WORDS + 1] for name, known in classes.items()}
    return {}


def _columns(categories: list[Value], numbers: list[Value], words: Words) -> tuple[Field, ...]:
    found: list[Field] = []
    for name in categories:
        # columns of this ending are made of the others where values are missing
        if isinstance(name, str) and not name.endswith("_na"):
            known = words.get(name, [])
            is_number = bool(known) and all(isinstance(word, int) for word in known)
            found.append(Field(name, "double" if is_number else "string", (DYNAMIC,)))
    found += [Field(name, "double", (DYNAMIC,)) for name in numbers if isinstance(name, str)]
    return tuple(found)


def _outputs(targets: list[Value], labels: list[Value] | None) -> tuple[Field, ...]:
    name = targets[0] if len(targets) == 1 and isinstance(targets[0], str) else "prediction"
    if labels is None:
        return (Field(name, "float", (DYNAMIC, max(1, len(targets)))),)
    return (
        Field(name, "string", (DYNAMIC,)),
        Field("probabilities", "float", (DYNAMIC, len(labels))),
    )


def _unsupported(path: str, why: str) -> FormatError:
    return FormatError(
        "unsupported-learner",
        f"The export of fastai {quoted(path)} cannot be served: {why}.",
        "Export its model as TorchScript (torch.jit.script(learn.model)), with a manifest.",
        verdict="unsupported",
    )
