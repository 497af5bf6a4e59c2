import pytest
from hypothesis import given
from hypothesis import strategies as st

from migrate.formats.reading.wire import Field, Wire, WireError, signed
from tests.formats.models import message, number, varint


def wire(data: bytes, block: int = 64) -> Wire:
    return Wire(lambda offset, length: data[offset : offset + length], len(data), block=block)


def fields(data: bytes, wanted: frozenset[int] | None = None, block: int = 64) -> list[Field]:
    return list(wire(data, block).fields(0, len(data), wanted))


@given(st.integers(0, 2**64 - 1), st.integers(1, 9))
def test_a_number_reads_as_written_whatever_the_block(content: int, block: int) -> None:
    data = varint(content)
    assert wire(data, block).varint(0, len(data)) == (content, len(data))


@given(st.integers(-(2**63), 2**63 - 1))
def test_negative_numbers_come_back(content: int) -> None:
    assert signed(content % 2**64) == content


_FIELD = st.one_of(
    st.tuples(st.integers(1, 40), st.binary(max_size=90)).map(lambda pair: message(*pair)),
    st.tuples(st.integers(1, 40), st.integers(0, 2**64 - 1)).map(lambda pair: number(*pair)),
    st.tuples(st.integers(1, 40), st.binary(min_size=4, max_size=4)).map(lambda p: varint(p[0] << 3 | 5) + p[1]),
    st.tuples(st.integers(1, 40), st.binary(min_size=8, max_size=8)).map(lambda p: varint(p[0] << 3 | 1) + p[1]),
)
_RUNS = st.lists(st.tuples(_FIELD, st.integers(1, 40)).map(lambda pair: pair[0] * pair[1]), max_size=8)


@given(_RUNS.map(b"".join), st.sets(st.integers(1, 40)), st.integers(1, 200))
def test_skipping_runs_changes_nothing_of_what_is_wanted(data: bytes, wanted: set[int], block: int) -> None:
    everything = fields(data, None, 1 << 16)
    assert fields(data, frozenset(wanted), block) == [field for field in everything if field.number in wanted]


@given(st.binary(max_size=200), st.integers(1, 100))
def test_any_bytes_are_read_or_refused(data: bytes, block: int) -> None:
    try:
        found = fields(data, None, block)
    except WireError:
        return
    assert not data or found[-1].end == len(data)


@pytest.mark.parametrize(
    ("data", "kind"),
    [
        (b"\x0a\x05abc", "truncated"),
        (b"\x0a", "truncated"),
        (b"\x08\xff", "truncated"),
        (b"\x0d\x00\x00", "truncated"),
        (b"\x08" + b"\xff" * 10 + b"\x01", "malformed"),  # a varint of eleven bytes
        (b"\x00\x01", "malformed"),  # field number 0
        (b"\x0b\x0c", "malformed"),  # a group
        (b"\x0f\x00", "malformed"),  # wire type 7
        (varint((1 << 29) << 3) + b"\x00", "malformed"),
        (b"\x0a" + varint(2**63) + b"abc", "truncated"),
    ],
)
def test_broken_fields_are_told_apart(data: bytes, kind: str) -> None:
    with pytest.raises(WireError) as caught:
        fields(data)
    assert caught.value.kind == kind


def test_a_part_that_leaves_its_whole_is_malformed_even_inside_the_file() -> None:
    data = message(7, b"\x0a\x05abc") + b"12345678"
    with pytest.raises(WireError) as caught:
        list(wire(data).fields(2, 7))
    assert caught.value.kind == "malformed"


def test_millions_of_numbers_one_by_one_are_skipped_in_few_steps() -> None:
    data = number(8, 300) * 3_000_000 + b"\x3d\x00\x00\x80\x3f" * 1_000_000 + message(9, b"BRANCH_LEQ") * 500_000
    steps = 2 * len(data) // (1 << 16)
    quick = Wire(lambda offset, length: data[offset : offset + length], len(data), block=1 << 16, steps=steps)
    assert list(quick.fields(0, len(data), frozenset({20}))) == []


def test_a_file_of_endless_small_fields_is_given_up() -> None:
    data = (number(1, 1) + number(2, 1)) * 50
    with pytest.raises(WireError) as caught:
        list(Wire(lambda offset, length: data[offset : offset + length], len(data), steps=100).fields(0, len(data)))
    assert caught.value.kind == "too-complex"


def test_a_file_that_became_shorter_is_truncated() -> None:
    with pytest.raises(WireError) as caught:
        list(Wire(lambda offset, length: b"\x08\x01"[offset : offset + length], 100).fields(0, 100))
    assert caught.value.kind == "truncated"


def test_text_must_be_text() -> None:
    data = message(1, b"\xff\xfe")
    reader = wire(data)
    with pytest.raises(WireError, match="UTF-8"):
        reader.text(next(reader.fields(0, len(data))))
    data = number(1, 5)
    reader = wire(data)
    with pytest.raises(WireError, match="no text"):
        reader.text(next(reader.fields(0, len(data))))


def test_integers_packed_or_one_by_one() -> None:
    data = message(8, varint(1) + varint(300)) + number(8, 7) + b"\x45\x00\x00\x00\x00"
    reader = wire(data)
    packed, single, fixed = reader.fields(0, len(data))
    assert [*reader.packed(packed), *reader.packed(single)] == [1, 300, 7]
    with pytest.raises(WireError, match="no integers"):
        list(reader.packed(fixed))
