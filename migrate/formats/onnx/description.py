"""An ONNX model's description for the server, or the reason why it cannot be served."""

from collections.abc import Iterable, Mapping
from typing import Final, Literal

from msgspec import Struct

from migrate.core.model_json import Field, Labels, OnnxSettings
from migrate.formats.onnx.limits import IR_VERSION, ONNXRUNTIME, OPSETS
from migrate.formats.onnx.nodes import initializer_names, missing_operators, zipmap_labels
from migrate.formats.onnx.operators import first_set
from migrate.formats.onnx.rows import rows_apart
from migrate.formats.onnx.structure import Model, Value, ValueType, read_model
from migrate.formats.onnx.tensors import TensorCheck
from migrate.formats.onnx.words import known_words
from migrate.formats.reading.errors import FormatError, quoted
from migrate.formats.reading.fields import DYNAMIC, java_hash_order, tensor_field
from migrate.formats.reading.wire import Read, Wire, WireError

# TensorProto.DataType -> the old runtime's word (contract: Old ONNX)
_WORDS: Final = {
    1: "float",
    11: "double",
    6: "integer",
    7: "long",
    9: "boolean",
    8: "string",
    10: "float",
    12: "integer",
    13: "long",  # float16, uint32 and uint64 are folded
    **dict.fromkeys((2, 3, 4, 5), "integer"),  # uint8, int8, uint16, int16: the old runtime did not take these
}
_DTYPE_NAMES: Final = (
    *("undefined", "float", "uint8", "int8", "uint16", "int16", "int32"),
    *("int64", "string", "bool", "float16", "double", "uint32", "uint64"),
    *("complex64", "complex128", "bfloat16", "float8e4m3fn", "float8e4m3fnuz", "float8e5m2", "float8e5m2fnuz"),
    *("uint4", "int4", "float4e2m1", "float8e8m0", "uint2", "int2"),
)

_EXPORT_AGAIN: Final = "Export the model to ONNX again and put the new file in its place."


class Description(Struct, frozen=True):
    """What the server needs to know of an ONNX graph.

    Attributes:
        inputs: In the order of ``/describe``.
        outputs: In the graph's order; one without a shape is sized by the server's load-time run.
        engine: The content of ``onnx`` in ``model.json``.
        external: The files beside the model that hold its weights.
    """

    inputs: tuple[Field, ...]
    outputs: tuple[Field, ...]
    engine: OnnxSettings
    external: frozenset[str]


def describe(read: Read, size: int, files: Mapping[str, int] | None) -> Description:
    """Read a model's signature and check that onnxruntime can be expected to load it.

    Args:
        read: The model's bytes.
        size: How many there are.
        files: Sizes of the files in the model's folder, by path; None for a model without a folder.

    Raises:
        FormatError: It cannot be served.
    """
    if size == 0:
        raise FormatError("empty", "The model's file is empty.", "Upload the complete file in its place.")
    try:
        return _describe(Wire(read, size), files)
    except WireError as error:
        raise broken(error) from None


def _describe(wire: Wire, files: Mapping[str, int] | None) -> Description:
    model = read_model(wire)
    _check_versions(model)
    check = TensorCheck(wire, files)
    missing = missing_operators(wire, model, check)
    if missing.unknown:
        raise FormatError(
            "custom-operators",
            f"The model uses operators that onnxruntime does not have: {', '.join(map(quoted, missing.unknown))}.",
            "Export the model with the standard ONNX operators only.",
            verdict="unsupported",
        )
    if missing.older:
        since = ", ".join(f"{quoted(name)} from {first_set(domain, name)}" for domain, name in missing.older)
        raise FormatError(
            "older-than-supported",
            f"The model uses operators of older sets than onnxruntime {ONNXRUNTIME} has, which has {since}; the model "
            f"imports set {model.opsets.get('', model.opsets.get('ai.onnx', 1))} of ONNX.",
            "Convert it: onnx.version_converter.convert_version(onnx.load(FILE), 12), and onnx.save the result.",
            verdict="unsupported",
        )
    inputs = _inputs(wire, model)
    if not inputs:
        raise FormatError(
            "no-inputs",
            "The model has no inputs: every request would get the same answer.",
            "Check with its author that this is the model.",
            verdict="unsupported",
        )
    fields = {value.name: _input_field(value) for value in inputs}
    outputs, zipmap = _outputs(wire, model, any(_is_dynamic(value.type) for value in inputs))
    texts = frozenset(name for name, field in fields.items() if field.type == "string")
    words = known_words(wire, model.graph, texts) if texts else {}
    answered = frozenset(field.name for field in outputs)
    apart = rows_apart(wire, model, {value.name: value.type.shape or () for value in inputs}, answered)
    return Description(
        inputs=tuple(fields[name] for name in java_hash_order(fields)),
        outputs=outputs,
        engine=OnnxSettings(
            zipmap,
            rows_apart=apart,
            one_thread=missing.forests,
            words={name: tuple(known) for name, known in words.items()},
        ),
        external=frozenset(check.used),
    )


def broken(error: WireError) -> FormatError:
    """The problem of a model file whose bytes are broken."""
    if error.kind == "truncated":
        return FormatError(
            "truncated",
            f"The ONNX file is incomplete: {error.text}.",
            "Upload the complete file in its place; the beginning of the model is all that is there.",
        )
    if error.kind == "too-complex":
        return FormatError(
            "too-complex",
            f"The ONNX file was not read to its end: {error.text}.",
            "Check with its author that this is the model, and export it again.",
            verdict="unsupported",
        )
    return FormatError("corrupt", f"The ONNX file is broken: {error.text}.", _EXPORT_AGAIN)


