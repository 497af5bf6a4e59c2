"""Pickles: names that are no data, opcodes that take them, streams that are broken, and pickles in other places."""

import gzip

from migrate.formats.pickle.opcodes import opcodes
from tests.formats.hostile.base import HostileCase, Limit, lowered
from tests.formats.hostile.opcodes import (
    BUILD,
    CALLS,
    FRAMED,
    GLOBAL,
    HARMLESS,
    NOWHERE,
    OUTSIDE,
    POP,
    PROTO,
    call,
    name,
    pickle,
    short,
    stack_name,
    text,
)
from tests.formats.hostile.torches import archived

_MADE = call(name("collections", "OrderedDict"))
_CLASS = name("collections", "OrderedDict")


def _case(word: str, refuses: str, body: bytes, reason: str = "pickle-dangerous", proto: bytes = PROTO) -> HostileCase:
    """A whole stream in the place where PyTorch loads it from."""
    return HostileCase(f"pickle-{word}", refuses, {"m.pt": archived(pickle(body, proto))}, "quarantined", reason)


def _broken(
    word: str,
    refuses: str,
    stream: bytes,
    says: str,
    reason: str = "corrupt",
    verdict: str = "unreadable",
    limits: tuple[Limit, ...] = (),
) -> HostileCase:
    """A stream that is not followed to its end."""
    files = {"m.pt": archived(PROTO + stream)}
    return HostileCase(f"pickle-{word}", refuses, files, verdict, reason, says, limits=limits)


def _unusual(word: str, refuses: str, body: bytes, says: str) -> HostileCase:
    files = {"m.pt": archived(pickle(body))}
    return HostileCase(f"pickle-{word}", refuses, files, "quarantined", "pickle-unusual", says)


def _other(word: str, refuses: str, path: str, content: bytes, says: str) -> HostileCase:
    return HostileCase(f"pickle-{word}", refuses, {path: content}, "quarantined", "pickle-of-unknown-library", says)


_NAMES = (
    _case("outside", "a name of a module that runs or reaches things", call(GLOBAL, text("words"))),
    _case("within", "a name of a part of PyTorch that runs or reaches things", call(name("torch.hub", NOWHERE))),
    _case("walk", "a name that walks on into a class", call(name("torch.nn", f"{NOWHERE}.__{NOWHERE}__"))),
    _case("unknown", "a name that is on no list", call(name(NOWHERE, "thing")), "pickle-unknown-import"),
    _case("framework", "a class of the framework", name("torch.nn", NOWHERE) + b")\x81", "pickled-code"),
    _case("inst", "the name in opcode INST", b"(" + text("words") + f"i{OUTSIDE}\n{NOWHERE}\n".encode()),
    _case("obj", "a call by opcode OBJ", b"(" + GLOBAL + text("words") + b"o"),
    _case("newobj", "a call by opcode NEWOBJ", GLOBAL + text("words") + b"\x85\x81"),
    _case("newobj-ex", "a call by opcode NEWOBJ_EX", GLOBAL + text("words") + b"\x85}\x92", proto=FRAMED),
    _case("stack", "the name in opcode STACK_GLOBAL", call(stack_name(OUTSIDE, NOWHERE)), proto=FRAMED),
    _case(
        "memo",
        "a name from the memo",
        short(NOWHERE) + b"\x94" + short(OUTSIDE) + b"\x94" + POP + POP + b"h\x01h\x00\x93",
        proto=FRAMED,
    ),
    _case("memo-far", "a memo whose keys are far away", text("x") + b"r\xff\xff\xff\x7f" + GLOBAL),
    _case("discarded", "a call whose result is thrown away", call(GLOBAL) + POP + b"}"),
    _case("oldest", "a stream of protocol 0, without a mark", call(GLOBAL), proto=b"I1\n0"),
    _case("state", "attributes for an imported function", GLOBAL + b"}" + BUILD),
    HostileCase(
        "pickle-built-name",
        "a name that the stream computes",
        {"m.pt": archived(pickle(short("x") + _MADE + b"\x93", FRAMED))},
        "quarantined",
        "pickle-unknown-import",
        "whose name is not written in it",
    ),
    HostileCase(
        "pickle-escaped-name",
        "a name that is escaped",
        {"m.pt": archived(pickle(b"V\\u0061b\nVthing\n\x93", FRAMED))},
        "quarantined",
        "pickle-unknown-import",
        "whose name is not written in it",
    ),
    HostileCase(
        "pickle-long-name",
        "a name longer than the texts that are kept",
        {"m.pt": archived(pickle(stack_name(NOWHERE, "thing"), FRAMED))},
        "quarantined",
        "pickle-unknown-import",
        "whose name is not written in it",
        limits=lowered(opcodes, MAXIMUM_TEXT=8),
    ),
    HostileCase(
        "pickle-many-texts",
        "more text than is kept of one stream",
        {"m.pt": archived(pickle(stack_name(NOWHERE, "thing"), FRAMED))},
        "quarantined",
        "pickle-unknown-import",
        "whose name is not written in it",
        limits=lowered(opcodes, _MAXIMUM_HELD=8),
    ),
)

