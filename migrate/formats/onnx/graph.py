"""A graph's nodes and small constants, for who has to follow what the graph computes. Nothing is run.

Field numbers: https://github.com/onnx/onnx/blob/main/onnx/onnx.proto.
"""

import struct
from collections.abc import Iterator, Mapping
from typing import Final

from msgspec import Struct

from migrate.formats.onnx.structure import (
    INITIALIZER,
    NODE,
)
from migrate.formats.reading.wire import LENGTH, VARINT, Field, Wire, messages, signed

# NodeProto
_INPUT, _OUTPUT, _OP_TYPE, _ATTRIBUTE, _DOMAIN = 1, 2, 4, 5, 7
# AttributeProto
_NAME, _INTEGER, _INTEGERS, _TEXTS = 1, 3, 8, 9
# TensorProto
_DIMS, _DATA_TYPE, _INT64_DATA, _TENSOR_NAME, _RAW_DATA = 1, 2, 7, 8, 9
_INT64: Final = 7
_FEW: Final = 16  # the most values of a constant that are read: axes and shapes are short
_MANY: Final = 4096  # the most values of an attribute that are kept


class Node(Struct, frozen=True):
    """A node: its operator, the names of its tensors, and those of its attributes that are integers.

    ``lengths`` has the number of texts of the attributes that are lists of texts.
    """

    operator: str
    domain: str
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    integers: Mapping[str, int]
    lists: Mapping[str, tuple[int, ...]]
    lengths: Mapping[str, int]


class Fixed(Struct, frozen=True):
    """A constant: its dimensions, and its values where they are a few integers of 64 bits."""

    shape: tuple[int, ...]
    values: tuple[int, ...] | None = None


def nodes(wire: Wire, graph: Field) -> Iterator[Node]:
    """The nodes in the file's order, in which each comes after those that it needs.

    Raises:
        WireError: The structure is broken.
    """
    for item in messages(wire, graph, NODE):
        yield _node(wire, item)


def constants(wire: Wire, graph: Field) -> dict[str, Fixed]:
    """The tensors that the graph brings along, by name.

    Raises:
        WireError: The structure is broken.
    """
    return dict(_constant(wire, item) for item in messages(wire, graph, INITIALIZER))


def _node(wire: Wire, item: Field) -> Node:
    operator = domain = ""
    inputs: list[str] = []
    outputs: list[str] = []
    integers: dict[str, int] = {}
    lists: dict[str, tuple[int, ...]] = {}
    lengths: dict[str, int] = {}
    for part in messages(wire, item, _INPUT, _OUTPUT, _OP_TYPE, _ATTRIBUTE, _DOMAIN):
        match part.number:
            case 1:
                inputs.append(wire.text(part))
            case 2:
                outputs.append(wire.text(part))
            case 4:
                operator = wire.text(part)
            case 7:
                domain = wire.text(part)
            case _:
                _attribute(wire, part, integers, lists, lengths)
    return Node(operator, domain, tuple(inputs), tuple(outputs), integers, lists, lengths)


def _attribute(
    wire: Wire, item: Field, integers: dict[str, int], lists: dict[str, tuple[int, ...]], lengths: dict[str, int]
) -> None:
    name = "".join(wire.text(part) for part in messages(wire, item, _NAME))
    numbers: list[int] = []
    texts = 0
    for part in wire.fields(item.start, item.end, frozenset({_INTEGER, _INTEGERS, _TEXTS})):
        if part.number == _TEXTS:
            texts += 1
        elif part.number == _INTEGERS:
            numbers.extend(signed(value) for value in wire.packed(part) if len(numbers) <= _MANY)
        elif part.wire == VARINT:
            integers[name] = signed(part.value)
    if numbers:
        lists[name] = tuple(numbers)
    if texts:
        lengths[name] = texts


def _constant(wire: Wire, item: Field) -> tuple[str, Fixed]:
    name, kind = "", 0
    shape: list[int] = []
    values: list[int] = []
    raw = b""
    for part in wire.fields(item.start, item.end, frozenset({_DIMS, _DATA_TYPE, _INT64_DATA, _TENSOR_NAME, _RAW_DATA})):
        match part.number:
            case 1:
                shape.extend(signed(value) for value in wire.packed(part))
            case 2:
                kind = part.value
            case 7 if part.end - part.start <= _FEW * 10 and len(values) <= _FEW:
                values.extend(signed(value) for value in wire.packed(part))
            case 8:
                name = wire.text(part)
            case 9 if part.wire == LENGTH and part.end - part.start <= _FEW * 8:
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
