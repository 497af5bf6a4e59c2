"""Pickles by hand, opcode by opcode. What they import exists nowhere: loaded, they end with an error at that name."""

NOWHERE = "migrate_test_only"
"""A module, and a name in any module, that there is not."""

PROTO = b"\x80\x02"
FRAMED = b"\x80\x04"
STOP = b"."
MARK, TUPLE, REDUCE, BUILD, POP = b"(", b"t", b"R", b"b", b"0"


def text(word: str) -> bytes:
    data = word.encode()
    return b"X" + len(data).to_bytes(4, "little") + data


def short(word: str) -> bytes:
    data = word.encode()
    return b"\x8c" + bytes([len(data)]) + data


def name(module: str, attribute: str) -> bytes:
    return f"c{module}\n{attribute}\n".encode()


def stack_name(module: str, attribute: str) -> bytes:
    return short(module) + short(attribute) + b"\x93"


def call(callee: bytes, *arguments: bytes) -> bytes:
    return callee + MARK + b"".join(arguments) + TUPLE + REDUCE


def pickle(body: bytes, proto: bytes = PROTO) -> bytes:
    return proto + body + STOP


OUTSIDE = "operator"
"""A module that no model's data needs, of the kind that is refused whatever is taken from it."""
GLOBAL = name(OUTSIDE, NOWHERE)
HARMLESS = pickle(b"}" + text("a") + b"K\x01s")
"""A dictionary."""
CALLS = pickle(call(GLOBAL, text("words")))
"""A call of a function that there is not, in a module whose functions are refused."""
