"""TensorFlow SavedModels, in a folder or an archive: settings, or why there are none (contract: Old TensorFlow)."""

import re
from collections.abc import Callable, Iterator, Mapping
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
from migrate.formats.reading.fields import DYNAMIC, tensor_field
from migrate.formats.reading.files import inside
from migrate.formats.reading.wire import Read, Wire, WireError
from migrate.formats.tensorflow.hazards import custom_operators, dangers, never_run
from migrate.formats.tensorflow.operators import TENSORFLOW
from migrate.formats.tensorflow.structure import MetaGraph, Signature, Tensor, read_meta_graphs

GRAPH: Final = "saved_model.pb"
RUNTIME: Final = "tensorflow"

_SERVE: Final = ("serve",)
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
_TEXT: Final = 7
_SHARD: Final = "variables/variables.data-"
_INDEX: Final = "variables/variables.index"
_BUNDLE: Final = re.compile(rb"\0\0[\x02-\x7f]\x08([\x01-\x7f])", re.DOTALL)
_VARIABLES: Final = frozenset({"Variable", "VariableV2", "VarHandleOp"})


class SavedModel(Struct, frozen=True):
    """The signature that is served, and what the engine must know to find it."""

    inputs: tuple[Field, ...]
    outputs: tuple[Field, ...]
    options: TensorflowSettings


class _Place(Struct, frozen=True):
    """A SavedModel: where it is for the engine, the artifact's file that it is told by, its graph and its files.

    ``index`` is the beginning of the index of its variables; empty where it has none.
    """

    options: TensorflowSettings
    entry: str
    read: Read
    size: int
    files: Mapping[str, int]
    index: bytes


def read_saved_model(case: Case, entry: str) -> Found:
    """The bare SavedModel of a ``saved_model.pb``, or in a ZIP archive.

    Raises:
        FormatError: It cannot be served.
    """
    model = _describe(case, entry, None)
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
    model = _describe(case, entry, lambda found: check_manifest(reader.name, inputs, outputs, found))
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


def _describe(case: Case, entry: str, check: Callable[[SavedModel], None] | None) -> SavedModel:
    """The signature that is served: the first one, or the first that a manifest fits.

    Args:
        case: The artifact.
        entry: The path of the graph, or of an archive with one.
        check: Raises a ``FormatError`` for a signature that the manifest does not mean.
    """
    with _opened(case, entry) as place:
        if place.size == 0:
            raise FormatError("empty", f"The file {quoted(entry)} is empty.", _EXPORT_AGAIN)
        try:
            graph = _graph(read_meta_graphs(Wire(place.read, place.size)))
        except WireError as error:
            raise _broken(entry, error) from None
    _check_operators(case, place, graph)
    _check_variables(place, graph)
    problems: list[FormatError] = []
    for name, signature in _signatures(graph):
        try:
            model = _model(place, graph, name, signature)
            if check is not None:
                check(model)
        except FormatError as problem:
            problems.append(problem)
            if check is None:
                break
        else:
            return model
    raise problems[0]


def _model(place: _Place, graph: MetaGraph, name: str, signature: Signature) -> SavedModel:
    inputs = tuple(_field(key, _vector(tensor)) for key, tensor in sorted(signature.inputs.items()))
    outputs = tuple(_field(key, tensor) for key, tensor in sorted(signature.outputs.items()))
    dtypes = {key: _TYPES[tensor.dtype][1] for key, tensor in sorted(signature.inputs.items())}
    return SavedModel(inputs, outputs, replace(place.options, signature=name, tags=graph.tags, dtypes=dtypes))


