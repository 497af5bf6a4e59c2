"""The environment of the old endpoints is made once, from the lock, holds nothing of the tool, and does not stay."""

import os
import subprocess
import sys
import time
from pathlib import Path

import platformdirs
import pytest

from migrate.sandbox.running.legacy_environment import environment, remove_environments

pytestmark = pytest.mark.programs


@pytest.fixture(autouse=True)
def _own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    uv_cache = os.environ.get("UV_CACHE_DIR") or str(Path("~/.cache/uv").expanduser())
    monkeypatch.setenv("UV_CACHE_DIR", uv_cache)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setenv("HOME", str(tmp_path))  # where platforms without XDG keep their caches


def test_it_is_made_once_and_stands_alone() -> None:
    said: list[str] = []
    python = environment(said.append)
    assert said == ["installing ONNX Runtime for the old endpoints (once)"]
    assert environment(said.append) == python
    assert len(said) == 1
    code = "import importlib.util as u, onnxruntime, numpy; assert u.find_spec('migrate') is None"
    subprocess.run([python, "-I", "-c", code], check=True)


def test_a_failure_is_one_sentence_and_leaves_nothing_that_looks_made(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as alone:
        alone.setenv("UV_CACHE_DIR", str(tmp_path / "empty"))
        alone.setenv("UV_OFFLINE", "1")
        with pytest.raises(RuntimeError, match=r"the environment of the old endpoints cannot be made: .+"):
            environment(lambda _text: None)
    assert environment(lambda _text: None).exists()


def test_those_of_an_installation_are_removed_and_no_others(tmp_path: Path) -> None:
    assert remove_environments(tmp_path) == ()
    cache = Path(platformdirs.user_cache_path("mlserving-migrate")) / "old-endpoints"
    for name, owner in {"mine": str(tmp_path), "another": "/elsewhere"}.items():
        (cache / name / "bin").mkdir(parents=True)
        (cache / name / "made-for").write_text(owner, encoding="utf-8")
    (cache / "of-an-earlier-release").mkdir()
    assert remove_environments(tmp_path) == (cache / "mine",)
    assert {path.name for path in cache.iterdir() if path.is_dir()} == {"another", "of-an-earlier-release"}


@pytest.mark.slow
def test_those_that_nobody_needs_any_more_are_removed_when_another_is_made(tmp_path: Path) -> None:
    python = environment(lambda _text: None)
    made = python.parents[1]
    cache, there = made.parent, tmp_path / "another"
    there.mkdir()
    long_ago = time.time() - 31 * 24 * 3600
    kept = {"of-another": str(there), "of-an-earlier-release": None}
    gone = {"former": sys.prefix, "of-nobody": str(tmp_path / "uninstalled"), "unused": str(there), "unused-too": None}
    for name, owner in (kept | gone).items():
        (cache / name).mkdir()
        if owner is not None:
            (cache / name / "made-for").write_text(owner, encoding="utf-8")
        if name.startswith("unused"):
            os.utime(cache / name / ("made-for" if owner else ""), (long_ago, long_ago))

    def there_are() -> set[str]:
        return {path.name for path in cache.iterdir() if path.is_dir()}

    assert environment(lambda _text: None) == python
    assert there_are() == {made.name, *kept, *gone}
    made.rename(tmp_path / "away")
    assert environment(lambda _text: None) == python
    assert there_are() == {made.name, *kept}
    assert remove_environments(tmp_path / "nothing") == ()
    assert remove_environments(Path(sys.prefix)) == (made,)
    assert there_are() == set(kept)
