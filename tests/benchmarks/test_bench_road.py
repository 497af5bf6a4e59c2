"""The road from storage to a registry, at a size that the tests have time for."""

from pathlib import Path

import pytest

from benchmarks.road.__main__ import report
from benchmarks.road.road import MB, travel


@pytest.mark.slow
@pytest.mark.programs
def test_300_mb_are_cut_on_both_ways_and_arrive(tmp_path: Path) -> None:
    found = travel(tmp_path, 300 * MB)
    assert not found.faults(), report(found)
    assert [step.name for step in found.walked.steps][-1] == "push"
