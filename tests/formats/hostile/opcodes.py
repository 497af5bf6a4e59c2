"""Pickles by hand, opcode by opcode: what no pickler writes, and nothing here can run by accident."""

from tests.formats.hostile.base import CANARY

COMMAND = f"touch {CANARY}"
SOURCE = f"open({str(CANARY)!r}, 'w')"

PROTO = b"\x80\x02"
STOP = b"."
MARK, TUPLE, REDUCE, BUILD, POP = b"(", b"t", b"R", b"b", b"0"


def text(word: str) -> bytes:
    data = word.encode()
    return b"X" + len(data).to_bytes(4, "little") + data


def short(word: str) -> bytes:
    data = word.encode()
    return b"\x8c" + bytes([len(data)]) + data


def data(content: bytes) -> bytes:
    return b"B" + len(content).to_bytes(4, "little") + content


def name(module: str, attribute: str) -> bytes:
    return f"c{module}\n{attribute}\n".encode()


def stack_name(module: str, attribute: str) -> bytes:
    return short(module) + short(attribute) + b"\x93"


def call(callee: bytes, *arguments: bytes) -> bytes:
    return callee + MARK + b"".join(arguments) + TUPLE + REDUCE


def pickle(body: bytes, proto: bytes = PROTO) -> bytes:
    return proto + body + STOP


def system(module: str = "os", attribute: str = "system") -> bytes:
    """The call that everybody tries."""
    return call(name(module, attribute), text(COMMAND))


HARMLESS = pickle(b"}" + text("a") + b"K\x01s")
"""A dictionary."""
HOSTILE = pickle(system("posix"))
