"""Files that libraries of ML Serving's years wrote (tests/period): answered as those libraries answered."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

CHECKOUT = Path(__file__).parents[2]
PERIOD = CHECKOUT / "tests/period"
SLOW = ("fa2.5.3", "k2.2.4", "tf1.15.5")  # their libraries are long to import; each has a quicker test of its own
LIBRARIES = [
    pytest.param(library, marks=pytest.mark.slow) if library in SLOW else library
    for library in sorted({path.stem.partition("-")[0] for path in PERIOD.glob("expect/*.json")})
]

pytestmark = pytest.mark.runtimes


def compared(out: Path, folder: Path, *only: str) -> tuple[int, str, dict[str, str]]:
    """The exit code, what was printed, and the outcome of each model."""
    script = CHECKOUT / "scripts/period/compare.py"
    options = [word for text in only for word in ("--only", text)]
    command = [sys.executable, str(script), *options, "--json", str(out), str(folder)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=280, check=False)
    assert out.exists(), done.stderr
    return done.returncode, done.stdout, json.loads(out.read_text(encoding="utf-8"))


@pytest.mark.parametrize("library", LIBRARIES)
def test_a_library_is_answered_for(tmp_path: Path, library: str) -> None:
    code, text, found = compared(tmp_path / "found.json", PERIOD, f"{library}-")
    assert set(found) == {path.stem for path in PERIOD.glob(f"expect/{library}-*.json")}
    assert set(found.values()) == {"ok"}, text
    assert code == 0
    assert f"{len(found)} of" in text


def test_what_is_not_as_it_was_is_a_miss(tmp_path: Path) -> None:
    names = ("tok0.10.3-wordpiece", "tok0.10.3-words-roberta", "tok0.10.3-bytes-padded", "tok0.10.3-unigram-no-prefix")
    for name in names:
        shutil.copytree(PERIOD / "models" / name, tmp_path / "models" / name)
    expected = {name: json.loads((PERIOD / f"expect/{name}.json").read_text(encoding="utf-8")) for name in names}
    ids = expected[names[0]]["requests"][0]["want"]["ids"]["data"]
    ids[0] += 1
    expected[names[1]]["want"] = "refused"
    expected[names[2]]["requests"][0]["want"]["lengths"] = {"dtype": "int64", "shape": None, "data": [1]}
    (tmp_path / "models" / names[3] / "tokenizer.json").write_text("{}")
    (tmp_path / "expect").mkdir()
    for name, content in expected.items():
        (tmp_path / f"expect/{name}.json").write_text(json.dumps(content))
    code, text, found = compared(tmp_path / "found.json", tmp_path)
    assert code == 1
    assert found[names[0]] == f"request 0: ids has {ids[0] - 1} where {ids[0]} was"
    assert found[names[1]] == "answered with 200, though it never was"
    assert found[names[2]].startswith("request 0: lengths is missing")
    assert "refused" in found[names[3]] or "not served" in found[names[3]]
    assert "0 of    4" in text
