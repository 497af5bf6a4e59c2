"""The reader of a pickle's opcodes, held against CPython's ``pickletools``."""

import pickle
import pickletools
import re
from io import BytesIO
from typing import Any

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from migrate.formats.pickle.opcodes import MAXIMUM_TEXT, OPCODES, Opcode, PickleError, opcodes

Step = tuple[int, str, object]

PLAIN = re.compile(rb"[\x20-\x5b\x5d-\x7e]*")
SIZED = ("text", "bytes", "long")
# CPython's names of the opcodes that have one name here.
NAMES = {
    **dict.fromkeys(("LONG", "BININT", "BININT1", "BININT2", "LONG1", "LONG4"), "INT"),
    "BINFLOAT": "FLOAT",
    **dict.fromkeys(("BINSTRING", "SHORT_BINSTRING", "BINBYTES", "SHORT_BINBYTES", "BINBYTES8", "BYTEARRAY8"), "BYTES"),
    **dict.fromkeys(("SHORT_BINUNICODE", "BINUNICODE", "BINUNICODE8"), "TEXT"),
    **dict.fromkeys(("BINGET", "LONG_BINGET"), "GET"),
    **dict.fromkeys(("BINPUT", "LONG_BINPUT"), "PUT"),
}


def ours(content: bytes) -> list[Step]:
    """The steps that are read here."""
    return list(opcodes(lambda at, length: content[at : at + length], 0, len(content)))


def theirs(content: bytes) -> list[Step]:
    """Those that pickletools reads, said as they are here."""
    return [
        (place, NAMES.get(opcode.name, opcode.name), _kept(opcode, argument, content[place or 0 :]))
        for opcode, argument, place in pickletools.genops(content)
        if place is not None
    ]


def _kept(opcode: Any, argument: Any, content: bytes) -> object:
    """An argument as it is kept here: floats, texts with escapes and long ones are not."""
    kind = OPCODES[opcode.code.encode("latin-1")]
    if kind.kind == "line":
        line = content[1 : content.index(b"\n")]
        return argument if kind.name != "FLOAT" and PLAIN.fullmatch(line) else None
    if kind.kind == "float" or (kind.kind in SIZED and _length(kind, content) > MAXIMUM_TEXT):
        return None
    if kind.kind == "bytes":
        return argument.encode("latin-1") if isinstance(argument, str) else bytes(argument)
    return tuple(argument.split(" ", 1)) if kind.kind == "pair" else argument


def _length(kind: Opcode, content: bytes) -> int:
    return int.from_bytes(content[1 : 1 + kind.width], "little")


texts = st.text(max_size=40) | st.text("ab\\'\" \n\x1a\ud800é", max_size=8)
atoms = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.integers(-(1 << 2100), 1 << 2100)
    | st.floats()
    | texts
    | st.binary(max_size=300)
    | st.binary(max_size=9).map(bytearray)
)
keys = st.integers() | texts | st.binary(max_size=4) | st.tuples(st.booleans(), texts)


