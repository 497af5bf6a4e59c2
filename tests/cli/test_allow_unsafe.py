"""``--allow-unsafe`` as it is typed: what is refused, with which exit code, and what is said of where it is loaded."""

import hashlib
import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

pytestmark = pytest.mark.programs

MIGRATE = str(Path(sys.executable).with_name("migrate"))
EXAMPLES = Path(__file__).parents[2] / "examples"
MODULE = EXAMPLES / "formats/species-module"
DIGEST = f"sha256:{hashlib.sha256((MODULE / 'species.pt').read_bytes()).hexdigest()}"
UNKNOWN = "sha256:" + "0" * 64


def environment(folder: Path) -> dict[str, str]:
    nowhere = {"DOCKER_HOST": "tcp://127.0.0.1:1", "HOME": str(folder), "MIGRATE_WORKSPACE": str(folder / "workspace")}
    return {"PATH": os.environ["PATH"], **nowhere}


def typed(folder: Path, *words: str) -> tuple[int, dict[str, Any]]:
    done = subprocess.run(
        [MIGRATE, *words, "--json"], env=environment(folder), capture_output=True, text=True, timeout=120, check=False
    )
    assert "Traceback" not in done.stderr, done.stderr
    return done.returncode, json.loads(done.stdout.splitlines()[-1])


@pytest.mark.parametrize(
    ("words", "where"),
    [
        (("build", str(MODULE), "--tag", "module:1"), "in a container without network"),
        (("export", str(MODULE), "--out", "out"), "where the image is run, and not here"),
        (("serve", str(MODULE)), "on this machine, by a process with your own rights"),
    ],
)
def test_a_folder_that_runs_code_is_refused(tmp_path: Path, words: tuple[str, ...], where: str) -> None:
    code, result = typed(tmp_path, *words)
    assert (code, result["exit_code"]) == (8, 8)
    assert result["error"]["code"]
    assert f"--allow-unsafe {DIGEST}; it is then loaded {where}" in result["error"]["next_step"]
    code, result = typed(tmp_path, *words, "--allow-unsafe", UNKNOWN)
    assert code == 8
    assert f"--allow-unsafe {UNKNOWN} --allow-unsafe {DIGEST}" in result["error"]["next_step"]


@pytest.mark.parametrize(
    "command", [("run", "ns"), ("build", ".", "--tag", "x"), ("export", ".", "--out", "x"), ("serve", ".")]
)
def test_what_is_no_digest_is_a_mistake_of_typing(tmp_path: Path, command: tuple[str, ...]) -> None:
    code, result = typed(tmp_path, *command, "--allow-unsafe", "sha256:all")
    assert (code, result["error"]["code"]) == (2, "bad-digest")
    assert "64" in result["error"]["next_step"]


def test_serve_says_where_the_model_is_loaded(tmp_path: Path) -> None:
    words = [MIGRATE, "serve", str(EXAMPLES / "models/iris"), "--port", "0"]
    with subprocess.Popen(
        words, env=environment(tmp_path), stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True
    ) as process:
        assert process.stderr is not None
        told = next(line for line in process.stderr if "loaded on this machine" in line)
        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=120)
    assert "without a container" in told
