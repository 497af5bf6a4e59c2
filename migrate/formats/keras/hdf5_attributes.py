"""Texts in the attributes of HDF5 objects (Keras keeps a model's configuration in one)."""

import struct
from typing import Final

from migrate.formats.keras.hdf5_blocks import UNDEFINED, Blocks, Hdf5Error, Message

_ATTRIBUTE, _ATTRIBUTE_INFO = 0x000C, 0x0015
_FIXED, _VARIABLE = 3, 9
_STRING: Final = 1
_TERMINATED, _SPACES = 0, 2
MAXIMUM_TEXT: Final = 16 * 1024 * 1024
_MAXIMUM_ELEMENTS: Final = 1 << 56


def texts(blocks: Blocks, messages: list[Message], wanted: frozenset[str]) -> dict[str, bytes]:
    """The attributes of these names that are one text each (IV.A.2.m).

    Raises:
        Hdf5Error: One of them is stored in a way that Keras does not store it.
    """
    found: dict[str, bytes] = {}
    for message in messages:
        if message.type == _ATTRIBUTE_INFO:
            _no_dense(message)
        elif message.type == _ATTRIBUTE:
            name, kind, space, data = _attribute(message)
            if name in wanted:
                if name in found:
                    raise Hdf5Error("malformed", f"two attributes {name}")
                if elements(space) != 1 or space[1]:
                    raise Hdf5Error("unsupported", f"an attribute {name} that is no single value")
                found[name] = _text(blocks, name, kind, data)
    return found


def _no_dense(message: Message) -> None:
    """Attributes in the header itself, where they are as long as there are at most eight."""
    flags = message.data[1] if len(message.data) > 1 else 0
    at = 2 + (2 if flags & 1 else 0)
    if struct.unpack("<Q", message.data[at : at + 8].ljust(8, b"\xff"))[0] != UNDEFINED:
        raise Hdf5Error("unsupported", "attributes in a heap of their own")


def _attribute(message: Message) -> tuple[str, bytes, bytes, bytes]:
    """Name, datatype, dataspace and content."""
    data = message.data
    if message.shared or len(data) < 9:
        raise Hdf5Error("unsupported", "a shared attribute")
    version, flags, name_size, type_size, space_size = struct.unpack_from("<BBHHH", data)
    if version not in (1, 2, 3) or (version > 1 and flags):
        raise Hdf5Error("unsupported", f"an attribute of version {version}, or with a shared type")
    at = 9 if version == 3 else 8
    parts: list[bytes] = []
    for size in (name_size, type_size, space_size):
        parts.append(data[at : at + size])
        at += size + (-size % 8 if version == 1 else 0)
    name, kind, space = parts
    if not name.endswith(b"\0") or len(kind) < 8 or len(space) < 4:
        raise Hdf5Error("malformed", "a broken attribute")
    return name.rstrip(b"\0").decode("utf-8", "replace"), kind, space, data[at:]


def elements(space: bytes) -> int:
    """The number of elements of a dataspace (IV.A.2.b)."""
    version, rank = space[0], space[1]
    at = {1: 8, 2: 4}.get(version, 0)
    if not at or len(space) < at + 8 * rank:
        raise Hdf5Error("malformed", "a broken dataspace")
    if version == 2 and space[3] == 2:
        return 0
    count = 1
    for (size,) in struct.iter_unpack("<Q", space[at : at + 8 * rank]):
        count *= size
        if count > _MAXIMUM_ELEMENTS:
            raise Hdf5Error("malformed", "a dataspace of an impossible size")
    return count


def _text(blocks: Blocks, name: str, kind: bytes, data: bytes) -> bytes:
    family = kind[0] & 0x0F
    size = int.from_bytes(kind[4:8], "little")
    if family == _FIXED and len(data) >= size:
        return _unpadded(data[:size], kind[1] & 0x0F)
    if family == _VARIABLE and kind[1] & 0x0F == _STRING and size == 16 and len(data) >= 16:
        return _from_heap(blocks, name, data)
    raise Hdf5Error("unsupported", f"an attribute {name} that is no text")


def _unpadded(text: bytes, padding: int) -> bytes:
    """A text of a fixed size: up to a zero, or without the zeros or the spaces behind it (IV.A.2.d, strings)."""
    if padding == _TERMINATED:
        return text.partition(b"\0")[0]
    return text.rstrip(b" ").rstrip(b"\0") if padding == _SPACES else text.rstrip(b"\0")


def _from_heap(blocks: Blocks, name: str, reference: bytes) -> bytes:
    """A text in a global heap (III.E)."""
    length, address, index = struct.unpack_from("<IQI", reference)
    head = blocks.get(address, 16)
    size = int.from_bytes(head[8:], "little")
    if head[:5] != b"GCOL\x01" or length > MAXIMUM_TEXT:
        raise Hdf5Error("malformed", f"no text of the attribute {name} at byte {address}")
    at, end = address + 16, address + size
    while at + 16 <= end:
        number, _, _, held = struct.unpack("<HHIQ", blocks.get(at, 16))
        if number == 0:
            break
        if number == index:
            if held < length or at + 16 + held > end:
                break
            return _unpadded(blocks.get(at + 16, length), _TERMINATED)
        at += 16 + held + -held % 8
    raise Hdf5Error("malformed", f"no text of the attribute {name} in its heap")
