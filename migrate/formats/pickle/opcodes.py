"""The opcodes of a pickle, read one by one and never carried out.

What is said of a pickle holds only where it is read as whoever loads it reads it. So every argument is in its one
plain form, as picklers write it, or the reading ends: numbers are digits, names are not escaped, lengths are positive.

Opcodes: CPython, Lib/pickletools.py.
"""

import re
from collections.abc import Iterator
from typing import Final, Literal, NamedTuple

from migrate.formats.reading.wire import Read, block_of

MAXIMUM_OPCODES: Final = 2_000_000
MAXIMUM_TEXT: Final = 64 * 1024  # longer texts and bytes are jumped over and stand for themselves
_MAXIMUM_HELD: Final = 64 * 1024 * 1024  # the same, once there are many of them
_MAXIMUM_LINE: Final = 4096
_BLOCK: Final = 64 * 1024

Kind = Literal[
    "none", "uint", "int", "float", "line", "pair", "decimal", "decimal-long", "key", "long", "text", "bytes"
]


class PickleError(Exception):
    """The stream is no pickle, or none that is read further.

    Attributes:
        kind: ``truncated``, ``malformed`` or ``too-complex``.
    """

    def __init__(self, kind: Literal["truncated", "malformed", "too-complex"], text: str) -> None:
        self.kind = kind
        self.text = text
        super().__init__(text)


class Opcode(NamedTuple):
    """An opcode's code and name, how its argument is written, and the bytes of a number or of a length."""

    name: str
    kind: Kind = "none"
    width: int = 0


_SIMPLE: Final = {
    b"N": "NONE",
    b"\x88": "NEWTRUE",
    b"\x89": "NEWFALSE",
    b"]": "EMPTY_LIST",
    b"a": "APPEND",
    b"e": "APPENDS",
    b"l": "LIST",
    b")": "EMPTY_TUPLE",
    b"t": "TUPLE",
    b"\x85": "TUPLE1",
    b"\x86": "TUPLE2",
    b"\x87": "TUPLE3",
    b"}": "EMPTY_DICT",
    b"d": "DICT",
    b"s": "SETITEM",
    b"u": "SETITEMS",
    b"\x8f": "EMPTY_SET",
    b"\x90": "ADDITEMS",
    b"\x91": "FROZENSET",
    b"0": "POP",
    b"2": "DUP",
    b"(": "MARK",
    b"1": "POP_MARK",
    b"\x94": "MEMOIZE",
    b"\x93": "STACK_GLOBAL",
    b"R": "REDUCE",
    b"b": "BUILD",
    b"o": "OBJ",
    b"\x81": "NEWOBJ",
    b"\x92": "NEWOBJ_EX",
    b".": "STOP",
    b"Q": "BINPERSID",
}
OPCODES: Final[dict[bytes, Opcode]] = {
    **{code: Opcode(name) for code, name in _SIMPLE.items()},
    b"I": Opcode("INT", "decimal"),
    b"L": Opcode("INT", "decimal-long"),
    b"J": Opcode("INT", "int", 4),
    b"K": Opcode("INT", "uint", 1),
    b"M": Opcode("INT", "uint", 2),
    b"\x8a": Opcode("INT", "long", 1),
    b"\x8b": Opcode("INT", "long", 4),
    b"F": Opcode("FLOAT", "line"),
    b"G": Opcode("FLOAT", "float", 8),
    b"S": Opcode("STRING", "line"),
    b"V": Opcode("UNICODE", "line"),
    b"T": Opcode("BYTES", "bytes", 4),
    b"U": Opcode("BYTES", "bytes", 1),
    b"B": Opcode("BYTES", "bytes", 4),
    b"C": Opcode("BYTES", "bytes", 1),
    b"\x8e": Opcode("BYTES", "bytes", 8),
    b"\x96": Opcode("BYTES", "bytes", 8),
    b"\x8c": Opcode("TEXT", "text", 1),
    b"X": Opcode("TEXT", "text", 4),
    b"\x8d": Opcode("TEXT", "text", 8),
    b"g": Opcode("GET", "key"),
    b"h": Opcode("GET", "uint", 1),
    b"j": Opcode("GET", "uint", 4),
    b"p": Opcode("PUT", "key"),
    b"q": Opcode("PUT", "uint", 1),
    b"r": Opcode("PUT", "uint", 4),
    b"c": Opcode("GLOBAL", "pair"),
    b"i": Opcode("INST", "pair"),
    b"\x80": Opcode("PROTO", "uint", 1),
    b"\x95": Opcode("FRAME", "uint", 8),
}
"""Those that are read. The others refer to things outside the stream: extension codes, ids as text, buffers."""

# Zeros in front make a number octal for one loader and none for another; 00 and 01 are False and True.
_NUMBERS: Final[dict[Kind, re.Pattern[bytes]]] = {
    "decimal": re.compile(rb"0[01]|-?(?:0|[1-9][0-9]*)"),
    "decimal-long": re.compile(rb"-?(?:0|[1-9][0-9]*)L?"),
    "key": re.compile(rb"0|[1-9][0-9]*"),
}
_FLOAT: Final = re.compile(rb"-?(?:[0-9]+(?:\.[0-9]*)?(?:e[-+]?[0-9]+)?|nan|inf)")
_PLAIN: Final = re.compile(rb"[\x20-\x5b\x5d-\x7e]*")  # ASCII without the backslash: nothing is escaped
_ESCAPED: Final = re.compile(rb"""(?:[^\\]|\\(?:[\\'"nrt]|x[0-9a-fA-F]{2}))*""", re.DOTALL)