def _check_versions(model: Model) -> None:
    if model.ir_version is None:
        raise FormatError("corrupt", "The ONNX file does not say its IR version.", _EXPORT_AGAIN)
    if model.ir_version > IR_VERSION:
        raise FormatError(
            "newer-than-supported",
            f"The model has ONNX IR version {model.ir_version}; onnxruntime {ONNXRUNTIME} reads up to {IR_VERSION}.",
            f"Export the model with an ONNX IR version of at most {IR_VERSION}.",
            verdict="unsupported",
        )
    if not model.opsets and model.ir_version >= 3:
        raise FormatError("corrupt", "The ONNX file does not say its operator sets.", _EXPORT_AGAIN)
    for domain, version in sorted(model.opsets.items()):
        if version > OPSETS.get(domain, version):
            raise FormatError(
                "newer-than-supported",
                f"The model uses version {version} of the operator set {quoted(domain or 'ai.onnx')}; "
                f"onnxruntime {ONNXRUNTIME} has up to {OPSETS[domain]}.",
                f"Export the model with opset_version={OPSETS[domain]} or lower.",
                verdict="unsupported",
            )
    if not model.outputs:
        raise FormatError("corrupt", "The ONNX file's graph has no outputs.", _EXPORT_AGAIN)


def _inputs(wire: Wire, model: Model) -> list[Value]:
    """The graph's inputs that have no value of their own, as the engine asks for them."""
    _no_duplicates(model.inputs)
    names = frozenset(value.name for value in model.inputs)
    given = initializer_names(wire, model.graph, names)
    return [value for value in model.inputs if value.name not in given]


def _no_duplicates(values: Iterable[Value]) -> None:
    seen: set[str] = set()
    for value in values:
        if value.name in seen:
            raise WireError("malformed", f"two inputs or outputs have the name {quoted(value.name)}")
        seen.add(value.name)


def _is_dynamic(value_type: ValueType) -> bool:
    return bool(value_type.shape) and value_type.shape is not None and value_type.shape[0] == DYNAMIC


def _input_field(value: Value) -> Field:
    if value.type.kind != "tensor":
        raise _unsupported("input", value, f"is a {_kind_name(value.type)}, and requests hold tensors")
    word = _WORDS.get(value.type.element)
    if word is None:
        raise _unsupported("input", value, f"has the dtype {dtype_name(value.type.element)}")
    # the engine's Java binding gave no rank for a tensor of undeclared shape, which made it a scalar
    shape = value.type.shape or ()
    if 0 in shape:
        raise _unsupported("input", value, "has a dimension of size 0")
    return tensor_field(value.name, word, shape)


def _outputs(wire: Wire, model: Model, dynamic: bool) -> tuple[tuple[Field, ...], dict[str, Labels]]:
    _no_duplicates(model.outputs)
    maps = frozenset(value.name for value in model.outputs if _is_map_sequence(value.type))
    labels = zipmap_labels(wire, model.graph, maps) if maps else {}
    fields: list[Field] = []
    zipmap: dict[str, Labels] = {}
    for value in model.outputs:
        if value.type.kind == "map":
            continue  # the old runtime dropped them
        if value.name in maps:
            found: tuple[int | str, ...] = tuple(labels.get(value.name, ()))
            fields.append(_zipmap_field(value, found))
            if found:
                zipmap[value.name] = Labels(found)
        else:
            fields.append(_output_field(value, dynamic))
    if not fields:
        raise FormatError(
            "unsupported-output",
            "The model's only outputs are maps, which the service does not return.",
            "Export the model with a tensor output (skl2onnx: zipmap=False).",
            verdict="unsupported",
        )
    return tuple(fields), zipmap


def _is_map_sequence(value_type: ValueType) -> bool:
    return value_type.kind == "sequence" and value_type.inner is not None and value_type.inner.kind == "map"


def _zipmap_field(value: Value, labels: tuple[int | str, ...]) -> Field:
    inner = value.type.inner
    held = inner.inner if inner is not None else None
    if inner is None or inner.element not in (7, 8) or held is None or (held.kind, held.element) != ("tensor", 1):
        raise _unsupported("output", value, "is a sequence of maps other than from class labels to floats")
    return tensor_field(value.name, "float", [DYNAMIC, len(labels) or DYNAMIC])


def _output_field(value: Value, dynamic: bool) -> Field:
    if value.type.kind != "tensor":
        raise _unsupported("output", value, f"is a {_kind_name(value.type)}")
    word = _WORDS.get(value.type.element)
    if word is None:
        raise _unsupported("output", value, f"has the dtype {dtype_name(value.type.element)}")
    if value.type.shape is None:
        return Field(value.name, word)
    shape = list(value.type.shape)
    if dynamic and shape:
        # exporters declare [1] where a batch comes out: the old runtime freed dimension 0 of every output
        shape[0] = DYNAMIC
    return tensor_field(value.name, word, shape)


def _kind_name(value_type: ValueType) -> str:
    if value_type.kind == "sequence":
        return f"sequence of {_kind_name(value_type.inner)}s" if value_type.inner else "sequence"
    return {"sparse": "sparse tensor", "none": "value without a type"}.get(value_type.kind, value_type.kind)


def dtype_name(element: int) -> str:
    """The name of a TensorProto.DataType."""
    return _DTYPE_NAMES[element] if element < len(_DTYPE_NAMES) else f"number {element}"


def _unsupported(role: Literal["input", "output"], value: Value, what: str) -> FormatError:
    return FormatError(
        "unsupported-input" if role == "input" else "unsupported-output",
        f"The {role} {quoted(value.name)} {what}, which the service cannot take in or give out.",
        "Export the model with float, double, int32, int64, string or bool tensors.",
        verdict="unsupported",
    )
