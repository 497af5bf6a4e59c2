"""The wheels of a runtime's lock as a folder: for the image's platform and Python, whatever this machine is."""

from __future__ import annotations

import csv
import hashlib
import io
import os
import shutil
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING, Final

from migrate.core.errors import LocalError
from migrate.core.names import digest_of
from migrate.core.network import masked
from migrate.core.text import printable, type_again
from migrate.images.runtime.bytecode import compile_folder, compiler
from migrate.images.runtime.strip import read_rules, rules_text, strip
from migrate.images.runtime.uv_settings import uv_environment
from migrate.machine.disk import disk_errors, disk_full, says_full, scratch_folder
from migrate.machine.locks import exclusive

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from migrate.images.engine.connection import Engine

IMAGE_PATH: Final = "/opt/migrate/wheels"
UV_PLATFORM: Final = "x86_64-manylinux_2_28"
TORCH_VARIABLE: Final = "MIGRATE_TORCH_WHEELS"
# https://pytorch.org/get-started/locally/ names the index of CPU builds; this is its page of torch.
TORCH_WHEELS: Final = "https://download.pytorch.org/whl/cpu/torch/"

_ENGINES: Final = ("tensorflow_cpu", "torch")
_RECIPE: Final = "2"  # the version of what is done to the wheels by this file, strip.py and elf.py
_EVERYWHERE: Final = "numpy"  # a package of every runtime
# Of the installer, with this machine's paths and times in them; or programs whose first line names this machine's
# Python. Nothing of the image runs them.
_DROPPED: Final = ("uv_cache.json", "direct_url.json", "REQUESTED", "INSTALLER")


def vendor(
    locks: Sequence[Path],
    *,
    python: str,
    store: Path,
    progress_text: Callable[[str], None],
    engine: Engine | None = None,
    base: str | None = None,
) -> Path:
    """The folder with what serving needs of the locks' packages, and its byte-code: made once per locks and Python.

    Args:
        locks: Requirements files with hashes, which agree on the versions of what they share.
        python: The image's Python, major.minor.
        store: The content store; the result is ``store/wheels/<digest>``.
        progress_text: Told what is done when it takes long.
        engine: With ``base``, compiles where this machine has no such Python.
        base: The base image.

    Raises:
        LocalError: A package cannot be had or does not match its hash (code ``wheels-failed``), or the disk is full.
    """
    made = vendored(locks, python=python, store=store)
    if made.is_dir():
        return made
    with exclusive(store / "locks" / f"wheels-{made.name}"):
        if made.is_dir():
            return made
        progress_text("fetching the wheels of the runtime")
        with disk_errors(), scratch_folder(store, "wheels-") as folder:
            uv_install(locks, ["--target", str(folder), "--python-platform", UV_PLATFORM, "--python-version", python])
            _drop_of_installer(folder)
            progress_text("removing what serving does not need, and compiling the runtime's packages")
            strip(folder, read_rules(rules_text()))
            compile_folder(folder, IMAGE_PATH, python=python, engine=engine, base=base)
            made.parent.mkdir(exist_ok=True)
            folder.rename(made)
    return made


def vendored(locks: Sequence[Path], *, python: str, store: Path) -> Path:
    """Where the folder of ``vendor`` is, or will be."""
    return store / "wheels" / digest_of(*recipe(), *map(digest_of_file, locks), python)[:40]


def layers_of(packages: Path) -> dict[str, frozenset[str]]:
    """The layers that a folder of packages becomes, in order: the names at its top that are in each.

    An engine that weighs more than all the rest has the first layer for itself. Several runtimes hold the same one
    (PyTorch serves scripts, pipelines and learners), and so it is stored, pushed and pulled once for all of them.
    """
    records = [record for name in _ENGINES for record in packages.glob(f"{name}-*.dist-info/RECORD")]
    engine = frozenset(
        Path(row[0]).parts[0]
        for record in records
        for row in csv.reader(io.StringIO(record.read_text(encoding="utf-8")))
        if row
    )
    rest = frozenset(path.name for path in packages.iterdir()) - engine
    return {"layer-engine": engine, "layer-wheels": rest} if engine else {"layer-wheels": rest}


def recipe() -> tuple[str, ...]:
    """What the folder depends on besides the locks and the Python: a part of the name of all that is made of it."""
    return (_RECIPE, rules_text(), UV_PLATFORM, compiler())


def digest_of_file(lock: Path) -> str:
    """The SHA-256 of a lock, in hex."""
    return hashlib.sha256(lock.read_bytes()).hexdigest()


