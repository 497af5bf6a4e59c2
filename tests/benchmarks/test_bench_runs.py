"""The benchmark of runs itself, on one model."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

CHECKOUT = Path(__file__).parents[2]


@pytest.mark.engine
@pytest.mark.slow
def test_a_run_beside_another_checkout(tmp_path: Path) -> None:
    numbers = tmp_path / "numbers.json"
    command = [sys.executable, "-m", "benchmarks.runs", "--models", "1", "--rounds", "1", "--cases", "alike"]
    command += ["--against", str(CHECKOUT), "--out", str(numbers)]
    done = subprocess.run(command, cwd=CHECKOUT, capture_output=True, text=True, timeout=280, check=False)
    assert done.returncode == 0, done.stderr
    assert "copies of one model" in done.stdout
    found = json.loads(numbers.read_text())
    for side in ("this", "other"):
        (seconds,) = found[side]["seconds"]["alike"]
        (steps,) = found[side]["steps"]["alike"]
        assert seconds > steps["deploy"] > 0
