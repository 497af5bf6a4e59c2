"""HDF5 files by hand, in the library's first form, which has no checksums (the format's specification, II and IV)."""

import struct
from collections.abc import Sequence

MAGIC = b"\x89HDF\r\n\x1a\n"
UNDEFINED = b"\xff" * 8
SPACE, LINK_INFO, TYPE, FILL, LINK, EXTERNAL, LAYOUT, FILTERS, ATTRIBUTE, CONTINUATION, GROUP, ATTRIBUTES = (
    *(0x01, 0x02, 0x03, 0x05, 0x06, 0x07, 0x08, 0x0B, 0x0C, 0x10, 0x11, 0x15),
)
_ROOT_AT = 96

Message = tuple[int, bytes]
FLOAT = b"\x11\x20\x1f\0" + struct.pack("<IHHBBBBI", 4, 0, 32, 23, 8, 0, 23, 127)
GROUP_LINKS = (LINK_INFO, b"\0\0" + UNDEFINED + UNDEFINED)


def space(*sizes: int) -> Message:
    return SPACE, struct.pack("<BBB5x", 1, len(sizes), 0) + struct.pack(f"<{len(sizes)}Q", *sizes)


def layout(address: int, size: int) -> Message:
    return LAYOUT, struct.pack("<BBQQ", 3, 1, address, size)


def text(name: str, content: bytes) -> Message:
    """An attribute that is one text."""
    return attribute(name, b"\x13\0\0\0" + struct.pack("<I", len(content)), content)


def attribute(name: str, kind: bytes, content: bytes, shape: bytes = bytes([1, 0, 0, 0, 0, 0, 0, 0])) -> Message:
    """An attribute of a datatype and a dataspace, a scalar where none is given."""
    head = struct.pack("<BxHHH", 1, len(name) + 1, len(kind), len(shape))
    return ATTRIBUTE, head + _padded(name.encode() + b"\0") + _padded(kind) + _padded(shape) + content


def link(name: str, address: int) -> Message:
    return LINK, b"\x01\0" + bytes([len(name)]) + name.encode() + struct.pack("<Q", address)


def soft_link(name: str, target: str) -> Message:
    to = target.encode()
    return LINK, b"\x01\x08\x01" + bytes([len(name)]) + name.encode() + struct.pack("<H", len(to)) + to


def external_link(name: str, file: str, target: str) -> Message:
    to = b"\0" + file.encode() + b"\0" + target.encode() + b"\0"
    return LINK, b"\x01\x08\x40" + bytes([len(name)]) + name.encode() + struct.pack("<H", len(to)) + to


def header(messages: Sequence[Message]) -> bytes:
    """An object header."""
    body = b"".join(struct.pack("<HHB3x", kind, len(_padded(data)), 0) + _padded(data) for kind, data in messages)
    return struct.pack("<BxHII4x", 1, len(messages), 1, len(body)) + body


def new_header(messages: Sequence[Message]) -> bytes:
    """An object header in the second form, without its checksum, which is not looked at."""
    body = b"".join(struct.pack("<BHB", kind, len(data), 0) + data for kind, data in messages)
    return b"OHDR\2\2" + struct.pack("<I", len(body)) + body + bytes(4)


def file(root: Sequence[Message], *objects: bytes) -> bytes:
    """A file of a root group and what lies behind it; ``place`` says where."""
    body = header(root) + b"".join(map(_padded, objects))
    end = _ROOT_AT + len(body)
    head = MAGIC + bytes([0, 0, 0, 0, 0, 8, 8, 0]) + struct.pack("<HHI", 4, 16, 0)
    head += struct.pack("<Q", 0) + UNDEFINED + struct.pack("<Q", end) + UNDEFINED
    return head + struct.pack("<QQII16x", 0, _ROOT_AT, 0, 0) + body


def place(root: Sequence[Message], *before: bytes) -> int:
    """The address of what follows these objects, which follow the root group."""
    return _ROOT_AT + len(header(root)) + sum(len(_padded(one)) for one in before)


def _padded(data: bytes) -> bytes:
    return data + bytes(-len(data) % 8)
