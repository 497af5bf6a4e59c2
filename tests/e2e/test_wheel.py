"""What users install: the built wheel, in an empty environment outside the checkout."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.e2e.harness import ROOT

IRIS = ROOT / "examples" / "models" / "iris"


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("wheel")
    build = [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", str(folder), str(ROOT)]
    subprocess.run(build, check=True, capture_output=True)
    (wheel,) = folder.glob("*.whl")
    venv = folder / "venv"
    subprocess.run([sys.executable, "-m", "venv", venv], check=True, capture_output=True)
    lock = ROOT / "requirements.lock"
    uv = Path(sys.executable).with_name("uv")
    environment = {**os.environ, "VIRTUAL_ENV": str(venv)}
    subprocess.run(
        [uv, "pip", "install", "--quiet", f"{wheel}[sandbox]", "--constraint", lock],
        check=True,
        capture_output=True,
        env=environment,
    )
    return venv / "bin" / "mlserving-migrate"


def _environment(tmp_path: Path) -> dict[str, str]:
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("OVH_", "MIGRATE_"))}
    return environment | {"XDG_STATE_HOME": str(tmp_path / "state"), "MIGRATE_WORKSPACE": str(tmp_path / "workspace")}


@pytest.mark.slow
def test_the_wheel_exports_a_context_that_builds_without_a_network(installed: Path, tmp_path: Path) -> None:
    out = tmp_path / "context"
    subprocess.run(
        [installed, "export", IRIS, "--out", out], check=True, cwd=tmp_path, env=_environment(tmp_path), timeout=280
    )
    tag = "migrate-test-export:iris"
    try:
        subprocess.run(
            ["docker", "build", "--network", "none", "--build-arg", f"BASE={_base()}", "--tag", tag, "."],
            check=True,
            cwd=out,
            capture_output=True,
            timeout=280,
        )
        script = (
            "import json,urllib.request as u,time\n"
            "for _ in range(1200):\n"
            " try:\n  u.urlopen('http://127.0.0.1:8080/health/ready'); break\n"
            " except OSError: time.sleep(0.1)\n"
            "r=u.Request('http://127.0.0.1:8080/eval',json.dumps({'float_input':[5.1,3.5,1.4,0.2]}).encode(),"
            "{'Content-Type':'application/json'})\n"
            "print(u.urlopen(r).read().decode())\n"
        )
        container = subprocess.run(
            ["docker", "run", "--detach", "--rm", "--network", "none", "--user", "42420:42420", "--read-only", tag],
            check=True,
            capture_output=True,
            text=True,
        ).stdout.strip()
        try:
            answer = subprocess.run(
                ["docker", "exec", container, "python3", "-c", script], check=True, capture_output=True, text=True
            ).stdout
        finally:
            subprocess.run(["docker", "kill", container], check=True, capture_output=True)
        assert json.loads(answer)["output_label"] == 0
    finally:
        subprocess.run(["docker", "rmi", tag], check=False, capture_output=True)


def _base() -> str:
    """The base image that the set-up pulled, or bootstrapped where pulling is impossible."""
    listed = subprocess.run(
        ["docker", "images", "--format", "{{.Repository}}:{{.Tag}}"], capture_output=True, check=True, text=True
    )
    known = [line for line in listed.stdout.splitlines() if line.startswith(("python:3.11-slim", "migrate-base:"))]
    return max(known)


@pytest.mark.slow
def test_the_wheel_runs_the_demo(installed: Path, tmp_path: Path) -> None:
    ended = subprocess.run(
        [installed, "demo", "--quick"],
        check=False,
        cwd=tmp_path,
        env=_environment(tmp_path),
        capture_output=True,
        text=True,
        timeout=290,
    )
    assert ended.returncode == 0, ended.stdout + ended.stderr
    assert "4 of 5 migrated, 1 needs you" in ended.stdout
    assert "live" in ended.stdout
