"""What the benchmark makes of its numbers: medians, shares, targets met and missed."""

import json
from pathlib import Path

import pytest

from benchmarks.server.contenders import CONTENDERS
from benchmarks.server.environments import HERE
from benchmarks.server.measure import Case, Sample, Visit
from benchmarks.server.report import MAIN, Visits, middle, table, targets

CASE = Case(MAIN, "one row", "mlp", "row", 32, 1.0)


def sample(rps: float, p99: float = 0.01, errors: int = 0) -> Sample:
    return Sample(rps, p99 / 2, p99, cpu_seconds=1000 / rps, busy=1.0, errors=errors)


def visits(**rates: float) -> Visits:
    return {(name, "mlp"): [Visit(0.2, 80_000_000, {MAIN: sample(rate)})] for name, rate in rates.items()}


def test_the_middle_of_three_rounds() -> None:
    found = middle([sample(100, 0.5, 1), sample(5000, 0.1, 2), sample(300, 0.2)])
    assert found is not None
    assert (found.rps, found.p99, found.errors) == (300, 0.2, 3)
    assert middle([]) is None


@pytest.mark.parametrize(("echo", "met"), [(1600, True), (1700, False)])
def test_the_share_of_the_echo(echo: float, met: bool) -> None:
    found = {target.text: target for target in targets(visits(migrate=1000, echo=echo), CASE)}
    target = found["requests/s over the echo's"]
    assert target.value == pytest.approx(1000 / echo)
    assert target.by_cpu == pytest.approx(1000 / echo)
    assert target.met is met


def test_a_target_without_its_peer_is_not_met() -> None:
    found = {target.text: target.met for target in targets(visits(migrate=1000), CASE)}
    assert found["requests/s over MLServer's"] is None
    assert found["RSS in MB"] is True
    assert found["seconds to ready"] is True


def test_sizes_have_to_stay_below() -> None:
    measured = visits(migrate=1000)
    measured["migrate", "mlp"] = [Visit(0.4, 120_000_000, {MAIN: sample(1000)})]
    found = {target.text: target.met for target in targets(measured, CASE)}
    assert (found["RSS in MB"], found["seconds to ready"]) == (False, False)


def test_the_table_names_everybody() -> None:
    text = table(visits(migrate=1000, echo=2000), [CASE], list(CONTENDERS))
    for contender in CONTENDERS:
        assert contender.title in text
    assert "missed" in text
    assert "not measured" in text


def test_locks_are_hashed_and_name_no_index() -> None:
    locks = sorted(HERE.glob("*.lock"))
    assert [lock.stem for lock in locks] == ["bentoml", "fastapi", "litserve", "mlserver"]
    for lock in locks:
        text = lock.read_text()
        assert text.count("==") <= text.count("--hash=sha256:")
        assert "://" not in text


def test_wrk_prints_one_line_of_json() -> None:
    script = (HERE / "load.lua").read_text()
    line = next(part for part in script.splitlines() if "requests" in part and "{" in part)
    shown = line.split("'")[1].replace("\\n", "").replace("%.6f", "1.5").replace("%d", "1")
    assert set(json.loads(shown)) == {"requests", "seconds", "p50", "p99", "errors"}
    assert Path(HERE, "peers").is_dir()
