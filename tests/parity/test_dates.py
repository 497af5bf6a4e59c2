from random import Random

import hypothesis
import pytest
from hypothesis import given
from hypothesis import strategies as st

from migrate.core.model_json import Field, ModelJson
from migrate.parity.generate import date_number, date_text, generate
from migrate.parity.oracles.java_dates import DateError, read, written
from migrate.server.engines.datetime_pattern import Pattern, TextError, moment_at

PATTERNS = [
    "yyyy-MM-dd HH:mm:ss",
    "dd/MM/yy",
    "d MMM uuuu",
    "EEEE d MMMM yyyy, h:mm a",
    "uuuu-DDD'T'kk''mm",
    "yyyy-MM-dd[ HH:mm:ss.SSS]",
    "E, dd LL yyyy K 'o''clock' a",
    "yyyyMMddHHmmssSSS",
    "yyyy-MM-dd'T'HH:mm:ss.SSSSSSSSS",
    "yyyy D A",
    "yyyy D N",
    "y/M/d H:m:s n",
]


@pytest.mark.parametrize("pattern", PATTERNS)
def test_the_server_reads_what_is_generated(pattern: str) -> None:
    random = Random(1)  # noqa: S311 - samples
    texts = [date_text(pattern, random) for _ in range(20)]
    assert len(set(texts)) > 10
    for text in texts:
        assert text is not None
        assert Pattern(pattern).format(Pattern(pattern).parse(text)) == text


def test_an_unknown_letter_has_no_text() -> None:
    random = Random(1)  # noqa: S311 - samples
    assert date_text("yyyy VV", random) is None


def test_requests_of_a_date_time_encoder() -> None:
    field = Field("day", "string", (-1,), format="dd.MM.yyyy")
    for sample in generate(ModelJson(engine="datetime_encoder", inputs=(field,), outputs=()), seed=3):
        (values,) = sample.request.values()
        assert isinstance(values, list)
        assert all(Pattern("dd.MM.yyyy").parse(value) for value in values)


@hypothesis.settings(deadline=None)  # the machine may be busy
@given(st.sampled_from(PATTERNS), st.integers(946_684_800 * 10**9, 4_102_444_799 * 10**9))
def test_the_reference_writes_and_reads_as_the_server(pattern: str, nanos: int) -> None:
    text = written(pattern, nanos)
    assert text == Pattern(pattern).format(moment_at(nanos))
    assert read(pattern, text) == Pattern(pattern).parse(text).since_epoch


@pytest.mark.parametrize("text", ["2021-02-30", "2021-13-01", "2021-2-3", "x", "", "2021-01-01 "])
def test_the_reference_refuses_what_the_server_refuses(text: str) -> None:
    pattern = "yyyy-MM-dd"
    if text == "2021-02-30":  # the last day of the month, as Java has it
        assert read(pattern, text) == Pattern(pattern).parse("2021-02-28").since_epoch
        return
    with pytest.raises(TextError):
        Pattern(pattern).parse(text)
    with pytest.raises(DateError):
        read(pattern, text)


@pytest.mark.parametrize(("word", "least"), [("TS_D", 10_957), ("TS_Y", 29), ("TS_S", 946_684_800), ("TS_NS", 10**17)])
def test_dates_as_numbers_are_of_this_century(word: str, least: int) -> None:
    field = Field("day", "long", (-1,), format=word)
    described = ModelJson(engine="datetime_encoder", inputs=(field,), outputs=())
    values = [v for s in generate(described, seed=3) for v in s.request["day"]]  # type: ignore[attr-defined]
    assert all(least <= value < 3 * least for value in values if word != "TS_NS")
    assert len(set(values)) > 10
    assert date_number("YEAR", Random(1)) is None  # noqa: S311 - samples
