"""TensorFlow SavedModels, in a folder or an archive: settings, or why there are none (contract: Old TensorFlow)."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import PurePosixPath
from typing import Any, Final

from msgspec import Struct
from msgspec.structs import replace

from migrate.core.model_json import Field, ModelJson, TensorflowSettings
from migrate.formats.archive.structure import Archive
from migrate.formats.manifest.agreement import check_manifest
from migrate.formats.manifest.fields import FieldReader
from migrate.formats.pickle.in_archives import check_members
from migrate.formats.reading.case import Case, Found
from migrate.formats.reading.errors import FormatError, quoted
from migrate.formats.reading.fields import tensor_field
from migrate.formats.reading.wire import Read, Wire, WireError
from migrate.formats.tensorflow.hazards import TENSORFLOW, custom_operators, dangers
from migrate.formats.tensorflow.structure import MetaGraph, Signature, Tensor, read_meta_graphs

GRAPH: Final = "saved_model.pb"
RUNTIME: Final = "tensorflow"

_SERVE: Final = ("serve",)
_PREFERRED: Final = ("predict", "serving_default")
_EXPORT_AGAIN: Final = "Export the SavedModel again and put all of its files in place."
# DataType -> the old runtime's word, and TensorFlow's own (tensorflow/core/framework/types.proto)
_TYPES: Final = {
    1: ("float", "float32"),
    2: ("double", "float64"),
    3: ("integer", "int32"),
    4: ("integer", "uint8"),
    5: ("integer", "int16"),
    6: ("integer", "int8"),
    7: ("string", "string"),
    9: ("long", "int64"),
    10: ("boolean", "bool"),
    17: ("integer", "uint16"),
    22: ("integer", "uint32"),
    23: ("long", "uint64"),
}
_VARIABLES: Final = frozenset({"Variable", "VariableV2", "VarHandleOp"})


class SavedModel(Struct, frozen=True):
    """The signature that is served, and what the engine must know to find it."""

    inputs: tuple[Field, ...]
    outputs: tuple[Field, ...]
    options: TensorflowSettings


class _Place(Struct, frozen=True):
    """A SavedModel: where it is for the engine, the artifact's file that it is told by, its graph and its files."""

    options: TensorflowSettings
    entry: str
    read: Read
    size: int
    files: Mapping[str, int]


def read_saved_model(case: Case, entry: str) -> Found:
    """The bare SavedModel of a ``saved_model.pb``, or in a ZIP archive.

    Raises:
        FormatError: It cannot be served.
    """
    model = _describe(case, entry, ())
    made = ModelJson(
        engine="tensorflow", entry=entry, inputs=model.inputs, outputs=model.outputs, tensorflow=model.options
    )
    return Found(RUNTIME, RUNTIME, made)


def read_tensorflow_manifest(case: Case, reader: FieldReader, content: Mapping[str, Any]) -> Found:
    """``tensorflow``: names the SavedModel, a folder or a ZIP archive; unknown keys are ignored, as before.

    Raises:
        FormatError: The manifest is not valid, or does not fit its model.
    """
    window = reader.batch_size(content)
    here = content.get("saved_model_uri") in (".", "./")
    uri = "." if here else reader.uri(content, "saved_model_uri")
    inputs, outputs = reader.tensors(content, "inputs"), reader.tensors(content, "outputs")
    entry = uri if uri in case.sizes else str(PurePosixPath(uri, GRAPH))
    if entry not in case.sizes:
        raise case.missing(reader.name, uri if here else entry)
    model = _describe(case, entry, [field.name for field in inputs])
    check_manifest(reader.name, inputs, outputs, model)
    made = ModelJson(
        engine="tensorflow",
        entry=entry,
        manifest=True,
        inputs=inputs,
        outputs=outputs,
        rolling_windows_size=window,
        tensorflow=model.options,
    )
    return Found(RUNTIME, RUNTIME, made)


def _describe(case: Case, entry: str, names: list[str] | tuple[()]) -> SavedModel:
    with _opened(case, entry) as place:
        if place.size == 0:
            raise FormatError("empty", f"The file {quoted(entry)} is empty.", _EXPORT_AGAIN)
        try:
            graph = _graph(read_meta_graphs(Wire(place.read, place.size)))
        except WireError as error:
            raise _broken(entry, error) from None
    _check_operators(case, place, graph)
    _check_variables(place, graph)
    name, signature = _signature(graph, names)
    inputs, outputs = (
        tuple(_field(key, tensor) for key, tensor in sorted(tensors.items()))
        for tensors in (signature.inputs, signature.outputs)
    )
    dtypes = {key: _TYPES[tensor.dtype][1] for key, tensor in sorted(signature.inputs.items())}
    return SavedModel(inputs, outputs, replace(place.options, signature=name, tags=graph.tags, dtypes=dtypes))


