"""The date patterns of the server, of its reference and of the sandbox, each held against ``java.time``."""

import json
from collections.abc import Callable
from datetime import UTC, datetime
from string import ascii_letters
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from migrate.parity.oracles import java_dates
from migrate.parity.oracles.on_dates import decoded, number_of
from migrate.sandbox.running.old_runtime.dates import DateEncoder
from migrate.sandbox.running.old_runtime.tensors import RefusalError
from migrate.server.engines.datetime_encoder import DatetimeEngine
from migrate.server.engines.datetime_pattern import Pattern, PatternError, TextError, moment_at
from migrate.server.model import Field, Model
from tests.oracles.java_time import SECOND, JavaTime

LETTERS = "yuMLdDHhKkmsSnANaE"


def nanos(iso: str, more: int = 0) -> int:
    """The moment that is written so, in nanoseconds since 1970."""
    return int(datetime.fromisoformat(iso).replace(tzinfo=UTC).timestamp()) * SECOND + more


FIRST, LAST = nanos("0001-01-01"), nanos("9999-12-31T23:59:59", SECOND - 1)


class Server:
    """The pattern of the inference server."""

    def written(self, pattern: str, moment: int) -> str | None:
        try:
            return Pattern(pattern).format(moment_at(moment))
        except PatternError:
            return None

    def read(self, pattern: str, text: str) -> list[int]:
        try:
            return [Pattern(pattern).parse(text).since_epoch]
        except TextError:
            return []


class Reference:
    """The pattern that the server's answers are compared by."""

    def written(self, pattern: str, moment: int) -> str | None:
        try:
            return java_dates.written(pattern, moment)
        except java_dates.DateError:
            return None

    def read(self, pattern: str, text: str) -> list[int]:
        try:
            return [java_dates.read(pattern, text)]
        except java_dates.DateError:
            return []