_UNUSUAL = (
    _unusual("call-of-made", "a call of something that the stream made", call(_MADE), "calls something"),
    _unusual(
        "state-of-class", "a state for something that it did not make", _CLASS + b"}" + BUILD, "changes something"
    ),
    _unusual("items-of-class", "items for something that it did not make", _CLASS + b"K\x01a", "changes something"),
    _unusual("keys-of-class", "keys for something that it did not make", _CLASS + b"K\x01K\x01s", "changes something"),
    _unusual("left", "things that are left on the stack", b"]]", "leaves things"),
)

_STREAMS = (
    _broken("opcode", "an opcode that takes from an extension registry", b"\x82\x01.", "none that models have"),
    _broken("id-text", "an opcode that refers outside by a text", b"Pnothing\n.", "none that models have"),
    _broken(
        "broken", "a stream that breaks behind an import", GLOBAL + b"\xff", "none that", "pickle-broken", "quarantined"
    ),
    _broken("number", "a number that is not plain", b"I0x1\n.", "is no number"),
    _broken("decimal", "a decimal that is none", b"Fx\n.", "is no number"),
    _broken("quotes", "a text without quotes", b"Sx\n.", "has no quotes"),
    _broken("escape", "a text with an escape that is none", b"S'\\'\n.", "an escape that is none"),
    _broken("unicode-escape", "a text with a Unicode escape that is none", b"V\\u12\n.", "an escape that is none"),
    _broken("no-name", "an import without a name", b"c\nx\n.", "no plain name"),
    _broken(
        "line", "a line longer than any", b"V" + b"a" * 9 + b"\n.", "no end", limits=lowered(opcodes, _MAXIMUM_LINE=8)
    ),
    _broken("not-utf8", "a text that is not UTF-8", b"\x8c\x01\xff.", "is not UTF-8"),
    _broken("never-kept", "something from the memo that was never kept", b"h\x05.", "never kept"),
    _broken("pop", "more from the stack than is there", b"0.", "takes more from its stack"),
    _broken("nothing", "a stream that builds nothing", b".", "takes more from its stack"),
    _broken("kept", "nothing that is kept", b"q\0].", "takes more from its stack"),
    _broken("mark", "a tuple without its mark", b"t.", "has no mark"),
    _broken("no-class", "an object without its class", b"(o.", "has no mark"),
    _broken("key", "a key without its value", b"}(K\x01u.", "key without a value"),
    _broken("cut-text", "a text longer than the stream", b"X\xff\0\0\0a.", "inside of a pickle", "truncated"),
    _broken("no-stop", "a stream without its end", b"]", "inside of a pickle", "truncated"),
    _broken(
        "opcodes",
        "more opcodes than any model",
        b"]" * 10 + b".",
        "more than 9 opcodes",
        verdict="unsupported",
        limits=lowered(opcodes, MAXIMUM_OPCODES=9),
    ),
    HostileCase(
        "pickle-second-stream",
        "a second stream behind the first",
        {"m.pt": archived(HARMLESS + HARMLESS)},
        "quarantined",
        "torch-not-plain",
        "bytes follow the pickle",
    ),
)

_PLACES = (
    _other("bare", "a pickle of no framework", "m.pkl", CALLS, "runs code"),
    _other("as-onnx", "a pickle that is named as ONNX", "m.onnx", CALLS, "runs code"),
    _other("as-keras", "a pickle that is named as HDF5", "m.h5", CALLS, "runs code"),
    _other("no-suffix", "a pickle without a suffix", "weights", CALLS, "runs code"),
    _other("bare-second", "a second stream in a file of its own", "m.pkl", HARMLESS + HARMLESS, "behind its end"),
    _other("bare-cut", "a file of its own that is cut", "m.pkl", PROTO + b"]", "cannot be followed"),
    HostileCase(
        "pickle-long-cut",
        "a long text that is cut",
        {"m.pkl": PROTO + b"X\xff\0\0\0words"},
        "quarantined",
        "pickle-of-unknown-library",
        "cannot be followed",
        limits=lowered(opcodes, MAXIMUM_TEXT=8),
    ),
    _other(
        "packed",
        "a compressed file where a pickle is expected",
        "m.pkl",
        gzip.compress(b"words", mtime=0),
        "compressed",
    ),
    HostileCase("pickle-of-data", "a pickle of plain data", {"m.pkl": HARMLESS}, "unreadable", "not-a-model"),
)

CASES = (*_NAMES, *_UNUSUAL, *_STREAMS, *_PLACES)
