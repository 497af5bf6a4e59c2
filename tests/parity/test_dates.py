from random import Random

import pytest

from migrate.parity.dates import date_text
from migrate.parity.generate import generate
from migrate.server.engines.datetime_pattern import Pattern


@pytest.mark.parametrize(
    "pattern",
    [
        "yyyy-MM-dd HH:mm:ss",
        "dd/MM/yy",
        "d MMM uuuu",
        "EEEE d MMMM yyyy, h:mm a",
        "uuuu-DDD'T'kk''mm",
        "yyyy-MM-dd[ HH:mm:ss.SSS]",
        "E, dd LL yyyy K 'o''clock' a",
    ],
)
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
    field = {"name": "day", "type": "string", "shape": [-1], "format": "dd.MM.yyyy"}
    for sample in generate({"engine": "datetime_encoder", "inputs": [field]}, seed=3):
        (values,) = sample.request.values()
        assert isinstance(values, list)
        assert all(Pattern("dd.MM.yyyy").parse(value) for value in values)
