"""HDF5 files that take values from elsewhere, or that make their readers run for ever."""

import json
import struct

from tests.formats.hostile.base import HostileCase
from tests.formats.hostile.hdf5_writer import (
    CONTINUATION,
    EXTERNAL,
    FILL,
    FILTERS,
    FLOAT,
    GROUP,
    GROUP_LINKS,
    LAYOUT,
    TYPE,
    Message,
    external_link,
    file,
    header,
    layout,
    link,
    place,
    soft_link,
    space,
    text,
)
from tests.formats.hostile.keras import DENSE, INPUT

_GOOD = {"class_name": "Sequential", "config": {"name": "s", "layers": [INPUT, DENSE]}}
_ROOT = [GROUP_LINKS, text("keras_version", b"2.15.0"), text("model_config", json.dumps(_GOOD).encode())]


def _root(*more: Message) -> bytes:
    return file([*_ROOT, *more])


def dataset(*messages: Message, values: bytes = b"") -> bytes:
    """A good model with one more dataset of these messages; the values lie behind it."""
    first = [*_ROOT, link("w", 0)]
    root = [*_ROOT, link("w", place(first))]
    return file(root, header(messages), values)


def _address(*messages: Message) -> int:
    return place([*_ROOT, link("w", 0)], header(messages))


_BASE = (space(4), (TYPE, FLOAT), (FILL, b"\x02\x02\x02\0"))
_PLACED = layout(_address(*_BASE, layout(0, 16)), 16)
GOOD = dataset(*_BASE, _PLACED, values=bytes(16))
_SLOT = struct.pack("<B3xHHQ3Q", 1, 1, 1, 96, 0, 0, 16)


def _tree_of_itself() -> bytes:
    root = [*_ROOT, (GROUP, bytes(16))]
    at = place(root)
    tree = b"TREE\0\1" + struct.pack("<H", 1) + b"\xff" * 16 + struct.pack("<QQQ", 0, at, 0)
    return file([*_ROOT, (GROUP, struct.pack("<QQ", at, at))], tree)


def _many_links() -> bytes:
    """Groups that list the same two thousand groups each."""
    count = 2000
    root = [*_ROOT, (GROUP, bytes(16))]
    at = place(root)
    body = 16 + 8 + 16
    first = at + 48 + 8 + 40 * count
    tree = b"TREE\0\0" + struct.pack("<H", 1) + b"\xff" * 16 + struct.pack("<QQQ", 0, at + 48, 0)
    names = b"".join(struct.pack("<QQI20x", 0, first + body * number, 0) for number in range(count))
    groups = b"".join(header([(GROUP, struct.pack("<QQ", at, at))]) for _ in range(count))
    symbols = b"SNOD\1\0" + struct.pack("<H", count) + names
    return file([*_ROOT, (GROUP, struct.pack("<QQ", at, at))], tree, symbols, groups)


def _case(word: str, weakness: str, content: bytes, verdict: str, reason: str) -> HostileCase:
    return HostileCase(f"hdf5-{word}", weakness, {"m.h5": content}, verdict, reason)


CASES = (
    _case(
        "external-link",
        "a link into another file",
        _root(external_link("w", "/etc/passwd", "/")),
        "quarantined",
        "hdf5-outside",
    ),
    _case(
        "soft-link",
        "a link by a name, which a mount or another link may bend",
        _root(soft_link("w", "/../x")),
        "quarantined",
        "hdf5-outside",
    ),
    _case(
        "external-storage",
        "values in any file of the machine",
        dataset(*_BASE, (EXTERNAL, _SLOT), layout(0xFFFF_FFFF_FFFF_FFFF, 16)),
        "quarantined",
        "hdf5-outside",
    ),
    _case(
        "virtual",
        "a virtual dataset takes values from other files",
        dataset(*_BASE, (LAYOUT, b"\4\3" + bytes(12))),
        "quarantined",
        "hdf5-outside",
    ),
    _case(
        "layout-twice",
        "two layouts: the library takes the first, others the last",
        dataset(*_BASE, (LAYOUT, b"\4\3" + bytes(12)), _PLACED),
        "unreadable",
        "corrupt",
    ),
    _case(
        "plugin",
        "a filter is a library that HDF5 loads",
        dataset(*_BASE, (FILTERS, struct.pack("<BB6xHHHH", 1, 1, 32015, 0, 0, 0)), _PLACED, values=bytes(99)),
        "unsupported",
        "unsupported-hdf5",
    ),
    _case(
        "huge",
        "a dataset of more values than numbers can say",
        dataset(space(*[1 << 63] * 32), (TYPE, FLOAT), layout(0, 16)),
        "unreadable",
        "corrupt",
    ),
    _case(
        "bomb",
        "values that unpack to 40 GB",
        dataset(space(10_000_000_000), (TYPE, FLOAT), (LAYOUT, b"\3\2\2" + b"\xff" * 8 + bytes(8))),
        "unsupported",
        "unsupported-hdf5",
    ),
    _case(
        "beyond", "values beyond the end of the file", dataset(*_BASE, layout(1 << 40, 16)), "unreadable", "truncated"
    ),
    _case("circle", "a group's tree that holds itself", _tree_of_itself(), "unreadable", "corrupt"),
    _case(
        "many-links",
        "two thousand groups that list each other: four million steps in 160 kB",
        _many_links(),
        "unsupported",
        "unsupported-hdf5",
    ),
    _case(
        "continuation",
        "an object header that goes on in itself",
        file([*_ROOT, (CONTINUATION, struct.pack("<QQ", 96, 600))]),
        "unreadable",
        "corrupt",
    ),
    _case(
        "user-block",
        "an HDF5 file behind 512 bytes of something else",
        b"#!/bin/sh\n".ljust(512, b"#") + GOOD,
        "unreadable",
        "corrupt",
    ),
)
