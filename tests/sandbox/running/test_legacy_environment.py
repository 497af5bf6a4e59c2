"""The environment of the old endpoints is made once, from the lock, and holds nothing of the tool."""

import os
import subprocess
from pathlib import Path

import pytest

from migrate.sandbox.running.legacy_environment import environment

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