@contextmanager
def _opened(case: Case, entry: str) -> Iterator[_Place]:
    """The SavedModel behind a file: the graph itself, or an archive that holds one."""
    with case.open(entry) as (read, size):
        if PurePosixPath(entry).name == GRAPH:
            folder = str(PurePosixPath(entry).parent)
            files = case.below(folder)
            index = b""
            if _INDEX in files:
                with case.open(str(PurePosixPath(folder, _INDEX))) as (read_index, length):
                    index = read_index(0, min(length, 8))
            yield _Place(TensorflowSettings(saved_model=folder), entry, read, size, files, index)
            return
        archive = Archive(entry, read, size, case.leave_out)
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
        index = b""
        if _INDEX in files:
            with archive.open(archive.entries[root + _INDEX]) as read_index:
                index = read_index(0, min(files[_INDEX], 8))
        with archive.open(graph) as inner:
            yield _Place(options, entry, inner, graph.size, files, index)


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
    found = dangers(graph)
    for danger in found[:20]:
        case.danger(place.entry, danger.code, f"The model {quoted(place.entry)} {danger.text}.")
    idle = never_run(graph)
    if idle and not found:
        words = ", ".join(map(quoted, idle[:5]))
        case.notes.append(f"{quoted(place.entry)} has operators that no request reaches, and that never run: {words}")
    assets = {name[len("assets/") :] for name in place.files if name.startswith("assets/")}
    gone = [file for file in graph.assets.values() if inside(file) not in {*assets, None}]
    if gone:
        raise FormatError(
            "asset-missing",
            f"The SavedModel of {quoted(place.entry)} reads the file {quoted(gone[0])} of its folder assets, "
            "which is not there.",
            "Upload the whole folder of the SavedModel, with what is below assets.",
        )


def _check_variables(place: _Place, graph: MetaGraph) -> None:
    """The variables are there, in as many files as their names say."""
    if _INDEX in place.files:
        if _has_shards(place):
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


def _has_shards(place: _Place) -> bool:
    """Whether all files of values are there; those of another number of files are left over from an earlier save."""
    names = {name for name in place.files if name.startswith(_SHARD)}
    counts = {name.rpartition("-of-")[2] for name in names}
    # the header is the first entry of the index, its key empty (tensorflow/core/util/tensor_bundle/tensor_bundle.cc)
    header = _BUNDLE.match(place.index)
    if header is not None:
        counts &= {f"{header[1][0]:05d}"}
    return any(
        count.isascii()
        and count.isdigit()
        and len(count) == 5
        and all(f"{_SHARD}{number:05d}-of-{count}" in names for number in range(int(count)))
        for count in counts
    )


def _signatures(graph: MetaGraph) -> list[tuple[str, Signature]]:
    """The signatures that can be served, best first (contract: Old TensorFlow).

    The old runtime took ``predict``, or else the first of the file. Where that one takes nothing but texts, as
    what parses a ``tf.Example`` does, one that takes numbers comes before it, and ``serving_default`` before others.
    """
    usable = {name: signature for name, signature in graph.signatures.items() if _is_usable(graph, signature)}
    names = dict.fromkeys(["predict", *list(graph.signatures)[:1], "serving_default", *usable])
    ordered = sorted((name for name in names if name in usable), key=lambda name: _takes_texts_only(usable[name]))
    if not ordered:
        listed = ", ".join(map(quoted, list(graph.signatures)[:8])) or "none"
        raise FormatError(
            "no-signature",
            f"The SavedModel has no signature with tensors that the service can take in and give out; it has {listed}.",
            "Export the model with a signature whose inputs and outputs are float, double, int32, int64, string or "
            "bool.",
            verdict="unsupported",
        )
    return [(name, usable[name]) for name in ordered]


def _takes_texts_only(signature: Signature) -> bool:
    return all(tensor.dtype == _TEXT for tensor in signature.inputs.values())


def _vector(tensor: Tensor) -> Tensor:
    """An input as it is asked: texts whose number nobody declares are several, as a parser of examples wants them."""
    is_open = tensor.dtype == _TEXT and tensor.shape is None
    return Tensor(tensor.name, tensor.dtype, (DYNAMIC,)) if is_open else tensor


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
