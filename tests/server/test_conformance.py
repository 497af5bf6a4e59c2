"""``scripts/conformance.py``: the golden vectors, and that it can tell a miss from a pass."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.golden_folders import CHECKOUT, FOLDERS, OURS
from tests.server import models

pytestmark = pytest.mark.programs

QUICK = ("onnx", "processors")  # runtimes whose servers start in a moment


def conformance(golden: Path, *options: str) -> tuple[int, dict[str, str], str]:
    """The exit code, the outcome of each line, and everything that was printed."""
    done = subprocess.run(
        [sys.executable, str(CHECKOUT / "scripts" / "conformance.py"), *options, str(golden)],
        capture_output=True,
        text=True,
        check=False,
        timeout=290,
    )
    lines = [line.split() for line in done.stdout.splitlines() if line.startswith("  ")]
    outcomes = {line[1]: line[0] for line in lines if line[0] in {"pass", "fail", "missing"}}
    return done.returncode, outcomes, done.stdout + done.stderr


def golden_of(folder: Path, *cases: dict[str, Any]) -> Path:
    """A golden folder with the linear model."""
    made = models.linear(folder / "made")
    (folder / "_models" / "linear").mkdir(parents=True)
    (made / "files" / "model.onnx").rename(folder / "_models" / "linear" / "model.onnx")
    (folder / "request.json").write_text('{"x": [1, 2, 2]}')
    request = {"method": "POST", "path": "/eval", "headers": {"Content-Type": "application/json"}}
    entries = [
        {"case": f"case{number}", "model_dir": "_models/linear", "request": {**request, "body_file": "request.json"}}
        | {"expect": {"status": 200, **case}}
        for number, case in enumerate(cases)
    ]
    (folder / "index.json").write_text(json.dumps(entries))
    return folder


def index_of(golden: Path) -> dict[str, dict[str, Any]]:
    return {case["case"]: case for case in json.loads((golden / "index.json").read_text(encoding="utf-8"))}


@pytest.mark.runtimes
def test_our_vectors_but_those_of_large_engines() -> None:
    code, outcomes, text = conformance(OURS, "--packed", *(word for name in QUICK for word in ("--runtime", name)))
    assert set(outcomes.values()) == {"pass"}, text
    assert code == 0
    left_out = [case for name, case in index_of(OURS).items() if name not in outcomes]
    engines = {"support-tokens", "species-torchscript", "wine-tf2", "load-zip", "progression-flow", "urgency-flow"}
    assert {case["model_dir"].removeprefix("_models/") for case in left_out} == engines
    assert f"{len(left_out)} cases of other runtimes left out" in text


@pytest.mark.slow
@pytest.mark.parametrize("golden", FOLDERS, ids=["ours", "beside"][: len(FOLDERS)])
def test_every_vector_with_a_server_for_each_model(golden: Path) -> None:
    code, outcomes, text = conformance(golden)
    assert index_of(golden).keys() <= outcomes.keys(), text
    assert set(outcomes.values()) == {"pass"}, text
    assert code == 0


def test_passes_and_misses_are_told_apart(tmp_path: Path) -> None:
    same = {"label": 1, "scores": [2.0, 3.0]}
    golden = golden_of(
        tmp_path,
        {"json": same, "headers": {"Content-Type": "application/json;charset=utf-8"}},
        {"assert": [{"path": "scores[1]", "value": 3.001, "tolerance": 0.01}, {"path": "keys", "value": sorted(same)}]},
        {"json": {**same, "label": 0}},
        {"headers": {"Content-Type": "text/plain"}},
        {"assert": [{"path": "scores[0]", "value": 2.1}]},
        {"assert": [{"path": "label.more", "value": 1}]},
        {"body_file": "request.json", "compare": "bytes"},
        {"status": 400},
    )
    code, outcomes, text = conformance(golden)
    assert list(outcomes.values()) == ["pass"] * 2 + ["fail"] * 6, text
    assert code == 1
    assert "2 passed, 6 failed, 0 missing" in text


def test_all_passing_is_zero(tmp_path: Path) -> None:
    code, outcomes, _ = conformance(golden_of(tmp_path, {"json": {"label": 1, "scores": [2.0, 3.0]}}))
    assert (code, list(outcomes.values())) == (0, ["pass"])
