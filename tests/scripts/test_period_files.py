"""``scripts/period/make.py``: an old interpreter is found where there is one, and makes what is kept."""

import importlib
import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).parents[2]
SCRIPTS = ROOT / "scripts/period"


@pytest.fixture
def make(monkeypatch: pytest.MonkeyPatch) -> Iterator[ModuleType]:
    monkeypatch.syspath_prepend(str(SCRIPTS))
    yield importlib.import_module("make")
    del sys.modules["make"]


def test_the_newest_of_a_minor_version_is_taken(
    make: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PYENV_ROOT", str(tmp_path))
    monkeypatch.setenv("PATH", str(tmp_path / "nothing"))
    assert make.interpreter("3.7") is None
    for version in ("3.7.9", "3.7.16", "3.71.2", "3.8.1"):
        (tmp_path / f"versions/{version}/bin").mkdir(parents=True)
        (tmp_path / f"versions/{version}/bin/python").touch()
    assert make.interpreter("3.7") == tmp_path / "versions/3.7.16/bin/python"


def test_each_writer_has_its_lock_and_its_models(make: ModuleType) -> None:
    for name, writer in make.WRITERS.items():
        assert (SCRIPTS / f"writers/{name}_files.py").is_file()
        assert (SCRIPTS / f"environments/{writer.environment}.lock").is_file()
        assert list((ROOT / "tests/period/models").glob(f"{writer.library}-*"))


@pytest.mark.slow
@pytest.mark.runtimes
def test_what_is_made_is_what_is_kept(make: ModuleType, tmp_path: Path) -> None:
    if make.interpreter("3.7") is None:
        pytest.skip("no Python 3.7 here")
    command = [sys.executable, str(SCRIPTS / "make.py"), "--only", "tokenizers"]
    environments = ["--environments", str(tmp_path / "environments")]
    subprocess.run([*command, *environments, str(tmp_path / "made")], check=True, timeout=250)
    made = sorted((tmp_path / "made/expect").iterdir())
    assert made
    for file in made:
        kept = ROOT / "tests/period"
        assert json.loads(file.read_text()) == json.loads((kept / "expect" / file.name).read_text())
        text = (tmp_path / "made/models" / file.stem / "tokenizer.json").read_bytes()
        assert text == (kept / "models" / file.stem / "tokenizer.json").read_bytes()