@contextmanager
def _opened(case: Case, entry: str) -> Iterator[_Place]:
    """The SavedModel behind a file: the graph itself, or an archive that holds one."""
    with case.open(entry) as (read, size):
        if PurePosixPath(entry).name == GRAPH:
            folder = str(PurePosixPath(entry).parent)
            yield _Place(TensorflowSettings(saved_model=folder), entry, read, size, case.below(folder))
            return
        archive = Archive(entry, read, size)
        found = sorted(name for name in archive.entries if PurePosixPath(name).name == GRAPH)
        if len(found) != 1:
            raise FormatError(
                "not-a-saved-model",
                f"The archive {quoted(entry)} holds {len(found)} files {GRAPH}, and a SavedModel has one.",
                "Pack the content of one SavedModel's folder: saved_model.pb, variables and assets.",
            )
        check_members(case, entry, archive)
        archive.verify()
        root = found[0].removesuffix(GRAPH)
        files = {name[len(root) :]: e.size for name, e in archive.entries.items() if name.startswith(root)}
        options = TensorflowSettings(saved_model=entry, zip=True, root=root.removesuffix("/"))
        graph = archive.entries[found[0]]
        with archive.open(graph) as inner:
            yield _Place(options, entry, inner, graph.size, files)


def _graph(graphs: list[MetaGraph]) -> MetaGraph:
    """The graph that a loader takes for the tag ``serve``: the one with exactly this tag."""
    served = [graph for graph in graphs if graph.tags == _SERVE]
    if len(served) > 1:
        raise FormatError(
            "corrupt",
            f"The SavedModel has {len(served)} graphs for the tag serve, and a loader takes one.",
            _EXPORT_AGAIN,
        )
    if served:
        return served[0]
    tags = "; ".join(", ".join(map(quoted, graph.tags)) or "none" for graph in graphs[:5])
    raise FormatError(
        "no-serving-graph",
        f"The SavedModel has no graph for the tag serve; it has graphs for {tags}.",
        "Export it for serving: tf.saved_model.save, or simple_save in TensorFlow 1.",
        verdict="unsupported",
    )


def _check_operators(case: Case, place: _Place, graph: MetaGraph) -> None:
    custom = custom_operators(graph)
    if custom:
        raise FormatError(
            "custom-operators",
            f"The model uses operators that TensorFlow {TENSORFLOW} does not have on a CPU: "
            f"{', '.join(map(quoted, custom[:8]))}.",
            "Export the model with TensorFlow's own operators only, or convert it to ONNX.",
            verdict="unsupported",
        )
    assets = {name[len("assets/") :]: size for name, size in place.files.items() if name.startswith("assets/")}
    for danger in dangers(graph, assets)[:20]:
        case.danger(place.entry, danger.code, f"The model {quoted(place.entry)} {danger.text}.")


def _check_variables(place: _Place, graph: MetaGraph) -> None:
    """The variables are there, in as many files as their names say."""
    shards = [name for name in place.files if name.startswith("variables/variables.data-")]
    if "variables/variables.index" in place.files:
        counts = {name.rpartition("-of-")[2] for name in shards}
        count = counts.pop() if len(counts) == 1 else ""
        if count.isascii() and count.isdigit() and len(shards) == int(count):
            return
        what = "not all of the files variables/variables.data-..."
    elif not any(node.operator in _VARIABLES for node in graph.nodes.values()):
        return  # a frozen graph
    else:
        what = "no file variables/variables.index"
    raise FormatError(
        "variables-missing",
        f"The SavedModel of {quoted(place.entry)} has variables, and {what} with their values.",
        "Upload the whole folder of the SavedModel, with what is below variables.",
    )


def _signature(graph: MetaGraph, names: list[str] | tuple[()]) -> tuple[str, Signature]:
    """``predict``, then ``serving_default``, then the first that can be served (contract: Old TensorFlow).

    A manifest names the inputs of the signature that it means: one that has them comes before one that does not.
    """
    usable = [(name, signature) for name, signature in graph.signatures.items() if _is_usable(graph, signature)]
    ordered = [*filter(lambda one: one[0] in _PREFERRED, sorted(usable)), *usable]
    for name, signature in ordered:
        if names and set(names) <= set(signature.inputs):
            return name, signature
    if ordered:
        return ordered[0]
    listed = ", ".join(map(quoted, list(graph.signatures)[:8])) or "none"
    raise FormatError(
        "no-signature",
        f"The SavedModel has no signature with tensors that the service can take in and give out; it has {listed}.",
        "Export the model with a signature whose inputs and outputs are float, double, int32, int64, string or bool.",
        verdict="unsupported",
    )


def _is_usable(graph: MetaGraph, signature: Signature) -> bool:
    tensors = [*signature.inputs.values(), *signature.outputs.values()]
    return bool(signature.inputs and signature.outputs) and all(
        tensor.name and tensor.dtype in _TYPES and tensor.name.partition(":")[0] in graph.nodes for tensor in tensors
    )


def _field(name: str, tensor: Tensor) -> Field:
    shape = tensor.shape or ()
    if 0 in shape:
        raise FormatError(
            "unsupported-tensor",
            f"The tensor {quoted(name)} of the signature has a dimension of size 0.",
            "Export the model with sizes above 0, or free ones.",
            verdict="unsupported",
        )
    return tensor_field(name, _TYPES[tensor.dtype][0], shape)


def _broken(entry: str, error: WireError) -> FormatError:
    if error.kind == "truncated":
        return FormatError("truncated", f"The SavedModel {quoted(entry)} is incomplete: {error.text}.", _EXPORT_AGAIN)
    if error.kind == "too-complex":
        text = f"The SavedModel {quoted(entry)} was not read to its end: {error.text}."
        return FormatError("too-complex", text, "Check with its author that this is the model.", verdict="unsupported")
    return FormatError("corrupt", f"The SavedModel {quoted(entry)} is broken: {error.text}.", _EXPORT_AGAIN)