class Sandbox:
    """The encoder of the sandbox's old endpoints; it knows a few letters, for reading others than for writing."""

    def written(self, pattern: str, moment: int) -> str | None:
        found: str = self._evaluated(("long", "TS_US"), ("string", pattern), moment // 1000)
        return found

    def read(self, pattern: str, text: str) -> list[int]:
        try:
            return [SECOND * int(self._evaluated(("string", pattern), ("long", "TS_S"), text))]
        except RefusalError:
            return []

    def _evaluated(self, source: tuple[str, str], target: tuple[str, str], value: object) -> Any:
        fields = [
            {"name": name, "type": kind, "format": word, "shape": [1]}
            for name, (kind, word) in (("from", source), ("to", target))
        ]
        encoder = DateEncoder({"inputs": fields[:1], "outputs": fields[1:]})
        return encoder.evaluate(json.dumps({"from": value}).encode(), None)["to"][0]


BOTH = [Server(), Reference()]
both = pytest.mark.parametrize("ours", BOTH, ids=["server", "reference"])

PATTERNS = [
    "yyyy-MM-dd HH:mm:ss",
    "yyyy-MM-dd'T'HH:mm:ss.SSSSSSSSS",
    "uuuu-MM-dd'T'HH:mm[:ss[.SSS]]",
    "yyyyMMddHHmmssSSS",
    "yyyyMMdd",
    "dd/MM/yy",
    "d/M/yy",
    "M/d/y h:mm a",
    "d MMM uuuu",
    "EEEE d MMMM yyyy",
    "EEE, dd LLL uuu",
    "E MMMMM EEEEE y",
    "uuuu-DDD",
    "yyyyDDD",
    "y D",
    "yy DD",
    "yyyyyy-M-d",
    "uuu",
    "y/M/d H:m:s n",
    "yyyy-MM-dd kk",
    "yyyy-MM-dd k:m",
    "yyyy K a",
    "yyyy h",
    "yyyy H h a",
    "yyyy a",
    "yyyy-MM-dd A",
    "yyyy AAAAAAAAA",
    "yyyy N",
    "yyyy n A",
    "yyyy S m",
    "yyyy HH a E",
    "HHmm yyyy",
    "Hmm yyyy",
    "[yyyy][MM]d",
    "yyyy[-MM[-dd]]",
    "'year' y 'o''clock' H",
    "yyyy''MM''''dd",
    "[yyyy-MM",
    "MM-dd HH:mm",
    "y u",
    "M yyyy MM MMM",
    "yyyy MM dd DDD E",
    "é yyyy \U0001f600 | ~ ;",
    "",
]
MOMENTS = [
    FIRST,
    nanos("0099-12-31T12:00:00"),
    nanos("0987-06-05T04:03:02", 1),
    nanos("1900-02-28T00:00:01"),
    nanos("1969-12-31T23:59:59", SECOND - 1),
    0,
    nanos("2000-02-29T12:00:00"),
    nanos("2010-05-05T00:30:00"),
    nanos("2020-12-31T23:00:00", 5_000_007),
    nanos("2021-07-14T20:05:09", 12_345),
    nanos("2099-09-09T09:09:09", 90_000_000),
    LAST,
]
TEXTS = {
    "yyyy-MM-dd HH:mm:ss": [
        "2021-02-31 10:00:00", "2021-02-32 10:00:00", "2021-13-01 10:00:00", "2021-00-01 10:00:00",
        "2021-7-14 10:00:00", "2021-07-14 24:00:00", "2021-07-14 24:00:01", "2021-07-14 10:60:00",
        "2021-07-14 10:00:00 ", " 2021-07-14 10:00:00", "2021-07-14T10:00:00", "+02021-07-14 10:00:00",
        "+2021-07-14 10:00:00", "02021-07-14 10:00:00", "-2021-07-14 10:00:00", "0000-07-14 10:00:00",
        "9999-12-31 24:00:00", "٢٠٢١-07-14 10:00:00", "",
    ],
    "yyyyMMdd": ["20210714", "2021714", "+020210714", "020210714", "202107141"],
    "d/M/yy": ["31/2/21", "031/002/21", "-1/2/21", "1/+2/21", "1/2/2021", "1/2/99"],
    "M/d/y h:mm a": ["7/14/2021 12:00 AM", "7/14/2021 0:30 PM", "7/14/2021 13:30 PM", "7/14/2021 8:05 pm"],
    "yyyy K a": ["2021 12 AM", "2021 11 PM", "2021 0 AM"],
    "yyyy h": ["2021 12", "2021 7", "2021 0"],
    "yyyy a": ["2021 AM", "2021 PM"],
    "yyyy H h a": ["2021 20 8 PM", "2021 20 8 AM", "2021 0 12 AM", "2021 24 12 AM"],
    "yyyy-MM-dd kk": ["2021-07-14 24", "2021-07-14 00", "2021-07-14 25"],
    "uuuu-DDD": ["2020-366", "2021-366", "2021-000", "9999-366"],
    "yyyy n A": ["2021 5000007 5", "2021 7 5", "2021 7 86400000"],
    "yyyy N": ["2021 86399999999999", "2021 86400000000000", "2021 99999999999999999999", "2021 9223372036854775808"],
    "E MMMMM EEEEE y": ["Wed J W 2021", "Thu J T 2021", "Mon F M 2021", "Mon 2 M 2021"],
    "EEEE d MMMM yyyy": ["Wednesday 14 July 2021", "Tuesday 14 July 2021", "Wednesday 14 july 2021"],
    "yyyy[-MM[-dd]]": ["2021", "2021-", "2021-07", "2021-07-", "2021-07-14", "2021-7-14"],
    "[yyyy][MM]d": ["20210714", "20211", "07", "7"],
    "y u": ["2021 2021", "2021 2022", "5 -4"],
    "M yyyy MM MMM": ["7 2021 07 Jul", "7 2021 07 Aug"],
    "yyyy MM dd DDD E": ["2021 02 31 059 Sun", "2021 02 31 060 Mon"],
    "Hmm yyyy": ["905 2021", "2005 2021", "05 2021", "00905 2021"],
    "yyyyyy-M-d": ["002021-7-14", "+0002021-7-14", "0002021-7-14", "2021-7-14"],
    "uuu": ["021", "2021", "000002021", "-021", "-000"],
    "MM-dd HH:mm": ["07-14 10:00"],
}  # fmt: skip


def within(moments: list[int]) -> list[int]:
    """Without those of other years than 1 to 9999, which nobody here has."""
    return [moment for moment in moments if FIRST <= moment <= LAST]


@both
def test_patterns_that_java_takes_and_no_other(java: JavaTime, ours: Server | Reference) -> None:
    runs = [letter * count for letter in ascii_letters for count in range(1, 21)]
    odd = ["'", "'a", "''", "'''", "''''", "'a''b'", "y'", "yyyy]", "[[]", "[]]", "]", "{", "}", "#", "'{'", "[" * 30]
    known = java.ask([["known", pattern] for pattern in runs + odd])
    for pattern, is_known in zip(runs + odd, known, strict=True):
        served = pattern[0] in LETTERS or not pattern[0].isalpha()
        assert (ours.written(pattern, 0) is not None) == (is_known and served), pattern
    assert sum(known) > 200


@both
def test_the_table_is_written_as_java_writes(java: JavaTime, ours: Server | Reference) -> None:
    table = [(pattern, moment) for pattern in PATTERNS for moment in MOMENTS]
    texts = java.ask([["written", *one] for one in table])
    assert None not in texts
    assert [ours.written(*one) for one in table] == texts


@both
def test_the_table_is_read_as_java_reads(java: JavaTime, ours: Server | Reference) -> None:
    assert TEXTS.keys() <= set(PATTERNS)
    written = java.ask([["written", pattern, moment] for pattern in PATTERNS for moment in MOMENTS])
    patterns = [pattern for pattern in PATTERNS for _ in MOMENTS]
    table = [*zip(patterns, written, strict=True), *((p, text) for p, texts in TEXTS.items() for text in texts)]
    found = java.ask([["read", *one] for one in table])
    wrong = {
        (pattern, text): (moments, ours.read(pattern, text))
        for (pattern, text), moments in zip(table, found, strict=True)
        if ours.read(pattern, text) != within(moments)
    }
    assert wrong == {}
    assert 300 < sum(map(bool, found)) < len(table) - 50


def pieces(letters: str, counts: int) -> st.SearchStrategy[str]:
    """Runs of letters, literals, and optional sections."""
    run = st.builds(lambda letter, count: letter * count, st.sampled_from(letters), st.integers(1, counts))
    literal = st.sampled_from([" ", "-", ":", "/", ".", "''", "'T'", "'at'", "''''", "5", "é"])
    piece = run | run | literal
    section = st.lists(piece | st.lists(piece, max_size=3).map(lambda inner: f"[{''.join(inner)}]"), max_size=7)
    return section.map("".join)


def patterns() -> st.SearchStrategy[str]:
    """Patterns of the letters that are served; most of them have a year, and some more brackets than they close."""
    years = st.sampled_from(["y", "yy", "uuuu", "yyyy", "u", ""])
    return st.builds(lambda *parts: "".join(parts), years, st.sampled_from(["", " ", "["]), pieces(LETTERS, 4))


moments = st.integers(FIRST, LAST) | st.integers(nanos("1960-01-01"), nanos("2060-01-01")) | st.sampled_from(MOMENTS)


@st.composite
def changes(draw: st.DrawFn) -> Callable[[str], str]:
    """What may happen to a text: mostly nothing, or something at one place."""
    kind = draw(st.sampled_from(["none", "none", "drop", "put", "change", "end"]))
    place, mark = draw(st.integers(0, 40)), draw(st.sampled_from("0123456789-+ AJaxé٣"))

    def change(text: str) -> str:
        at = place % (len(text) + 1)
        left, right = text[:at], text[at:]
        return {
            "none": text,
            "drop": left + right[1:],
            "put": left + mark + right,
            "change": left + mark + right[1:],
            "end": left,
        }[kind]

    return change


generated = settings(deadline=None, max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture])


