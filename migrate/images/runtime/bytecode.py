"""Byte-code for a folder of Python sources: the same bytes wherever it is made, valid wherever it is unpacked.

pip's and uv's byte-code names the builder's folders and checks the sources' times, so the image would carry paths of
this machine and compile everything again at every start. Here the prefix is the image's, and the files are marked as
never to be checked against the source (decisions: Byte-code).
"""

from __future__ import annotations

import os
import platform
import shutil
import subprocess
import sys
import tarfile
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Final

from migrate.core.errors import LocalError
from migrate.core.text import type_again
from migrate.images.engine import containers, tarstream
from migrate.images.engine.connection import translated
from migrate.machine.patience import COMPILATION

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

    from migrate.images.engine.connection import Engine

# A few files of some wheels are templates or of another Python's grammar: compileall goes on and they stay sources.
_COMPILE: Final = ("-P", "-m", "compileall", "-qq", "-f", "--invalidation-mode=unchecked-hash")
_IN_CONTAINER: Final = "/tmp/compile"  # noqa: S108 - a folder of a container that nobody else is in


def compiler() -> str:
    """What compiles here: the byte-code of two releases of CPython differs, so what they made has two names."""
    return f"{platform.python_implementation()} {platform.python_version()}"


def compile_folder(folder: Path, image_path: str, *, python: str, engine: Engine | None, base: str | None) -> None:
    """Write ``__pycache__`` beside the sources under ``folder``.

    Args:
        folder: The sources.
        image_path: Where the folder's content lies in the image; it is what tracebacks show.
        python: The image's Python, major.minor: byte-code of another one is of no use.
        engine: Where ``base`` is run when this machine has no CPython of that version.
        base: The base image.

    Raises:
        LocalError: There is no such Python (code ``no-python``).
    """
    interpreter = _interpreter(python)
    if interpreter is not None:
        command = [interpreter, *_COMPILE, "-s", str(folder), "-p", image_path, str(folder)]
        environment = {"PATH": os.environ.get("PATH", os.defpath), "PYTHONHASHSEED": "0"}
        subprocess.run(command, env=environment, check=False, stdin=subprocess.DEVNULL)
    elif engine is not None and base is not None:
        _compile_in_container(folder, image_path, engine, base)
    else:
        raise LocalError(
            f"Compiling for the image needs CPython {python} or a container engine, and neither is here.",
            code="no-python",
            next_step=type_again(f"Start Docker, or install Python {python}"),
        )


def _interpreter(python: str) -> str | None:
    """A CPython of this minor on this machine; none is downloaded."""
    if sys.implementation.name == "cpython" and python == f"{sys.version_info.major}.{sys.version_info.minor}":
        return sys.executable
    found = shutil.which(f"python{python}")
    if found is None:
        return None
    check = (
        f"import sys; sys.exit(sys.implementation.name != 'cpython' or '%d.%d' % sys.version_info[:2] != '{python}')"
    )
    return found if subprocess.run([found, "-c", check], check=False, capture_output=True).returncode == 0 else None


def _compile_in_container(folder: Path, image_path: str, engine: Engine, base: str) -> None:
    """The same in a container of the base image: sources go in, byte-code comes out, nothing is mounted."""
    sources = [entry for entry in tarstream.tree(folder) if entry.name.endswith(".py")]
    command = ["python3", *_COMPILE, "-s", _IN_CONTAINER, "-p", image_path, _IN_CONTAINER]
    api = engine.client.api
    with containers.container(engine, base, command, purpose="compile", user="0:0") as identity, translated():
        api.put_archive(identity, "/tmp", tarstream.archive(_with_folders(sources)))  # noqa: S108 - see above
        api.start(identity)
        api.wait(identity, timeout=COMPILATION)
        chunks, _ = api.get_archive(identity, _IN_CONTAINER)
        _take_bytecode(chunks, folder)


def _with_folders(sources: Iterable[tarstream.Entry]) -> Iterator[tarstream.Entry]:
    top = PurePosixPath(_IN_CONTAINER).name
    yield tarstream.folder(top)
    for entry in sources:
        yield tarstream.Entry(
            name=f"{top}/{entry.name}", mode=tarstream.FILE_MODE, source=entry.source, size=entry.size
        )


def _take_bytecode(chunks: Iterator[bytes], folder: Path) -> None:
    """Write the byte-code files of an archive beside their sources, and nothing else of it anywhere."""
    with tarfile.open(fileobj=ChunkReader(chunks), mode="r|") as packed:  # type: ignore[call-overload]
        for member in packed:
            path = PurePosixPath(member.name)
            if not member.isreg() or path.suffix != ".pyc" or ".." in path.parts or path.parent.name != "__pycache__":
                continue
            source = folder.joinpath(*path.parts[1:-2], path.name.partition(".")[0] + ".py")
            data = packed.extractfile(member)
            if data is not None and source.is_file():
                source.parent.joinpath("__pycache__").mkdir(exist_ok=True)
                source.parent.joinpath("__pycache__", path.name).write_bytes(data.read())


class ChunkReader:
    """A file to read over an iterator of bytes, as ``tarfile`` wants it."""

    def __init__(self, chunks: Iterator[bytes]) -> None:
        self._chunks = chunks
        self._rest = b""

    def read(self, size: int) -> bytes:
        """So many bytes, or what is left."""
        pieces, have = [self._rest], len(self._rest)
        while have < size:
            piece = next(self._chunks, b"")
            if not piece:
                break
            pieces.append(piece)
            have += len(piece)
        data = b"".join(pieces)
        self._rest = data[size:]
        return data[:size]
