"""Models of PyTorch: TorchScript with a manifest (contract: Old TorchScript), and pickled modules."""

from collections.abc import Mapping
from typing import Any, Final

from migrate.core.model_json import Field, ModelJson
from migrate.formats.manifest.fields import NUMERIC, FieldReader
from migrate.formats.pickle.imports import group_of
from migrate.formats.reading.case import Case, Found
from migrate.formats.reading.errors import FormatError, quoted
from migrate.formats.torch.fastai import is_learner, read_learner
from migrate.formats.torch.shapes import first_input
from migrate.formats.torch.structure import TorchFile, read_torch

RUNTIME: Final = "torch"

_OUTPUT: Final = Field("output_0", "float")


def read_torch_manifest(case: Case, reader: FieldReader, content: Mapping[str, Any]) -> Found:
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
    if not imports:
        raise FormatError(
            "weights-only",
            f"The file {quoted(path)} holds weights, and no module that computes with them.",
            "Load the weights into the model's class and export that: torch.jit.script(model).save('model.ts').",
            verdict="unsupported",
        )
    own = [f"{module}.{name}" for module, name in imports if group_of(module, name) == "unknown"]
    if own:
        case.notes.append(
            f"the class {quoted(own[0])} is not in {quoted(path)}: without its code the module cannot be loaded, "
            "allowed or not; torch.jit.script(model).save(...) puts the code into the file"
        )