def nested(inner: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    """Collections, some of which hold one object twice."""
    several = st.lists(inner, max_size=5)
    return (
        several
        | several.map(tuple)
        | st.dictionaries(keys, inner, max_size=4)
        | st.sets(keys, max_size=4)
        | st.frozensets(keys, max_size=4)
        | inner.map(lambda one: [one, one, (one,)])
    )


data = st.recursive(atoms, nested, max_leaves=12)
protocols = st.integers(0, pickle.HIGHEST_PROTOCOL)


def pickled(value: object, protocol: int, *, plainly: bool) -> bytes:
    """A pickle by the pickler in C, or by the one in Python, which frames and remembers otherwise."""
    stream = BytesIO()
    kind: Any = pickle._Pickler if plainly else pickle.Pickler  # type: ignore[attr-defined]
    kind(stream, protocol).dump(value)
    return stream.getvalue()


@settings(deadline=None, max_examples=300)
@given(value=data, protocol=protocols, plainly=st.booleans())
def test_plain_data(value: object, protocol: int, plainly: bool) -> None:
    content = pickled(value, protocol, plainly=plainly)
    assert ours(content) == theirs(content)


@pytest.mark.parametrize("protocol", range(2, pickle.HIGHEST_PROTOCOL + 1))
@pytest.mark.parametrize("more", [0, 1])
def test_arguments_of_more_than_are_kept(protocol: int, more: int) -> None:
    size = MAXIMUM_TEXT + more
    value = ["y" * size, 256 ** (size - 1), b"x" * size, bytearray(size)]
    content = pickled(value if protocol > 4 else value[:3], protocol, plainly=False)
    found = ours(content)
    assert found == theirs(content)
    assert (("TEXT", None) in {(name, kept) for _, name, kept in found if name == "TEXT"}) == bool(more)


@pytest.mark.parametrize("protocol", [0, 1])
def test_long_lines(protocol: int) -> None:
    content = pickled(["y" * 4000, "\u00e9" * 300, 7**4000, -(7**4000)], protocol, plainly=False)
    assert ours(content) == theirs(content)


def test_a_longer_line_is_none() -> None:
    with pytest.raises(PickleError, match="no end"):
        ours(pickled("y" * 5000, 0, plainly=False))


lines = st.text(st.characters(min_codepoint=0x20, max_codepoint=0x7E, exclude_characters="\\ "), min_size=1, max_size=9)
numbers = st.integers(-(1 << 90), 1 << 90).map(str)


def arguments(code: bytes, kind: Opcode) -> st.SearchStrategy[bytes]:
    """What may follow an opcode."""
    if kind.kind in ("uint", "int", "float"):
        return st.binary(min_size=kind.width, max_size=kind.width)
    if kind.kind in SIZED:
        contents = st.text(max_size=60).map(str.encode) if kind.kind == "text" else st.binary(max_size=200)
        return contents.map(lambda content: len(content).to_bytes(kind.width, "little") + content)
    written = {
        "none": st.just(""),
        "decimal": st.sampled_from(["00\n", "01\n"]) | numbers.map("{}\n".format),
        "decimal-long": numbers.map("{}L\n".format) | numbers.map("{}\n".format),
        "key": st.integers(0, 1 << 40).map("{}\n".format),
        "pair": st.builds("{}\n{}\n".format, lines, lines),
        "line": {
            b"F": st.floats().map("{!r}\n".format),
            b"S": st.text(st.characters(max_codepoint=0x7F), max_size=20).map("{!r}\n".format),
            b"V": texts.map(lambda text: text.encode("raw-unicode-escape").decode("latin-1")).map(_line),
        }.get(code, st.nothing()),
    }
    return written[kind.kind].map(lambda text: text.encode("latin-1"))


def _line(text: str) -> str:
    r"""A text in one line, as the pickler escapes it."""
    return text.replace("\\", "\\u005c").replace("\n", "\\u000a").replace("\x1a", "\\u001a") + "\n"


steps = st.sampled_from(sorted(OPCODES.items() - {(b".", OPCODES[b"."])})).flatmap(
    lambda item: arguments(*item).map(item[0].__add__)
)


@settings(deadline=None, max_examples=300)
@given(content=st.lists(steps, max_size=30).map(lambda made: b"".join(made) + b"."))
def test_any_opcode(content: bytes) -> None:
    """Opcodes in any order, also those that pickles of Python 2 have."""
    assert ours(content) == theirs(content)


@settings(deadline=None, max_examples=600)
@given(
    value=data, protocol=protocols, place=st.integers(0, 1 << 20), change=st.binary(max_size=2), cut=st.integers(0, 2)
)
def test_what_is_read_of_a_changed_pickle_is_what_pickletools_reads(
    value: object, protocol: int, place: int, change: bytes, cut: int
) -> None:
    content = pickled(value, protocol, plainly=False)
    at = place % len(content)
    changed = content[:at] + change + content[at + cut :]
    try:
        found = ours(changed)
    except PickleError:
        return
    # pickletools refuses texts of Python 2 that are not ASCII
    assume(not any(name == "STRING" for _, name, _ in found))
    assert found == theirs(changed)


@pytest.mark.parametrize(
    "content",
    [
        b"I12L\n.", b"I010\n.", b"I0x10\n.", b"I1_0\n.", b"I 1\n.", b"I+1\n.", b"I\n.", b"L010L\n.", b"L1LL\n.",
        b"(g1L\n.", b"(g-1\n.", b"(p01\n.", b"F--\n.", b"Fe\n.", b"F1_0\n.", b"F0x1p3\n.", b"Finfinity\n.",
        b"S'\\x4'\n.", b"S'\\q'\n.", b"Sab\n.", b"S'a\"\n.", b"V\\u12\n.", b"V\\U00110000\n.", b"cos \n\n.", b"c\nx\n.",
    ],
)  # fmt: skip
def test_what_loaders_disagree_on_is_not_read(content: bytes) -> None:
    with pytest.raises(PickleError):
        ours(content)
