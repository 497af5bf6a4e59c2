"""Models of PyTorch: TorchScript with a manifest (contract: Old TorchScript), and pickled modules."""

import sys
from collections.abc import Mapping as AnyMapping
from typing import Any, Final

from migrate.core.model_json import Field, ModelJson
from migrate.formats.manifest.fields import NUMERIC, FieldReader
from migrate.formats.pickle.imports import group_of
from migrate.formats.pickle.machine import Made, Mapping, Value, word_of
from migrate.formats.pickle.values import class_of, made_things, state_of
from migrate.formats.reading.case import Case, Found
from migrate.formats.reading.errors import FormatError, quoted
from migrate.formats.torch.fastai import is_learner, read_learner
from migrate.formats.torch.shapes import first_input
from migrate.formats.torch.structure import TorchFile, read_torch

RUNTIME: Final = "torch"

# The packages of the runtime whose classes modules are made of, and the names that Python 2 had for its own.
_IN_THE_IMAGE: Final = frozenset({"torch", "numpy", "__builtin__", "copy_reg", *sys.stdlib_module_names})
_OUTPUT: Final = Field("output_0", "float")


def read_torch_manifest(case: Case, reader: FieldReader, content: AnyMapping[str, Any]) -> Found:
    """``torch_script``: names the module's file; its inputs are given in the manifest's order.

    Raises:
        FormatError: The manifest is not valid, or its model cannot be served.
    """
    reader.only(content, ("saved_model_uri", "inputs", "outputs"))
    entry = reader.located(content, "saved_model_uri", case.sizes)
    inputs, outputs = reader.tensors(content, "inputs"), reader.tensors(content, "outputs")
    for field in inputs + outputs:
        if field.type not in NUMERIC:
            reader.fail(f"the field {quoted(field.name)} has the type {field.type}, and needs a number's")
    if not inputs or not outputs:
        reader.fail("it has no inputs, or no outputs")
    if entry not in case.sizes:
        raise case.missing(reader.name, entry)
    file = read_torch(case, entry)
    engine = "torchscript" if file.kind == "script" else "torch_pickle"
    if file.kind == "pickle":
        _check_module(case, entry, file)
    made = ModelJson(engine=engine, entry=entry, manifest=True, inputs=inputs, outputs=outputs, rolling_windows_size=0)
    return Found("torch_script" if file.kind == "script" else "torch_pickle", RUNTIME, made)


def read_torch_model(case: Case, path: str) -> Found:
    """A bare file of PyTorch.

    Raises:
        FormatError: It cannot be served, or is a TorchScript module, whose file says nothing of its tensors.
    """
    file = read_torch(case, path)
    if is_learner(file):
        return read_learner(case, path, file)
    if file.kind == "script":
        raise FormatError(
            "manifest-missing",
            f"The TorchScript module {quoted(path)} has no manifest that says its inputs and outputs.",
            'Put a manifest.json beside it: {"type": "torch_script", "saved_model_uri": "'
            + "".join(c if c.isprintable() and c not in '"\\' else "?" for c in path)
            + '", "inputs": [{"name": ..., "type": ..., "shape": [...]}], "outputs": [...]}.',
            verdict="needs-attention",
        )
    _check_module(case, path, file)
    field = first_input(file.reading)
    case.notes.append(
        f"ML Serving did not document how it served a pickled module: here {quoted(path)} takes one tensor, input_0 "
        f"({field.type}, {list(field.shape or ())}), and answers output_0"
    )
    made = ModelJson(engine="torch_pickle", entry=path, inputs=(field,), outputs=(_OUTPUT,))
    return Found("torch_pickle", RUNTIME, made)


def _check_module(case: Case, path: str, file: TorchFile) -> None:
    """A module is an object with code; weights alone are none."""
    if is_learner(file):
        raise FormatError(
            "fastai-by-manifest",
            f"The file {quoted(path)} is an export of fastai, and no module of PyTorch.",
            "Remove the manifest: an export of fastai is served as it is.",
            verdict="unsupported",
        )
    imports = [one for one in file.reading.imports if group_of(*one) != "data"]
    modules = _modules(file.reading.root)
    if not imports or modules == []:
        raise FormatError(
            "weights-only",
            f"The file {quoted(path)} holds weights, and no module that computes with them.",
            "Load the weights into the model's class and export that: torch.jit.script(model).save('model.ts').",
            verdict="unsupported",
        )
    missing = [f"{module}.{name}" for module, name in imports if module.partition(".")[0] not in _IN_THE_IMAGE]
    if missing:
        # Classes of modules are what a notebook leaves behind; anything else that is called is told as what it is.
        own = {class_of(made) for made in made_things(file.reading.root) if "_modules" in state_of(made)}
        foreign = {f"{module}.{name}" for module, name in imports if group_of(module, name) != "framework"}
        raise FormatError(
            "class-missing",
            f"The file {quoted(path)} names the class {quoted(missing[0])}, and its code is neither in the file nor in "
            "the image: a pickle holds names of classes only.",
            "Export the model where its code is: torch.jit.script(model).save('model.ts'), with a manifest.",
            verdict="unsupported",
            stands=foreign <= own and not file.reading.problems,
        )
    if modules:
        case.notes.append(f"{quoted(path)} is a dictionary: the model in it is {quoted(modules[0])}")


def _modules(root: Value) -> list[str] | None:
    """The keys of the modules in a dictionary, as checkpoints are; None for what is no dictionary."""
    if not isinstance(root, Mapping):
        return None
    return [str(word_of(key)) for key, value in root.items if isinstance(value, Made) and "_modules" in state_of(value)]
