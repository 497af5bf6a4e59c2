"""A graph's nodes, their attributes, and small constants. Nothing is run."""

import struct
from collections.abc import Iterator
from typing import Final

from msgspec import Struct

from migrate.formats.onnx.proto import AttributeProto, GraphProto, NodeProto, TensorProto
from migrate.formats.reading.wire import LENGTH, VARINT, Field, Wire, messages, signed

_NODE_PARTS: Final = (
    NodeProto.INPUT,
    NodeProto.OUTPUT,
    NodeProto.OP_TYPE,
    NodeProto.ATTRIBUTE,
    NodeProto.DOMAIN,
)
_NUMBER_PARTS: Final = frozenset({AttributeProto.INT, AttributeProto.INTS, AttributeProto.STRINGS})
_CONSTANT_PARTS: Final = frozenset(
    {TensorProto.DIMS, TensorProto.DATA_TYPE, TensorProto.INT64_DATA, TensorProto.NAME, TensorProto.RAW_DATA}
)
_INT64: Final = 7  # TensorProto.DataType
_FEW: Final = 16  # the most values of a constant that are read: axes and shapes are short
_MANY: Final = 4096  # the most values of an attribute that are kept


class Node(Struct, frozen=True):
    """A node: its operator, the names of its tensors, and where its attributes lie in the file."""

    operator: str
    domain: str
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    attributes: tuple[Field, ...]


class Numbers(Struct, frozen=True):
    """The integers among a node's attributes; ``lengths`` has how many texts each list of texts holds."""

    integers: dict[str, int]
    lists: dict[str, tuple[int, ...]]
    lengths: dict[str, int]


class Fixed(Struct, frozen=True):
    """A constant: its dimensions, and its values where they are a few integers of 64 bits."""

    shape: tuple[int, ...]
    values: tuple[int, ...] | None = None


def nodes(wire: Wire, graph: Field) -> Iterator[Node]:
    """The nodes in the file's order, in which each comes after those that it needs.

    Raises:
        WireError: The structure is broken.
    """
    for item in messages(wire, graph, GraphProto.NODE):
        yield node_at(wire, item)


def node_at(wire: Wire, item: Field) -> Node:
    """The node of a NodeProto.

    Raises:
        WireError: The structure is broken.
    """
    operator = domain = ""
    inputs: list[str] = []
    outputs: list[str] = []
    attributes: list[Field] = []
    for part in messages(wire, item, *_NODE_PARTS):
        match part.number:
            case NodeProto.INPUT:
                inputs.append(wire.text(part))
            case NodeProto.OUTPUT:
                outputs.append(wire.text(part))
            case NodeProto.OP_TYPE:
                operator = wire.text(part)
            case NodeProto.DOMAIN:
                domain = wire.text(part)
            case _:
                attributes.append(part)
    return Node(operator, domain, tuple(inputs), tuple(outputs), tuple(attributes))


def name_of(wire: Wire, attribute: Field) -> str:
    """The name of an AttributeProto."""
    return "".join(wire.text(part) for part in messages(wire, attribute, AttributeProto.NAME))


def numbers_of(wire: Wire, node: Node) -> Numbers:
    """The attributes of a node that are integers.

    Raises:
        WireError: The structure is broken.
    """
    found = Numbers({}, {}, {})
    for attribute in node.attributes:
        _attribute(wire, attribute, found)
    return found


def constants(wire: Wire, graph: Field) -> dict[str, Fixed]:
    """The tensors that the graph brings along, by name.

    Raises:
        WireError: The structure is broken.
    """
    return dict(_constant(wire, item) for item in messages(wire, graph, GraphProto.INITIALIZER))


def _attribute(wire: Wire, item: Field, found: Numbers) -> None:
    name = name_of(wire, item)
    numbers: list[int] = []
    texts = 0
    for part in wire.fields(item.start, item.end, _NUMBER_PARTS):
        if part.number == AttributeProto.STRINGS:
            texts += 1
        elif part.number == AttributeProto.INTS:
            numbers.extend(signed(value) for value in wire.packed(part) if len(numbers) <= _MANY)
        elif part.wire == VARINT:
            found.integers[name] = signed(part.value)
    if numbers:
        found.lists[name] = tuple(numbers)
    if texts:
        found.lengths[name] = texts


def _constant(wire: Wire, item: Field) -> tuple[str, Fixed]:
    name, kind = "", 0
    shape: list[int] = []
    values: list[int] = []
    raw = b""
    for part in wire.fields(item.start, item.end, _CONSTANT_PARTS):
        match part.number:
            case TensorProto.DIMS:
                shape.extend(signed(value) for value in wire.packed(part))
            case TensorProto.DATA_TYPE:
                kind = part.value
            case TensorProto.INT64_DATA if part.end - part.start <= _FEW * 10 and len(values) <= _FEW:
                values.extend(signed(value) for value in wire.packed(part))
            case TensorProto.NAME:
                name = wire.text(part)
            case TensorProto.RAW_DATA if part.wire == LENGTH and part.end - part.start <= _FEW * 8:
                raw = wire.data(part.start, part.end)
            case _:
                pass
    if kind == _INT64 and raw:
        values = list(struct.unpack(f"<{len(raw) // 8}q", raw[: len(raw) // 8 * 8]))
    count = 1
    for size in shape:
        count *= size
    known = kind == _INT64 and len(values) == count <= _FEW
    return name, Fixed(tuple(shape), tuple(values) if known else None)
