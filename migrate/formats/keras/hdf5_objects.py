"""The groups and datasets of an HDF5 file: where their content lies, and whether all of it is in the file."""

import struct
from collections.abc import Iterator
from typing import Final

from msgspec import Struct

from migrate.formats.keras.hdf5_attributes import elements
from migrate.formats.keras.hdf5_blocks import UNDEFINED, Blocks, Hdf5Error, Message

_SPACE, _LINK_INFO, _TYPE, _LINK, _EXTERNAL, _LAYOUT, _FILTERS, _GROUP = 0x01, 0x02, 0x03, 0x06, 0x07, 0x08, 0x0B, 0x11
_ONCE: Final = frozenset({_SPACE, _LINK_INFO, _TYPE, _EXTERNAL, _LAYOUT, _FILTERS, _GROUP})
_HARD: Final = 0
_VIRTUAL: Final = 3
_FILTERS_KNOWN: Final = frozenset({1, 2, 3})  # gzip, shuffle, checksum
MAXIMUM_OBJECTS: Final = 200_000
_MAXIMUM_RATIO: Final = 250  # what gzip makes of trained weights is hardly smaller than they are
_RATIO_FROM: Final = 4 * 1024 * 1024


class Outside(Struct, frozen=True):
    """Something that lies in another file."""

    text: str


def check_objects(blocks: Blocks) -> list[Outside]:
    """Walk through all groups and datasets.

    Returns:
        What refers to other files.

    Raises:
        Hdf5Error: Something is broken, not all there, or not what Keras writes.
    """
    outside: list[Outside] = []
    seen: set[int] = set()
    waiting = [blocks.root]
    total = 0
    while waiting:
        address = waiting.pop()
        if address in seen:
            continue
        seen.add(address)
        if len(seen) > MAXIMUM_OBJECTS:
            raise Hdf5Error("unsupported", f"more than {MAXIMUM_OBJECTS} objects")
        messages = blocks.messages(address)
        total += _dataset(blocks, messages, outside)
        for message in messages:
            if message.type == _GROUP:
                waiting += _old_links(blocks, message, outside)
            elif message.type == _LINK_INFO:
                _no_heap(message)
            elif message.type == _LINK:
                waiting += _new_link(message, outside)
    if total > _RATIO_FROM and total > _MAXIMUM_RATIO * blocks.size:
        raise Hdf5Error("unsupported", f"values that unpack to {total} bytes, {total // blocks.size} times the file")
    return outside


def _dataset(blocks: Blocks, messages: list[Message], outside: list[Outside]) -> int:
    """Check a dataset, and return the bytes of its values; 0 for a group."""
    found = {message.type: message for message in messages}
    once = [message.type for message in messages if message.type in _ONCE]
    if len(set(once)) != len(once):
        raise Hdf5Error("malformed", "an object that says twice what it is")
    if _EXTERNAL in found:
        outside.append(Outside("keeps values in another file"))
    layout, space, kind = found.get(_LAYOUT), found.get(_SPACE), found.get(_TYPE)
    if layout is None:
        return 0
    if space is None or kind is None or kind.shared or space.shared or len(kind.data) < 8 or len(space.data) < 4:
        raise Hdf5Error("unsupported", "a dataset with a shared or missing type")
    size = elements(space.data) * int.from_bytes(kind.data[4:8], "little")
    _filters(found.get(_FILTERS))
    data = layout.data.ljust(32, b"\0")
    version = data[0]
    if version in (1, 2):
        storage, address, held = data[2], *struct.unpack_from("<QQ", data, 8)
        held = size
    elif version in (3, 4):
        storage, (address, held) = data[1], struct.unpack_from("<QQ", data, 2)
    else:
        raise Hdf5Error("unsupported", f"a layout of version {version}")
    if storage == _VIRTUAL:
        outside.append(Outside("takes values from other files"))
    elif storage == 1 and address != UNDEFINED and (address + held > blocks.size or held < size):
        raise Hdf5Error(
            "truncated", f"it has {blocks.size} bytes, and values reach to byte {address + max(held, size)}"
        )
    return size


def _filters(message: Message | None) -> None:
    """Only the library's own: others are programs that it loads (IV.A.2.l)."""
    if message is None:
        return
    data = message.data
    if len(data) < 2 or message.shared:
        raise Hdf5Error("malformed", "a broken list of filters")
    version, count = data[0], data[1]
    at = 8 if version == 1 else 2
    for _ in range(count):
        if at + (8 if version == 1 else 6) > len(data):
            raise Hdf5Error("malformed", "a broken list of filters")
        number = int.from_bytes(data[at : at + 2], "little")
        if number not in _FILTERS_KNOWN:
            raise Hdf5Error("unsupported", f"the filter {number}")
        if version == 1:
            name, _, values = struct.unpack_from("<HHH", data, at + 2)
            at += 8 + name + 4 * (values + values % 2)
        else:
            _, values = struct.unpack_from("<HH", data, at + 2)
            at += 6 + 4 * values


def _no_heap(message: Message) -> None:
    flags = message.data[1] if len(message.data) > 1 else 0
    at = 2 + (8 if flags & 1 else 0)
    if struct.unpack("<Q", message.data[at : at + 8].ljust(8, b"\xff"))[0] != UNDEFINED:
        raise Hdf5Error("unsupported", "links in a heap of their own")


def _new_link(message: Message, outside: list[Outside]) -> Iterator[int]:
    """A link message (IV.A.2.g)."""
    data = message.data
    flags = data[1] if len(data) > 2 else 0
    at = 2
    kind = _HARD
    if flags & 0x08:
        kind, at = data[at], at + 1
    at += (8 if flags & 0x04 else 0) + (1 if flags & 0x10 else 0)
    width = 1 << (flags & 3)
    length = int.from_bytes(data[at : at + width], "little")
    at += width + length
    if kind != _HARD:
        outside.append(Outside("has a link to another file, or by a name"))
    elif at + 8 > len(data):
        raise Hdf5Error("malformed", "a broken link")
    else:
        yield int.from_bytes(data[at : at + 8], "little")


def _old_links(blocks: Blocks, message: Message, outside: list[Outside]) -> Iterator[int]:
    """The entries of a group's tree (III.A.1, III.B)."""
    if len(message.data) < 16:
        raise Hdf5Error("malformed", "a broken group")
    waiting = [int.from_bytes(message.data[:8], "little")]
    seen: set[int] = set()
    while waiting:
        address = waiting.pop()
        if address in seen:
            raise Hdf5Error("malformed", "a group's tree has a circle")
        seen.add(address)
        head = blocks.get(address, 8)
        if head[:4] == b"TREE" and head[4] == 0:
            count = int.from_bytes(head[6:8], "little")
            keys = blocks.get(address + 24, 8 + 16 * count)
            waiting += [int.from_bytes(keys[8 + 16 * i : 16 + 16 * i], "little") for i in range(count)]
        elif head[:5] == b"SNOD\x01":
            count = int.from_bytes(head[6:8], "little")
            for _, target, kind in struct.iter_unpack("<QQI20x", blocks.get(address + 8, 40 * count)):
                if kind not in (0, 1):
                    outside.append(Outside("has a link to another file, or by a name"))
                else:
                    yield target
        else:
            raise Hdf5Error("malformed", f"no part of a group's tree at byte {address}")
