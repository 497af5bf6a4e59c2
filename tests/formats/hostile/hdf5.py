"""HDF5 files that take values from elsewhere, that are broken, or that use what Keras never writes."""

import json
import struct

from migrate.formats.keras.hdf5_blocks import Blocks
from migrate.formats.keras.hdf5_objects import check_objects
from tests.formats.hostile.base import HostileCase, Limit, lowered
from tests.formats.hostile.hdf5_writer import (
    ATTRIBUTE,
    ATTRIBUTES,
    CONTINUATION,
    EXTERNAL,
    FILL,
    FILTERS,
    FLOAT,
    GROUP,
    GROUP_LINKS,
    LAYOUT,
    LINK,
    LINK_INFO,
    TYPE,
    Message,
    attribute,
    external_link,
    file,
    header,
    layout,
    link,
    new_header,
    place,
    soft_link,
    space,
    text,
)
from tests.formats.hostile.keras import DENSE, INPUT

_GOOD = {"class_name": "Sequential", "config": {"name": "s", "layers": [INPUT, DENSE]}}
_ROOT = [GROUP_LINKS, text("keras_version", b"2.15.0"), text("model_config", json.dumps(_GOOD).encode())]
_LINKED = [*_ROOT, link("w", 0)]


def _root(*more: Message) -> bytes:
    """The good model with these messages more."""
    return file([*_ROOT, *more])


def _object(content: bytes, values: bytes = b"") -> bytes:
    """A good model with one more object; values lie behind it."""
    return file([*_ROOT, link("w", place(_LINKED))], content, values)


def dataset(*messages: Message, values: bytes = b"") -> bytes:
    """A good model with one more dataset of these messages."""
    return _object(header(messages), values)


def _address(*messages: Message) -> int:
    return place(_LINKED, header(messages))


_BASE = (space(4), (TYPE, FLOAT), (FILL, b"\x02\x02\x02\0"))
_PLACED = layout(_address(*_BASE, layout(0, 16)), 16)
_VIRTUAL = (LAYOUT, b"\4\3" + bytes(12))
GOOD = dataset(*_BASE, _PLACED, values=bytes(16))
_MODEL = file(_ROOT)
_SLOT = struct.pack("<B3xHHQ3Q", 1, 1, 1, 96, 0, 0, 16)
_NOWHERE = 0xFFFF_FFFF_FFFF_FFFF
_AT = place([*_ROOT, (GROUP, bytes(16))])


def _group(*parts: bytes, at: int = _AT) -> bytes:
    """The good model with a group in the first form, whose tree begins at an address behind the header."""
    return file([*_ROOT, (GROUP, struct.pack("<QQ", at, at))], *parts)


def _symbol(target: int, kind: int = 0) -> bytes:
    return b"SNOD\1\0\1\0" + struct.pack("<QQI20x", 0, target, kind)


def _heap(address: int, index: int = 1) -> bytes:
    """A configuration whose text lies in a heap at an address."""
    where = struct.pack("<IQI", 2, address, index)
    return file([attribute("model_config", b"\x19\1\0\0\x10\0\0\0", where)], b"GCOL\1\0\0\0" + struct.pack("<Q", 16))


_HEAP_AT = place([attribute("model_config", b"\x19\1\0\0\x10\0\0\0", bytes(16))])


def _patched(at: int, content: bytes, data: bytes = _MODEL) -> bytes:
    return data[:at] + content + data[at + len(content) :]


def _outside(word: str, refuses: str, content: bytes, says: str) -> HostileCase:
    return HostileCase(f"hdf5-{word}", refuses, {"m.h5": content}, "quarantined", "hdf5-outside", says)


def _broken(word: str, refuses: str, content: bytes, says: str, reason: str = "corrupt") -> HostileCase:
    return HostileCase(f"hdf5-{word}", refuses, {"m.h5": content}, "unreadable", reason, says)


def _other(word: str, refuses: str, content: bytes, says: str, limits: tuple[Limit, ...] = ()) -> HostileCase:
    """What Keras never writes."""
    return HostileCase(
        f"hdf5-{word}", refuses, {"m.h5": content}, "unsupported", "unsupported-hdf5", says, limits=limits
    )


