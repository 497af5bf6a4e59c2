"""The benchmark of a large object itself, on 50 MB."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

CHECKOUT = Path(__file__).parents[2]


@pytest.mark.slow
@pytest.mark.parametrize("engine", [False, pytest.param(True, marks=pytest.mark.engine)])
def test_a_model_of_50_mb_is_killed_and_replaced_on_its_way(tmp_path: Path, *, engine: bool) -> None:
    numbers = tmp_path / "numbers.json"
    command = [sys.executable, "-m", "benchmarks.large", "--gb", "0.05", "--compare-gb", "0.05", "--pace-mb", "20"]
    command += ["--out", str(numbers), *([] if engine else ["--without-engine"])]
    done = subprocess.run(command, cwd=CHECKOUT, capture_output=True, text=True, timeout=280, check=False)
    assert done.returncode == 0, done.stderr
    assert "the file is the new object, byte for byte" in done.stdout
    found = json.loads(numbers.read_text())
    size, there = found["bytes"], found["bytes synced"]
    assert 0 < there < size
    assert found["bytes after"] <= size - there + 1_000_000
    assert 0 < found["interrupted: memory"] < 200_000_000
    last = "render" if engine else "inspect"
    for name, steps in found.items():
        if "run again" in name:
            assert last in [step["name"] for step in steps]
