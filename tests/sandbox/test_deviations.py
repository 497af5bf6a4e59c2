"""Each decision in DEVIATIONS.md is held by a test that exists, and every fault is described there."""

import re
from pathlib import Path

import pytest

import migrate.sandbox
from migrate.sandbox.base import faults
from migrate.sandbox.base.faults import Fault

HERE = Path(__file__).parent
TEXT = (Path(migrate.sandbox.__file__).parent / "DEVIATIONS.md").read_text()
LINES = [line for line in TEXT.splitlines() if line.startswith("- ")]


def test_there_are_decisions() -> None:
    assert len(LINES) > 40


@pytest.mark.parametrize("line", LINES, ids=range(len(LINES)))
def test_a_decision_names_its_test(line: str) -> None:
    found = re.search(r"`((?:\w+/)*test_\w+\.py)(?:::(test_\w+))?`$", line)
    assert found, f"no test at the end of: {line}"
    file, function = found.groups()
    source = (HERE / file).read_text()
    assert function is None or f"def {function}(" in source


def test_every_fault_is_described() -> None:
    kinds = {kind.__struct_config__.tag: kind for kind in Fault.__args__}
    table = dict(re.findall(r"^\| `([\w-]+)` \| (.*) \|$", TEXT, re.MULTILINE))
    assert set(table) == set(kinds)
    common = set(faults.Selection.__struct_fields__)
    for name, kind in kinds.items():
        described = set(re.findall(r"`(\w+)`", table[name]))
        assert set(kind.__struct_fields__) - common <= described
