"""The inference server's own files, as they travel in the image."""

import hashlib
import shutil
from pathlib import Path
from typing import Final

import msgspec

import migrate
from migrate.core.names import digest_of
from migrate.core.text import printable

IMAGE_PATH: Final = "/opt/migrate/server"

# The package's own first file has the tool's version, which must not change the runtime.
_PACKAGE_FILE: Final = b'"""The inference server that travels in the image."""\n'


class _Ready(msgspec.Struct):
    """The answer of ``/health/ready``, as far as it is looked at."""

    not_served: dict[str, str] = {}


def unserved_of(body: bytes) -> dict[str, str]:
    """Why a server that is ready does not serve some of its models, by id: what ``/health/ready`` says."""
    try:
        said = msgspec.json.decode(body, type=_Ready)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return {}
    return {name: printable(reason, 600) for name, reason in said.not_served.items()}


def server_files() -> tuple[tuple[str, Path], ...]:
    """The files of ``migrate/server`` with their paths in the image, in a fixed order."""
    package = Path(migrate.__file__).resolve().parent
    found = (path for path in (package / "server").rglob("*") if path.is_file() and "__pycache__" not in path.parts)
    return tuple(sorted((path.relative_to(package.parent).as_posix(), path) for path in found))


def server_digest() -> str:
    """A digest over the paths and contents of the server's files."""
    parts = [_PACKAGE_FILE.decode()]
    for name, path in server_files():
        parts += [name, hashlib.sha256(path.read_bytes()).hexdigest()]
    return digest_of(*parts)


def copy_server(folder: Path) -> None:
    """Write the server's files into a folder, importable from it as ``migrate.server``."""
    for name, path in server_files():
        target = folder / name
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(path, target)
    folder.joinpath("migrate/__init__.py").write_bytes(_PACKAGE_FILE)
