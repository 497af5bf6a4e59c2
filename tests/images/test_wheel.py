"""The built wheel: what it holds, and that it exports from an empty environment outside the checkout."""

import json
import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
import uv

from migrate.images.runtime.uv_settings import uv_environment
from tests.images.conftest import IRIS

pytestmark = pytest.mark.programs

CHECKOUT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("wheel")
    command = [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", str(out), str(CHECKOUT)]
    subprocess.run(command, check=True, capture_output=True)
    (built,) = out.glob("*.whl")
    return built


def test_templates_and_sample_models_are_in_it(wheel: Path) -> None:
    names = set(zipfile.ZipFile(wheel).namelist())
    for folder, inside in (("dockerfile_templates", "dockerfile_templates"), ("examples/models", "sandbox/models")):
        here = {path.relative_to(CHECKOUT / folder) for path in (CHECKOUT / folder).rglob("*") if path.is_file()}
        assert here
        assert {f"migrate/{inside}/{path.as_posix()}" for path in here} <= names
    assert not any(name.startswith(("tests/", ".ci/")) for name in names)
    assert any(name.endswith("licenses/LICENSE") for name in names)


@pytest.mark.slow
def test_it_exports_from_an_empty_environment_and_the_demo_names_its_extra(wheel: Path, tmp_path: Path) -> None:
    environ = {"PATH": "/usr/bin:/bin", "HOME": str(tmp_path), **uv_environment(os.environ)}
    environ |= {name: value for name, value in os.environ.items() if name.startswith(("UV_", "SSL_", "PIP_", "XDG_"))}
    uv_environ = {**os.environ, **environ, "HOME": os.environ.get("HOME", str(tmp_path))}
    subprocess.run([uv.find_uv_bin(), "venv", "-q", "-p", sys.executable, "env"], cwd=tmp_path, check=True)
    install = [uv.find_uv_bin(), "pip", "install", "-q", "-p", "env/bin/python", str(wheel)]
    subprocess.run(install, cwd=tmp_path, env=uv_environ, check=True, capture_output=True)
    arguments = ["export", str(IRIS.parent), "--out", str(tmp_path / "out"), "--workspace", str(tmp_path / "workspace")]
    done = subprocess.run(
        ["env/bin/mlserving-migrate", *arguments, "--json"],
        cwd=tmp_path,
        env=environ,
        check=False,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    result = json.loads(done.stdout.splitlines()[-1])
    assert (result["event"], result["exit_code"]) == ("result", 0)
    assert (tmp_path / "out/layer-server/opt/migrate/server/migrate/server/__main__.py").is_file()
    assert (tmp_path / "out/layer-model-0/models/iris/files/iris.onnx").read_bytes() == IRIS.read_bytes()
    assert list((tmp_path / "out/layer-wheels").rglob("onnxruntime/__init__.py"))
    demo = subprocess.run(
        ["env/bin/mlserving-migrate", "demo", "--json"],
        cwd=tmp_path,
        env=environ,
        check=False,
        capture_output=True,
        text=True,
    )
    assert demo.returncode == 7, demo.stderr
    refused = json.loads(demo.stdout.splitlines()[-1])
    assert refused["error"]["code"] == "sandbox-missing"
    assert "'mlserving-migrate[sandbox]'" in refused["error"]["next_step"]
