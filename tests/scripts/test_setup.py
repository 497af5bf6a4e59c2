"""scripts/setup: what a second time does, and what it says where it cannot go on."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

pytestmark = pytest.mark.programs

CHECKOUT = Path(__file__).parents[2]


def setup(*arguments: str, checkout: Path = CHECKOUT, **environ: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [str(checkout / "scripts/setup"), *arguments],
        env={**os.environ, **environ},
        check=False,
        capture_output=True,
        text=True,
        cwd="/",
    )


WAYS = [
    pytest.param((), marks=[pytest.mark.engine, pytest.mark.slow]),  # for root it makes a base image as an archive
    pytest.param(("--environment-only",)),
]


@pytest.mark.parametrize("arguments", WAYS, ids=" ".join)
def test_the_second_time_it_finds_everything_done_and_says_nothing(arguments: tuple[str, ...]) -> None:
    assert setup(*arguments).returncode == 0
    done = setup(*arguments)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_an_unknown_option_is_told_the_known_ones() -> None:
    done = setup("--help-me")
    assert done.returncode == 2
    assert "--environment-only" in done.stderr


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """A checkout of its own, whose lock has one small package and uv."""
    for name in ("scripts/setup", "migrate/images/runtime/uv_settings.py"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(CHECKOUT / name, tmp_path / name)
    blocks = (CHECKOUT / "requirements.lock").read_text().replace("\\\n", "\\").splitlines(keepends=True)
    wanted = ("uv==", "hatchling==", "packaging==", "pathspec==", "pluggy==", "trove-classifiers==", "tomlkit==")
    kept = [block.replace("\\", "\\\n") for block in blocks if block.startswith(wanted)]
    (tmp_path / "requirements.lock").write_text("".join(kept))
    (tmp_path / "pyproject.toml").write_text(
        '[build-system]\nrequires = ["hatchling"]\nbuild-backend = "hatchling.build"\n'
        '[project]\nname = "setup-test"\nversion = "1"\n'
        '[tool.hatch.build]\ndev-mode-dirs = ["."]\n[tool.hatch.build.targets.wheel]\npackages = ["migrate"]\n'
    )
    return tmp_path


@pytest.mark.slow
def test_the_environment_is_made_once_and_again_when_the_lock_changes(copy: Path) -> None:
    first = setup("--environment-only", checkout=copy)
    assert first.returncode == 0, first.stderr
    assert first.stderr.startswith("setup: installing the Python packages")
    python = copy / ".venv/bin/python"
    code = "import migrate.images.runtime.uv_settings as m; print(m.__file__)"
    there = subprocess.run([str(python), "-c", code], cwd="/", check=True, capture_output=True, text=True)
    assert there.stdout.strip() == str(copy / "migrate/images/runtime/uv_settings.py")

    again = setup("--environment-only", checkout=copy)
    assert (again.returncode, again.stderr) == (0, "")

    lock = copy / "requirements.lock"
    lock.write_text(lock.read_text() + "\n")
    assert "installing" in setup("--environment-only", checkout=copy).stderr

    # A moved or broken environment is made anew.
    (copy / ".venv/bin/python").unlink()
    (copy / ".venv/bin/python").symlink_to("/nonexistent")
    assert setup("--environment-only", checkout=copy).returncode == 0
    assert subprocess.run([str(python), "-c", ""], check=False).returncode == 0


@pytest.mark.slow
def test_a_wheel_that_is_not_the_locked_one_stops_it(copy: Path) -> None:
    lock = copy / "requirements.lock"
    lock.write_text(lock.read_text().replace("--hash=sha256:", "--hash=sha256:0000").replace("0000", "0" * 4))
    done = setup("--environment-only", checkout=copy)
    assert done.returncode == 7
    assert not (copy / ".venv/.setup-stamp").exists()


def test_an_engine_that_was_named_and_does_not_answer_is_one_sentence() -> None:
    done = setup(DOCKER_HOST="unix:///nonexistent.sock")
    assert done.returncode == 7
    assert done.stderr.splitlines()[-1].startswith("setup: no container engine answers at DOCKER_HOST")


def test_without_a_fitting_python_it_says_which_ones_fit(copy: Path) -> None:
    tools = copy / "bin"
    tools.mkdir()
    for name in ("bash", "env", "dirname", "cat", "cut", "sha256sum", "id"):
        found = shutil.which(name)
        assert found
        (tools / name).symlink_to(found)
    done = setup("--environment-only", checkout=copy, PATH=str(tools))
    assert done.returncode == 7
    assert "Python 3.11, 3.12 or 3.13 is needed" in done.stderr
