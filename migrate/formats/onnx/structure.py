"""An ONNX file's structure: versions, inputs and outputs. Nothing is loaded."""

from collections.abc import Mapping, Sequence
from typing import Final, Literal

from msgspec import Struct

from migrate.formats.onnx.proto import GraphProto, ModelProto
from migrate.formats.reading.wire import LENGTH, MAXIMUM_DEPTH, VARINT, Field, Wire, WireError, expect, messages, signed

_MAXIMUM_RANK: Final = 64
_MAXIMUM_VALUES: Final = 20_000

ValueKind = Literal["tensor", "sequence", "map", "sparse", "optional", "opaque", "none"]


class ValueType(Struct, frozen=True):
    """A TypeProto. ``element`` is the tensor's dtype, or a map's key dtype; ``inner`` what a sequence or map holds.

    ``shape`` is None where the file declares none; a size is -1 where it is free.
    """

    kind: ValueKind
    element: int = 0
    shape: tuple[int, ...] | None = None
    inner: "ValueType | None" = None


class Value(Struct, frozen=True):
    """A ValueInfoProto: an input or output of the graph."""

    name: str
    type: ValueType


class Model(Struct, frozen=True):
    """What a ModelProto says at its top, and the declared inputs and outputs of its graph."""

    ir_version: int | None
    opsets: Mapping[str, int]
    graph: Field
    functions: Sequence[Field]
    inputs: Sequence[Value]
    outputs: Sequence[Value]


def read_model(wire: Wire) -> Model:
    """The top of a model.

    Raises:
        WireError: It is no ModelProto, or a broken one.
    """
    ir_version: int | None = None
    opsets: dict[str, int] = {}
    graphs: list[Field] = []
    functions: list[Field] = []
    for item in wire.fields(0, wire.size):
        if item.number not in ModelProto.ALL:
            raise WireError("malformed", f"field {item.number} at byte {item.start} does not belong to an ONNX model")
        expect(item, VARINT if item.number in (ModelProto.IR_VERSION, ModelProto.MODEL_VERSION) else LENGTH)
        if item.number == ModelProto.IR_VERSION:
            ir_version = signed(item.value)
        elif item.number == ModelProto.OPSET_IMPORT:
            _read_opset(wire, item, opsets)
        elif item.number in (ModelProto.GRAPH, ModelProto.FUNCTIONS):
            (graphs if item.number == ModelProto.GRAPH else functions).append(item)
    if len(graphs) != 1:
        raise WireError("malformed", f"it holds {len(graphs)} graphs where a model has one")
    inputs: list[Value] = []
    outputs: list[Value] = []
    for item in messages(wire, graphs[0], GraphProto.INPUT, GraphProto.OUTPUT):
        (inputs if item.number == GraphProto.INPUT else outputs).append(_read_value(wire, item))
        if len(inputs) + len(outputs) > _MAXIMUM_VALUES:
            raise WireError("too-complex", f"it has more than {_MAXIMUM_VALUES} inputs and outputs")
    return Model(ir_version, opsets, graphs[0], functions, inputs, outputs)


def _read_opset(wire: Wire, item: Field, opsets: dict[str, int]) -> None:
    domain, version = "", 0
    for part in wire.fields(item.start, item.end, frozenset({1, 2})):
        if part.number == 1:
            domain = wire.text(part)
        else:
            expect(part, VARINT)
            version = signed(part.value)
    opsets[domain] = max(version, opsets.get(domain, version))


def _read_value(wire: Wire, item: Field) -> Value:
    name, value_type = "", ValueType("none")
    for part in wire.fields(item.start, item.end, frozenset({1, 2})):
        if part.number == 1:
            name = wire.text(part)
        elif value_type.kind != "none":
            raise WireError("malformed", f"a second type at byte {part.start}")
        else:
            value_type = _read_type(wire, part, 3)
    if not name:
        raise WireError("malformed", f"an input or output without a name at byte {item.start}")
    return Value(name, value_type)


_KINDS: Final[dict[int, ValueKind]] = {
    1: "tensor",
    4: "sequence",
    5: "map",
    7: "opaque",
    8: "sparse",
    9: "optional",
}


def _read_type(wire: Wire, item: Field, depth: int) -> ValueType:
    if depth > MAXIMUM_DEPTH:
        raise WireError("too-complex", "its types are nested too deeply")
    expect(item, LENGTH)
    found: ValueType | None = None
    for part in wire.fields(item.start, item.end, frozenset(_KINDS)):
        expect(part, LENGTH)
        if found is not None:
            raise WireError("malformed", f"two types in one at byte {part.start}")
        kind = _KINDS[part.number]
        if kind in ("tensor", "sparse"):
            found = _read_tensor_type(wire, part, kind)
        elif kind == "map":
            found = _read_map_type(wire, part, depth)
        elif kind == "opaque":
            found = ValueType(kind)
        else:
            inner = [_read_type(wire, e, depth + 2) for e in wire.fields(part.start, part.end, frozenset({1}))]
            found = ValueType(kind, inner=_single(inner, part))
    return found or ValueType("none")


def _read_tensor_type(wire: Wire, item: Field, kind: ValueKind) -> ValueType:
    element, shape = 0, None
    for part in wire.fields(item.start, item.end, frozenset({1, 2})):
        if part.number == 1:
            expect(part, VARINT)
            element = part.value
        elif shape is not None:
            raise WireError("malformed", f"a second shape at byte {part.start}")
        else:
            expect(part, LENGTH)
            shape = tuple(_read_size(wire, e) for e in wire.fields(part.start, part.end, frozenset({1})))
            if len(shape) > _MAXIMUM_RANK:
                raise WireError("malformed", f"a shape of {len(shape)} dimensions at byte {part.start}")
    return ValueType(kind, element, shape)


def _read_size(wire: Wire, item: Field) -> int:
    expect(item, LENGTH)
    size = -1
    for part in wire.fields(item.start, item.end, frozenset({1, 2})):
        # one of two: the last one given counts; negative sizes are free ones (onnxruntime reads them so)
        size = max(signed(part.value), -1) if part.number == 1 and part.wire == VARINT else -1
    return size


def _read_map_type(wire: Wire, item: Field, depth: int) -> ValueType:
    key, inner = 0, []
    for part in wire.fields(item.start, item.end, frozenset({1, 2})):
        if part.number == 1:
            expect(part, VARINT)
            key = part.value
        else:
            inner.append(_read_type(wire, part, depth + 2))
    return ValueType("map", key, inner=_single(inner, item))


def _single(types: list[ValueType], item: Field) -> ValueType | None:
    if len(types) > 1:
        raise WireError("malformed", f"two types in one at byte {item.start}")
    return types[0] if types else None