@both
@generated
@given(pattern=patterns(), moment=moments)
def test_any_pattern_is_written_as_java_writes(
    java: JavaTime, ours: Server | Reference, pattern: str, moment: int
) -> None:
    assert ours.written(pattern, moment) == java.one("written", pattern, moment)


@both
@generated
@given(pattern=patterns(), moment=moments, change=changes())
def test_any_text_is_read_as_java_reads(
    java: JavaTime, ours: Server | Reference, pattern: str, moment: int, change: Callable[[str], str]
) -> None:
    text = java.one("written", pattern, moment)
    if text is None:
        assert ours.written(pattern, moment) is None
        return
    text = change(text)
    assert ours.read(pattern, text) == within(java.one("read", pattern, text))


def sandbox_patterns(runs: list[str]) -> st.SearchStrategy[str]:
    """Patterns of the runs that the sandbox knows, each at most once."""
    literals = st.sampled_from(["-", "/", " ", ":", ".", "é", ""])
    return st.lists(st.sampled_from(runs), unique_by=lambda run: run[0].replace("u", "y"), min_size=1).flatmap(
        lambda chosen: st.tuples(*(literals.map(run.__add__) for run in chosen)).map("".join)
    )


@generated
@given(pattern=sandbox_patterns(["uuuu", "MMM", "d", "EEEE"]), moment=moments)
def test_the_sandbox_writes_as_java_writes(java: JavaTime, pattern: str, moment: int) -> None:
    assert Sandbox().written(pattern, moment) == java.one("written", pattern, moment)


