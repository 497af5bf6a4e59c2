"""Where PyTorch's CPU build is looked for: a file of the locked hash, from a folder or from a page of links."""

import base64
import hashlib
import http.server
import os
import threading
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from migrate.core.errors import LocalError
from migrate.images.runtime import wheels

pytestmark = pytest.mark.programs

NAME = "torch-2.13.0+cpu-py3-none-any.whl"


@pytest.fixture
def shelf(tmp_path: Path) -> Path:
    """A folder with a wheel of PyTorch's name and version, and a page that links to it."""
    folder = tmp_path / "shelf"
    folder.mkdir()
    files = {
        "torch/__init__.py": b"",
        "torch-2.13.0+cpu.dist-info/METADATA": b"Metadata-Version: 2.1\nName: torch\nVersion: 2.13.0+cpu\n",
        "torch-2.13.0+cpu.dist-info/WHEEL": b"Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    }
    lines = []
    for name, data in files.items():
        digest = base64.urlsafe_b64encode(hashlib.sha256(data).digest()).rstrip(b"=").decode()
        lines.append(f"{name},sha256={digest},{len(data)}\n")
    record = "torch-2.13.0+cpu.dist-info/RECORD"
    files[record] = "".join([*lines, f"{record},,\n"]).encode()
    with zipfile.ZipFile(folder / NAME, "w") as archive:
        for name, data in files.items():
            archive.writestr(name, data)
    (folder / "index.html").write_text(f'<a href="{NAME.replace("+", "%2B")}">{NAME}</a>')
    return folder


@pytest.fixture
def lock(shelf: Path, tmp_path: Path) -> Path:
    path = tmp_path / "requirements.lock"
    digest = hashlib.sha256((shelf / NAME).read_bytes()).hexdigest()
    path.write_text(f"torch==2.13.0+cpu --hash=sha256:{digest}\n")
    return path


@pytest.fixture
def page(shelf: Path) -> Iterator[str]:
    class Handler(http.server.SimpleHTTPRequestHandler):
        def __init__(self, *arguments: object) -> None:
            super().__init__(*arguments, directory=str(shelf))  # type: ignore[arg-type]

        def log_message(self, *_: object) -> None: ...

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}/"
        server.shutdown()


def environment(tmp_path: Path, page: str, **more: str) -> dict[str, str]:
    """A machine whose index has no such package, set up as told."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("PIP_", "UV_", "MIGRATE_"))}
    kept |= {"PIP_CONFIG_FILE": os.devnull, "UV_CACHE_DIR": str(tmp_path / "cache"), "UV_HTTP_RETRIES": "0"}
    return {**kept, "UV_DEFAULT_INDEX": f"{page}simple", **more}


def install(lock: Path, tmp_path: Path, page: str, **more: str) -> bool:
    target = tmp_path / "target"
    wheels.uv_install(
        [lock], ["--target", str(target), "--python-version", "3.11"], environment(tmp_path, page, **more)
    )
    return (target / "torch/__init__.py").exists()


def test_a_page_of_links_that_is_named(lock: Path, page: str, tmp_path: Path) -> None:
    assert install(lock, tmp_path, page, MIGRATE_TORCH_WHEELS=page)


def test_a_folder_that_is_named_beside_one_that_pip_knows(lock: Path, shelf: Path, page: str, tmp_path: Path) -> None:
    other = tmp_path / "other"
    other.mkdir()
    assert install(lock, tmp_path, page, MIGRATE_TORCH_WHEELS=str(shelf), PIP_FIND_LINKS=str(other))


def test_what_pip_knows_is_enough(lock: Path, shelf: Path, page: str, tmp_path: Path) -> None:
    assert install(lock, tmp_path, page, PIP_FIND_LINKS=str(shelf))


def test_pytorchs_own_page_where_nothing_is_set(
    lock: Path, page: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(wheels, "TORCH_WHEELS", page)
    assert install(lock, tmp_path, page)


def test_a_file_of_another_hash_is_refused_and_the_setting_named(
    lock: Path, shelf: Path, page: str, tmp_path: Path
) -> None:
    lock.write_text("torch==2.13.0+cpu --hash=sha256:" + "0" * 64 + "\n")
    with pytest.raises(LocalError, match="torch") as error:
        install(lock, tmp_path, page, MIGRATE_TORCH_WHEELS=str(shelf))
    assert wheels.TORCH_VARIABLE in (error.value.next_step or "")
