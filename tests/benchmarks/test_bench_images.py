"""The benchmark of images itself, on the lightest runtime."""

import gzip
import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

CHECKOUT = Path(__file__).parents[2]


@pytest.mark.slow
@pytest.mark.engine
def test_one_runtime(tmp_path: Path) -> None:
    numbers = tmp_path / "numbers.json"
    command = [
        sys.executable,
        "-m",
        "benchmarks.images",
        "--only",
        "processors",
        "--starts",
        "2",
        "--out",
        str(numbers),
    ]
    done = subprocess.run(command, cwd=CHECKOUT, capture_output=True, text=True, timeout=400, check=False)
    assert done.returncode == 0, done.stderr
    assert "compressed MB" in done.stdout
    assert "TensorFlow Serving, CPU" in done.stdout
    (row,) = json.loads(numbers.read_text())["rows"]
    assert row["runtime"] == "processors"
    # Wheels, server, settings and the model, which is a manifest of some hundred bytes.
    assert len(row["layers"]) == 4
    assert row["layers"][-1]["unpacked"] < 10_000
    assert 20e6 < row["compressed_bytes"] < 45e6 < row["unpacked_bytes"] < 120e6
    assert row["cold_seconds"] > row["model_seconds"] > 0
    assert len(row["ready_seconds"]) == len(row["peak_bytes"]) == 2
    assert min(row["ready_seconds"]) > 0
    assert min(row["peak_bytes"]) > 10e6
    assert row["versions"]["numpy"]


@pytest.mark.engine
def test_a_model_that_is_not_served_is_said(tmp_path: Path) -> None:
    tmp_path.joinpath("notes.txt.gz").write_bytes(gzip.compress(b"no model"))
    command = [sys.executable, "-m", "benchmarks.images", "--only", "", "--model", str(tmp_path)]
    done = subprocess.run(command, cwd=CHECKOUT, capture_output=True, text=True, timeout=100, check=False)
    assert done.returncode == 1
    assert f"bench-images: {tmp_path.name}: " in done.stderr
    assert "Traceback" not in done.stderr


def test_a_name_that_nothing_has() -> None:
    command = [sys.executable, "-m", "benchmarks.images", "--only", "cuda"]
    done = subprocess.run(command, cwd=CHECKOUT, capture_output=True, text=True, timeout=100, check=False)
    assert done.returncode == 1
    assert "nothing is named cuda" in done.stderr


@pytest.mark.slow
def test_what_symbols_weigh() -> None:
    command = [sys.executable, "-m", "benchmarks.images", "--symbols", "--only", "processors"]
    done = subprocess.run(command, cwd=CHECKOUT, capture_output=True, text=True, timeout=280, check=False)
    assert done.returncode == 0, done.stderr
    head, row = (re.split(r"\s{2,}", line.strip()) for line in done.stdout.splitlines())
    assert head == ["objects", "stripped", "disk MB", "without", "compressed MB", "without", "saved"]
    name, objects, stripped, *sizes, saved = row
    assert name == "processors"
    assert 0 < int(stripped) < int(objects)
    before, after, packed_before, packed_after = map(float, sizes)
    assert before > after > packed_before > packed_after > 0
    # Worth its code; were it hardly anything in any runtime, the code should go.
    assert float(saved.removesuffix("%")) > 3