@generated
@given(pattern=sandbox_patterns(["yyyy", "uuuu", "MM", "dd", "HH", "mm"]), moment=moments, change=changes())
def test_the_sandbox_reads_as_java_reads(
    java: JavaTime, pattern: str, moment: int, change: Callable[[str], str]
) -> None:
    text = change(java.one("written", pattern, moment))
    # The letters of the sandbox contradict no default, so there is one reading.
    assert Sandbox().read(pattern, text) == within(java.one("read", pattern, text))


@pytest.mark.parametrize("pattern", ["dd''MM", "[dd]", "dd{", "dd#", "yyyy yyyy", "yyyy uuuu"])
def test_the_sandbox_does_not_load_what_it_does_not_know(pattern: str) -> None:
    with pytest.raises(ValueError, match=r"d|y"):
        Sandbox().read(pattern, "")


UNITS = {
    "TS_Y": "YEARS", "TS_MO": "MONTHS", "TS_D": "DAYS", "TS_H": "HOURS", "TS_MI": "MINUTES", "TS_S": "SECONDS",
    "TS_MS": "MILLIS", "TS_US": "MICROS", "TS_NS": "NANOS",
}  # fmt: skip


def engine(source: str, target: str) -> Callable[[int], int]:
    """The server's encoder from one unit to another."""
    fields = [Field(name=name, type="long", shape=(-1,), format=word) for name, word in (("x", source), ("y", target))]
    model = Model(
        schema=1, id="", engine="datetime_encoder", entry="", inputs=tuple(fields[:1]), outputs=tuple(fields[1:])
    )
    return lambda value: int(DatetimeEngine(model, threads=1).run({"x": np.array([value])})["y"][0])


def encoder(source: str, target: str) -> Callable[[int], int]:
    """The sandbox's."""
    fields = [
        {"name": name, "type": "long", "format": word, "shape": [1]} for name, word in (("x", source), ("y", target))
    ]
    made = DateEncoder({"inputs": fields[:1], "outputs": fields[1:]})
    return lambda value: int(made.evaluate(json.dumps({"x": [value]}).encode(), None)["y"][0])


@pytest.mark.parametrize("word", UNITS)
@generated
@given(moment=st.integers(-(1 << 62), 1 << 62))
def test_units_are_counted_as_java_counts(java: JavaTime, word: str, moment: int) -> None:
    unit = "WEEKS" if word == "TS_D" else UNITS[word]  # days were written in weeks
    wanted = java.one("counted", unit, moment)
    assert engine("TS_NS", word)(moment) == wanted
    assert number_of(word, moment) == wanted
    if word not in ("TS_Y", "TS_MO", "TS_NS"):
        assert encoder("TS_US", word)(moment // 1000) == java.one("counted", unit, moment // 1000 * 1000)


@pytest.mark.parametrize("word", UNITS)
@generated
@given(moment=st.integers(-(1 << 62), 1 << 62))
def test_units_are_added_as_java_adds(java: JavaTime, word: str, moment: int) -> None:
    count = java.one("counted", UNITS[word], moment)
    wanted = java.one("added", UNITS[word], count)
    assert engine(word, "TS_NS")(count) == wanted
    assert decoded(word, count) == wanted
    if word not in ("TS_Y", "TS_MO", "TS_NS"):
        assert encoder(word, "TS_US")(count) == java.one("counted", "MICROS", wanted)
