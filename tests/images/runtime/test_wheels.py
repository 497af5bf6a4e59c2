import os
import subprocess
import threading
from pathlib import Path

import pytest
import uv

from migrate.core.errors import LocalError
from migrate.images.base.image import ensure_base
from migrate.images.engine.connection import Engine
from migrate.images.runtime import bytecode, wheels
from migrate.images.runtime.bytecode import compile_folder
from migrate.images.runtime.templates import runtimes, template_of
from migrate.images.runtime.uv_settings import uv_environment
from tests.images.conftest import silent

pytestmark = pytest.mark.programs

SMALL = """\
h11==0.16.0 \\
    --hash=sha256:63cf8bbe7522de3bf65932fda1d9c2772064ffb3dae62d55932da54b31cb6c86
"""


@pytest.fixture
def lock(tmp_path: Path) -> Path:
    path = tmp_path / "requirements.lock"
    path.write_text(SMALL)
    return path


def contents(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_two_stores_get_the_same_files(lock: Path, tmp_path: Path) -> None:
    made = [
        wheels.vendor([lock], python="3.11", store=tmp_path / name, progress_text=silent) for name in ("one", "another")
    ]
    first, second = map(contents, made)
    assert first == second
    assert "h11/__pycache__/_state.cpython-311.pyc" in first
    assert any(name.startswith("h11-0.16.0.dist-info/licenses/") for name in first)
    assert all(str(tmp_path).encode() not in data for data in first.values())
    assert b"/opt/migrate/wheels/h11/_state.py" in first["h11/__pycache__/_state.cpython-311.pyc"]
    recorded = {line.split(",")[0] for line in first["h11-0.16.0.dist-info/RECORD"].decode().splitlines()}
    assert recorded == {name for name in first if "__pycache__" not in name}


def test_the_second_time_nothing_is_done(lock: Path, tmp_path: Path) -> None:
    said: list[str] = []
    folder = wheels.vendor([lock], python="3.11", store=tmp_path, progress_text=said.append)
    assert len(said) == 2
    assert wheels.vendor([lock], python="3.11", store=tmp_path, progress_text=said.append) == folder
    assert len(said) == 2
    assert list((tmp_path / "partial").iterdir()) == []


def test_one_maker_at_a_time(lock: Path, tmp_path: Path) -> None:
    said: list[str] = []

    def make() -> None:
        wheels.vendor([lock], python="3.11", store=tmp_path, progress_text=said.append)

    threads = [threading.Thread(target=make) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(said) == 2


def test_the_users_cache_of_uv_is_left_as_it_is(lock: Path, tmp_path: Path) -> None:
    folder = wheels.vendor([lock], python="3.11", store=tmp_path, progress_text=silent)
    assert all(path.stat().st_nlink == 1 for path in folder.rglob("*") if path.is_file())


def test_a_wheel_that_is_not_the_locked_one_is_refused(lock: Path, tmp_path: Path) -> None:
    lock.write_text(SMALL.replace("63cf8b", "000000"))
    with pytest.raises(LocalError) as error:
        wheels.vendor([lock], python="3.11", store=tmp_path, progress_text=silent)
    assert error.value.code == "wheels-failed"
    assert "\n" not in error.value.what
    assert list((tmp_path / "partial").iterdir()) == []
    assert not (tmp_path / "wheels").exists()


def test_no_index_is_one_sentence(lock: Path, tmp_path: Path) -> None:
    environ = {**os.environ, "UV_DEFAULT_INDEX": "http://127.0.0.1:9/simple", "UV_CACHE_DIR": str(tmp_path / "cache")}
    environ |= {"UV_HTTP_RETRIES": "0", "PIP_CONFIG_FILE": os.devnull, "PIP_FIND_LINKS": "", "PIP_EXTRA_INDEX_URL": ""}
    with pytest.raises(LocalError) as error:
        wheels.uv_install([lock], ["--target", str(tmp_path / "t"), "--python-version", "3.11"], environ)
    assert error.value.code == "wheels-failed"


@pytest.mark.parametrize(
    ("runtime", "platform"),
    # Images are for amd64; `serve` runs the common models on a laptop with ARM too.
    [*((runtime, wheels.UV_PLATFORM) for runtime in runtimes()), ("onnx", "aarch64-manylinux_2_28")],
)
def test_a_runtimes_lock_has_wheels_for_its_machines(runtime: str, platform: str, tmp_path: Path) -> None:
    command = [uv.find_uv_bin(), "pip", "install", "--dry-run", "--quiet", "--no-deps", "--require-hashes"]
    command += ["--only-binary", ":all:", "--python-platform", platform, "--python-version", "3.11"]
    command += ["--target", str(tmp_path), "-r", str(template_of(runtime).locks[0])]
    environ = {**os.environ, **uv_environment(os.environ)}
    subprocess.run(command, env=environ, check=True, capture_output=True)


@pytest.mark.engine
def test_a_container_compiles_to_the_same_files(
    engine: Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    base = ensure_base(engine, None, silent)
    folders = [tmp_path / "here", tmp_path / "there"]
    for folder in folders:
        folder.joinpath("package/sub").mkdir(parents=True)
        folder.joinpath("package/__init__.py").write_text("import os\n\ndef f():\n    return os.sep\n")
        folder.joinpath("package/sub/größe.py").write_text("A = {'x', 'y', 'z'}\n")
        folder.joinpath("package/broken.py").write_text("def :\n")
        folder.joinpath("package/data.bin").write_bytes(b"\0")
    own = bytecode._interpreter(base.python)
    if own is not None:
        compile_folder(folders[0], "/opt/x", python=base.python, engine=None, base=None)
    monkeypatch.setattr(bytecode, "_interpreter", lambda _: None)
    if own is None:
        compile_folder(folders[0], "/opt/x", python=base.python, engine=engine, base=base.image_id)
    compile_folder(folders[1], "/opt/x", python=base.python, engine=engine, base=base.image_id)
    first, second = map(contents, folders)
    assert first == second
    assert len(first) == 6
    with pytest.raises(LocalError) as error:
        compile_folder(folders[1], "/opt/x", python=base.python, engine=None, base=None)
    assert error.value.code == "no-python"