def uv_install(locks: Sequence[Path], arguments: Sequence[str], environ: Mapping[str, str] = os.environ) -> None:
    """``uv pip install`` of hashed locks: wheels only, nothing but what they name, nothing linked to the cache.

    Raises:
        LocalError: What uv said, in short (code ``wheels-failed`` or ``disk-full``).
    """
    import uv  # noqa: PLC0415 - looks for its program when imported

    command = [uv.find_uv_bin(), "pip", "install", "--quiet", "--no-deps", "--require-hashes"]
    command += ["--only-binary", ":all:", "--link-mode", "copy", *arguments]
    command += [part for lock in locks for part in ("-r", str(lock.resolve()))]
    environment = {**environ, **uv_environment(environ)}
    environment |= _torch_wheels(locks, environment)
    environment.pop("VIRTUAL_ENV", None)
    # uv's user and system configuration count (an index of a closed network); that of some project here does not.
    done = subprocess.run(
        command, cwd="/", env=environment, check=False, capture_output=True, text=True, errors="replace"
    )
    if done.returncode == 0:
        return
    said = " ".join(line.strip() for line in done.stderr.strip().splitlines())
    if says_full(said):
        raise disk_full()
    raise LocalError(
        f"The wheels of the runtime could not be fetched: {printable(said[-600:], 600)}",
        code="wheels-failed",
        next_step=type_again("See that this machine reaches a Python package index (as pip or uv is set up)")
        + (f" PyTorch's CPU build comes from {TORCH_WHEELS}, or from {TORCH_VARIABLE}." if "torch" in said else ""),
    )


def check_index(environ: Mapping[str, str]) -> str:
    """Asks the package index for a package that every runtime has, as a run would, and answers which it is, in words.

    Raises:
        LocalError: It does not answer, or does not have it (``wheels-failed``).
    """
    import uv  # noqa: PLC0415 - looks for its program when imported

    environment = {"UV_HTTP_TIMEOUT": "10", **environ, **uv_environment(environ)}
    environment.pop("VIRTUAL_ENV", None)
    command = [uv.find_uv_bin(), "pip", "compile", "--quiet", "--no-deps", "--no-header", "--no-cache", "-"]
    done = subprocess.run(
        [*command, "--only-binary", ":all:", "--python-platform", UV_PLATFORM],
        cwd="/",
        env=environment,
        input=_EVERYWHERE,
        check=False,
        capture_output=True,
        text=True,
        errors="replace",
    )
    named = environment.get("UV_DEFAULT_INDEX") or environment.get("UV_INDEX_URL") or ""
    index = (
        f"the package index {printable(masked(named), 200)}" if named else "the package index that uv is set up with"
    )
    if done.returncode == 0:
        return index
    said = printable(" ".join(done.stderr.split())[-400:], 400)
    raise LocalError(
        f"{index[0].upper()}{index[1:]} does not give Python's packages: {said}",
        code="wheels-failed",
        next_step=type_again("See that this machine reaches a Python package index (as pip or uv is set up)"),
    )


def _torch_wheels(locks: Sequence[Path], environment: Mapping[str, str]) -> dict[str, str]:
    """Where uv finds PyTorch's CPU build, which the registry does not have: the locks name its file by its hash.

    ``MIGRATE_TORCH_WHEELS`` (a folder, or a page of links) comes first, then what pip or uv is set up with, then
    PyTorch's own page.
    """
    if not any(b"+cpu" in lock.read_bytes() for lock in locks):
        return {}
    known = environment.get("UV_FIND_LINKS", "")
    named = environment.get(TORCH_VARIABLE, "")
    if not named and (known or environment.get("UV_INDEX") or environment.get("UV_NO_INDEX")):
        return {}
    return {"UV_FIND_LINKS": ",".join(part for part in (named or TORCH_WHEELS, known) if part)}


def _drop_of_installer(folder: Path) -> None:
    """Remove what differs from machine to machine, and its lines in the packages' records."""
    shutil.rmtree(folder / "bin", ignore_errors=True)
    folder.joinpath(".lock").unlink(missing_ok=True)
    for record in folder.glob("*.dist-info/RECORD"):
        for name in _DROPPED:
            record.with_name(name).unlink(missing_ok=True)
        rows = list(csv.reader(io.StringIO(record.read_text(encoding="utf-8"))))
        kept = sorted(row for row in rows if row and (folder / row[0]).is_file() and ".." not in Path(row[0]).parts)
        text = io.StringIO()
        csv.writer(text, lineterminator="\n").writerows(kept)
        record.write_text(text.getvalue(), encoding="utf-8")
