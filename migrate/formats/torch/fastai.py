"""Exports of fastai: a pickled learner of tables or texts. What it takes is read from the pickle, never by loading it.

How ML Serving answered for fastai was not documented; inputs are the learner's own columns, outputs its target and,
for classes, their probabilities.
"""

from typing import Final

from migrate.core.model_json import FastaiSettings, Field, ModelJson
from migrate.formats.pickle.imports import group_of
from migrate.formats.pickle.machine import Made, Reading, Value
from migrate.formats.pickle.values import class_of, listed, made_things, state_of
from migrate.formats.reading.case import Case, Found
from migrate.formats.reading.errors import FormatError, quoted
from migrate.formats.reading.fields import DYNAMIC
from migrate.formats.torch.structure import TorchFile

RUNTIME: Final = "fastai"
RUNTIME_2_7: Final = "fastai27"

_MAXIMUM_WORDS: Final = 32
_VERSION_1: Final = frozenset(
    {"fastai.basic_train", "fastai.basic_data", "fastai.data_block", "fastai.tabular.transform", "fastai.vision.image"}
)
# fastai 2.8 took its transforms from a package of their own, and refuses pickles that name the old ones.
_BEFORE_2_8: Final = frozenset({"fastcore.transform", "fastcore.dispatch"})
_TABLE: Final = "fastai.tabular.core.TabularPandas"
_CATEGORIES: Final = "fastai.tabular.core.Categorify"
_LABELS: Final = "fastai.data.transforms.Categorize"
_LANGUAGE: Final = "fastai.text.learner.LMLearner"
_TEXT: Final = "fastai.text.learner.TextLearner"
_FILL: Final = "fastai.tabular.core.FillMissing"
_SCALARS: Final = frozenset({"numpy.core.multiarray.scalar", "numpy._core.multiarray.scalar"})
# What exports of any kind import beyond plain classes: a word about them says nothing of this file.
_USUAL: Final = frozenset(
    {(module, name) for module in ("__builtin__", "builtins") for name in ("getattr", "print")}
    | {("functools", "partial")}
)

Words = dict[str, list[Value]]
Fields = tuple[Field, ...]


def is_learner(file: TorchFile) -> bool:
    """Whether a pickle is an export of fastai."""
    return any(module.partition(".")[0] == "fastai" for module, _ in file.reading.imports)


def read_learner(case: Case, path: str, file: TorchFile) -> Found:
    """The learner in a file.

    Raises:
        FormatError: It is one of a kind that cannot be served.
    """
    reading = file.reading
    try:
        inputs, outputs, words = _tensors(path, reading)
    except FormatError as error:
        # No export of this kind is ever loaded here, so that what every one of them imports is no reason to warn.
        error.stands = _is_usual(reading)
        raise
    case.notes.append(
        f"ML Serving did not document how it served exports of fastai: here {quoted(path)} takes the columns of its "
        f"training ({', '.join(quoted(field.name) for field in inputs[:6])}), "
        f"and answers {', '.join(quoted(field.name) for field in outputs)}"
    )
    samples = {name: tuple(word for word in known if isinstance(word, str)) for name, known in words.items()}
    own = FastaiSettings({name: known for name, known in samples.items() if known})
    old = any(module in _BEFORE_2_8 for module, _ in reading.imports)
    runtime = RUNTIME_2_7 if old else RUNTIME
    return Found("fastai", runtime, ModelJson(engine="fastai", entry=path, inputs=inputs, outputs=outputs, fastai=own))


def _tensors(path: str, reading: Reading) -> tuple[Fields, Fields, Words]:
    """The inputs and outputs of a learner, and the known words of its columns.

    Raises:
        FormatError: It is of a kind that is not served.
    """
    _check_kind(path, reading)
    labels = _labels(reading)
    if class_of(reading.root) == _TEXT:
        return (Field("text", "string", (DYNAMIC,)),), _outputs([], labels), {}
    table = next((made for made in made_things(reading.root) if class_of(made) == _TABLE), None)
    if table is None:
        raise _unsupported(path, "it is a learner of neither tables nor texts")
    state = state_of(table)
    words = _categories(reading)
    made = _made_columns(reading)
    categories = [name for name in listed(state.get("cat_names")) if name not in made]
    inputs = _columns(categories, listed(state.get("cont_names")), words)
    if not inputs:
        raise _unsupported(path, "it names no columns")
    return inputs, _outputs(listed(state.get("y_names")), labels), words


def _is_usual(reading: Reading) -> bool:
    """Whether a pickle runs no other code than exports of fastai do."""
    dangerous = {one for one in reading.imports if group_of(*one) == "dangerous"}
    return not reading.problems and dangerous <= _USUAL


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


def _made_columns(reading: Reading) -> frozenset[Value]:
    """The columns that a learner makes itself: whether a number is missing, of each that was in training."""
    filled = next((made for made in made_things(reading.root) if class_of(made) == _FILL), None)
    return frozenset(f"{name}_na" for name in state_of(state_of(filled).get("na_dict")))


def _columns(categories: list[Value], numbers: list[Value], words: Words) -> Fields:
    found = [Field(name, _type_of(words.get(name, [])), (DYNAMIC,)) for name in categories if isinstance(name, str)]
    found += [Field(name, "double", (DYNAMIC,)) for name in numbers if isinstance(name, str)]
    return tuple(found)


def _type_of(words: list[Value]) -> str:
    """The type of a column by the words that it had in training."""
    kinds = {_kind_of(word) for word in words}
    return kinds.pop() if len(kinds) == 1 else "string"


def _kind_of(word: Value) -> str:
    if class_of(word) in _SCALARS and isinstance(word, Made) and isinstance(word.arguments, tuple):
        dtype = word.arguments[0] if word.arguments else None
        name = dtype.arguments[0] if isinstance(dtype, Made) and isinstance(dtype.arguments, tuple) else ""
        return {"b": "boolean", "i": "double", "u": "double", "f": "double"}.get(str(name)[:1], "string")
    if isinstance(word, bool):
        return "boolean"
    return "double" if isinstance(word, int) else "string"


def _outputs(targets: list[Value], labels: list[Value] | None) -> Fields:
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