_ELSEWHERE = (
    _outside("external-link", "a link into another file", _root(external_link("w", "w.h5", "/")), "has a link"),
    _outside("soft-link", "a link by a name", _root(soft_link("w", "/x")), "has a link"),
    _outside("symbol-link", "a link by a name, in the first form", _group(_symbol(0, 2)), "has a link"),
    _outside(
        "external-storage",
        "values in another file",
        dataset(*_BASE, (EXTERNAL, _SLOT), layout(_NOWHERE, 16)),
        "keeps values",
    ),
    _outside("virtual", "values taken from other datasets", dataset(*_BASE, _VIRTUAL), "takes values"),
)
_ATTRIBUTES = (
    _other(
        "attributes-heap", "attributes in a heap of their own", _root((ATTRIBUTES, bytes(10))), "attributes in a heap"
    ),
    _other("attribute-shared", "an attribute that is elsewhere", _root((ATTRIBUTE, bytes(8))), "a shared attribute"),
    _other(
        "attribute-version",
        "an attribute of an unknown version",
        _root((ATTRIBUTE, b"\x09" + bytes(15))),
        "of version 9",
    ),
    _broken(
        "attribute-name", "an attribute without a name", _root((ATTRIBUTE, b"\1" + bytes(15))), "a broken attribute"
    ),
    _broken(
        "attribute-space",
        "an attribute of no dataspace",
        file([attribute("model_config", bytes(8), b"", b"\x09" + bytes(7))]),
        "a broken dataspace",
    ),
    _other(
        "attribute-count",
        "a configuration of two texts",
        file([attribute("model_config", b"\x13\0\0\0\1\0\0\0", b"ab", space(2)[1])]),
        "that is no single value",
    ),
    _other(
        "attribute-kind",
        "a configuration that is a number",
        file([attribute("model_config", FLOAT, bytes(4))]),
        "that is no text",
    ),
    _broken("heap", "a text in a heap that is not there", _heap(0), "no text of the attribute model_config at"),
    _broken("heap-entry", "a text that its heap does not have", _heap(_HEAP_AT), "in its heap"),
)
_HEADERS = (
    _broken("no-magic", "words instead of a file", b"plain words".ljust(96), "does not begin"),
    _broken("user-block", "a file behind 512 bytes of words", b"words\n".ljust(512) + GOOD, "does not begin"),
    _other("version", "a superblock of an unknown version", _patched(8, b"\x07"), "a superblock of version 7"),
    _other("widths", "addresses of another width", _patched(13, b"\4"), "do not have 8 bytes"),
    _broken("cut", "a file that is cut", _MODEL[:-40], "says that it has", "truncated"),
    _broken("cut-head", "a file that is cut in its head", _MODEL[:40], "a block reaches to", "truncated"),
    _broken("tail", "bytes behind the end", _MODEL + b"words", "follow its end"),
    _broken("no-header", "an object without its header", _object(b"plain words"), "no object header"),
    _broken(
        "message",
        "a message beyond its block",
        _object(b"\1\0\1\0" + struct.pack("<II4xHHB3x", 1, 8, 1, 99, 0)),
        "reaches beyond",
    ),
    _other(
        "new-version", "a header of an unknown version", _object(b"OHDR\x09".ljust(16, b"\0")), "header of version 9"
    ),
    _broken("new-message", "the same in the second form", _object(b"OHDR\2\2\4\0\0\0\1\x63\0\0"), "reaches beyond"),
    _broken(
        "new-continuation",
        "a continuation that is none",
        _object(new_header([(CONTINUATION, struct.pack("<QQ", 96, 16))])),
        "no continuation",
    ),
    _broken("continuation-cut", "a continuation that is cut", _root((CONTINUATION, bytes(8))), "a broken continuation"),
    _broken(
        "continuation",
        "a header that goes on in itself",
        _root((CONTINUATION, struct.pack("<QQ", 96, 600))),
        "goes on in itself",
    ),
)
_OBJECTS = (
    _broken("layout-twice", "an object of two layouts", dataset(*_BASE, _VIRTUAL, _PLACED), "says twice"),
    _other("no-type", "a dataset without a type", dataset(space(4), layout(0, 16)), "missing type"),
    _other(
        "layout-version",
        "a layout of an unknown version",
        dataset(*_BASE, (LAYOUT, b"\x09" + bytes(15))),
        "a layout of version 9",
    ),
    _broken(
        "beyond", "values beyond the end of the file", dataset(*_BASE, layout(1 << 40, 16)), "values reach", "truncated"
    ),
    _broken(
        "huge",
        "a dataset of more values than numbers can say",
        dataset(space(1 << 57), (TYPE, FLOAT), layout(0, 16)),
        "impossible size",
    ),
    _broken(
        "filters",
        "an empty list of filters",
        dataset(*_BASE, (FILTERS, b""), _PLACED, values=bytes(16)),
        "list of filters",
    ),
    _broken(
        "filters-cut",
        "a list of filters that is cut",
        dataset(*_BASE, (FILTERS, b"\1\1"), _PLACED, values=bytes(16)),
        "list of filters",
    ),
    _other(
        "filter",
        "a filter that is not the library's own",
        dataset(*_BASE, (FILTERS, struct.pack("<BB6xHHHH", 1, 1, 600, 0, 0, 0)), _PLACED, values=bytes(99)),
        "the filter 600",
    ),
    _other("links-heap", "links in a heap of their own", _object(header([(LINK_INFO, bytes(10))])), "links in a heap"),
    _broken("link-cut", "a link that is cut", _root((LINK, b"\1\0\1a")), "a broken link"),
    _broken("group-cut", "a group that is cut", _root((GROUP, bytes(8))), "a broken group"),
    _broken("group-part", "a group's tree that is none", _group(b"plain words"), "no part of a group's tree"),
    _broken(
        "circle",
        "a group's tree that holds itself",
        _group(b"TREE\0\1\1\0" + b"\xff" * 16 + struct.pack("<QQQ", 0, _AT, 0)),
        "has a circle",
    ),
)
_LIMITS = (
    _other("effort", "more structure than is looked at", _MODEL, "over and over", lowered(Blocks, _MAXIMUM_EFFORT=99)),
    _other("block", "a block larger than any", _MODEL, "a block of", lowered(Blocks, _MAXIMUM_BLOCK=99)),
    _other(
        "messages",
        "more messages than any model",
        _MODEL,
        "more parts than any model has.",
        lowered(Blocks, MAXIMUM_MESSAGES=2),
    ),
    _other(
        "objects", "more objects than any model", GOOD, "more than 1 objects", lowered(check_objects, MAXIMUM_OBJECTS=1)
    ),
    _other(
        "ratio",
        "values far larger than the file",
        dataset(space(400), (TYPE, FLOAT), (LAYOUT, b"\3\2\2" + b"\xff" * 8 + bytes(8))),
        "times the file",
        lowered(check_objects, _RATIO_FROM=99, _MAXIMUM_RATIO=1),
    ),
)

CASES = (*_ELSEWHERE, *_ATTRIBUTES, *_HEADERS, *_OBJECTS, *_LIMITS)
