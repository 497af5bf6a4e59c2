"""The date-time encoder of the old endpoints: moments both ways, and what it does not know."""

import json
from pathlib import Path
from typing import Any

import pytest

from migrate.sandbox.running.old_runtime.dates import DateEncoder
from migrate.sandbox.running.old_runtime.loading import load
from migrate.sandbox.running.old_runtime.models import NotLoadableError


def manifest(source: dict[str, str], *targets: dict[str, str]) -> dict[str, Any]:
    fields = [{"name": f"out{place}", "shape": [-1], **target} for place, target in enumerate(targets)]
    return {"type": "datetime_encoder", "inputs": [{"name": "at", "shape": [-1], **source}], "outputs": fields}


def number(word: str) -> dict[str, str]:
    return {"type": "long", "format": word}


@pytest.mark.parametrize(
    ("word", "value", "seconds"),
    [("TS_D", 2, 172800), ("TS_H", -1, -3600), ("TS_MI", 90, 5400), ("TS_S", 7, 7), ("TS_MS", 1999, 1)],
)
def test_moments_are_read(word: str, value: int, seconds: int) -> None:
    encoder = DateEncoder(manifest(number(word), number("TS_S")))
    assert encoder.evaluate(json.dumps({"at": [value]}).encode(), None)["out0"].tolist() == [seconds]


def test_parts_and_moments_are_written() -> None:
    words = ("YEAR", "MONTH", "DAYOFMONTH", "DAYOFWEEK", "HOUROFDAY", "MINUTEOFHOUR", "TS_D", "TS_US", "TS_NS")
    encoder = DateEncoder(manifest(number("TS_S"), *map(number, words)))
    found = encoder.evaluate(b'{"at":[1626294600]}', None)  # 14 July 2021, 20:30, a Wednesday
    assert [int(values[0]) for values in found.values()] == [
        2021, 7, 14, 3, 20, 30, 2688, 1626294600_000_000, 1626294600_000_000_000,
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("source", "target"),
    [
        ({"type": "string", "format": "dd MMM yyyy"}, number("TS_S")),
        (number("TS_S"), {"type": "string", "format": "kk"}),
        (number("YEAR"), number("TS_S")),
        (number("TS_S"), number("TS_Y")),
    ],
)
def test_an_unknown_pattern_does_not_load(tmp_path: Path, source: dict[str, str], target: dict[str, str]) -> None:
    (tmp_path / "manifest.json").write_text(json.dumps(manifest(source, target)), encoding="utf-8")
    with pytest.raises(NotLoadableError, match="no valid manifest"):
        load(tmp_path)