Argument = str | int | bytes | tuple[str, str] | None


def opcodes(read: Read, start: int, size: int) -> Iterator[tuple[int, str, Argument]]:
    """The opcodes of the pickle that begins at a byte: their place, name and argument, up to STOP.

    Texts are given as ``str`` and byte strings as ``bytes``, both None where they are long; floats as None.

    Raises:
        PickleError: It is broken, too long, or has an opcode that is not read.
    """
    source = _Source(read, start, size)
    for _ in range(MAXIMUM_OPCODES):
        at = source.at
        code = source.take(1)
        opcode = OPCODES.get(code)
        if opcode is None:
            raise PickleError("malformed", f"the opcode {code!r} at byte {at} is none that models have")
        yield at, opcode.name, source.argument(opcode)
        if opcode.name == "STOP":
            return
    raise PickleError("too-complex", f"it has more than {MAXIMUM_OPCODES} opcodes")


class _Source:
    """Bytes taken in order."""

    def __init__(self, read: Read, start: int, size: int) -> None:
        self.at = start
        self._read = read
        self._size = size
        self._step = block_of(read, _BLOCK)
        self._block = b""
        self._block_at = start
        self._held = 0

    def take(self, length: int) -> bytes:
        if self.at + length > self._size:
            raise self._cut()
        low = self.at - self._block_at
        if not 0 <= low <= len(self._block) - length:
            self._block = self._read(self.at, min(max(length, self._step), self._size - self.at))
            self._block_at, low = self.at, 0
            if len(self._block) < length:
                raise self._cut()
        self.at += length
        return self._block[low : low + length]

    def argument(self, opcode: Opcode) -> Argument:
        kind = opcode.kind
        if kind == "none":
            return None
        if kind in ("uint", "int"):
            return int.from_bytes(self.take(opcode.width), "little", signed=kind == "int")
        if kind == "float":
            self.take(8)
            return None
        if kind in ("text", "bytes"):
            return self._sized(opcode, kind)
        if kind == "long":
            data = self._length(opcode.width)
            return int.from_bytes(data, "little", signed=True) if data is not None else None
        return self._lines(opcode)

    def _lines(self, opcode: Opcode) -> Argument:
        line = self._line()
        if opcode.kind in _NUMBERS:
            if not _NUMBERS[opcode.kind].fullmatch(line):
                raise PickleError("malformed", f"a line before byte {self.at} is no number")
            return int(line.rstrip(b"L"))
        if opcode.kind == "pair":
            module, name = line, self._line()
            if not module or not name or not _PLAIN.fullmatch(module) or not _PLAIN.fullmatch(name):
                raise PickleError("malformed", f"an import before byte {self.at} has no plain name")
            return module.decode(), name.decode()
        if opcode.name == "FLOAT":
            if not _FLOAT.fullmatch(line):
                raise PickleError("malformed", f"a line before byte {self.at} is no number")
            return None
        if opcode.name == "STRING":
            if len(line) < 2 or line[:1] != line[-1:] or line[:1] not in (b"'", b'"'):
                raise PickleError("malformed", f"a text before byte {self.at} has no quotes")
            line = line[1:-1]
            if not _ESCAPED.fullmatch(line):
                raise PickleError("malformed", f"a text before byte {self.at} has an escape that is none")
        elif not _is_unicode(line):
            raise PickleError("malformed", f"a text before byte {self.at} has an escape that is none")
        # an escaped text may be a name in disguise: nothing is taken from it
        return line.decode() if _PLAIN.fullmatch(line) else None

    def _line(self) -> bytes:
        found = bytearray()
        while (byte := self.take(1)) != b"\n":
            found += byte
            if len(found) > _MAXIMUM_LINE:
                raise PickleError("malformed", f"a line before byte {self.at} has no end")
        return bytes(found)

    def _sized(self, opcode: Opcode, kind: Kind) -> Argument:
        data = self._length(opcode.width)
        if data is None or kind == "bytes":
            return data
        try:
            return data.decode("utf-8", "surrogatepass")
        except UnicodeDecodeError:
            raise PickleError("malformed", f"a text before byte {self.at} is not UTF-8") from None

    def _length(self, width: int) -> bytes | None:
        """The bytes behind a length; None where they are many."""
        length = int.from_bytes(self.take(width), "little")
        self._held += length if length <= MAXIMUM_TEXT else 0
        if length > MAXIMUM_TEXT or self._held > _MAXIMUM_HELD:
            self.at += length
            return None
        return self.take(length)

    def _cut(self) -> PickleError:
        return PickleError("truncated", f"it ends at byte {self._size}, inside of a pickle")


def _is_unicode(line: bytes) -> bool:
    try:
        line.decode("raw-unicode-escape")
    except UnicodeDecodeError:
        return False
    return True
