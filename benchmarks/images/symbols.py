"""What removing symbols from shared objects saves of each runtime's packages."""

import sys
import zlib
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

from benchmarks.tables import aligned
from migrate.images.engine import tarstream
from migrate.images.runtime.bytecode import compile_folder
from migrate.images.runtime.elf import strip_symbols
from migrate.images.runtime.strip import read_rules, rules_text
from migrate.images.runtime.templates import template_of
from migrate.images.runtime.wheels import IMAGE_PATH, UV_PLATFORM, uv_install

_GZIP = 31  # zlib's word for gzip
_LEVEL = 6  # what engines push with
_PYTHON = f"{sys.version_info.major}.{sys.version_info.minor}"


@dataclass(frozen=True)
class Saving:
    """Bytes of a runtime's packages as an image holds them, with and without the symbols of their shared objects.

    ``stripped`` are the shared objects that had symbols worth removing. ``unpacked`` and ``compressed`` are of one tar
    archive of everything, and of the same by gzip at the level of a push: before, after.
    """

    runtime: str
    objects: int
    stripped: int
    unpacked: tuple[int, int]
    compressed: tuple[int, int]

    @property
    def share(self) -> float:
        """How much of the compressed bytes is saved, 0 to 1."""
        before, after = self.compressed
        return 1 - after / before


def measure(runtime: str, scratch: Path, say: Callable[[str], None]) -> Saving:
    """Install a runtime's packages as its image has them, and weigh them before and after.

    Raises:
        MigrateError: The packages cannot be had.
    """
    say(f"fetching the packages of {runtime}")
    locks = template_of(runtime).locks
    uv_install(locks, ["--target", str(scratch), "--python-platform", UV_PLATFORM, "--python-version", _PYTHON])
    rules = read_rules(rules_text())
    for path in _files(scratch):
        if rules.match(path.relative_to(scratch).as_posix()):
            path.unlink()
    compile_folder(scratch, IMAGE_PATH, python=_PYTHON, engine=None, base=None)
    objects = [path for path in _files(scratch) if path.open("rb").read(4) == b"\x7fELF"]
    say(f"weighing {runtime}, with and without the symbols of {len(objects)} shared objects")
    before = _weight(scratch)
    stripped = sum(map(strip_symbols, objects))
    after = _weight(scratch)
    return Saving(runtime, len(objects), stripped, (before[0], after[0]), (before[1], after[1]))


def _files(folder: Path) -> list[Path]:
    return sorted(path for path in folder.rglob("*") if path.is_file() and not path.is_symlink())


def _weight(folder: Path) -> tuple[int, int]:
    return weight(tarstream.archive(tarstream.tree(folder)))


def weight(pieces: Iterable[bytes]) -> tuple[int, int]:
    """The bytes of an archive, and what gzip makes of them."""
    packer = zlib.compressobj(_LEVEL, zlib.DEFLATED, _GZIP)
    unpacked = compressed = 0
    for piece in pieces:
        unpacked += len(piece)
        compressed += len(packer.compress(piece))
    return unpacked, compressed + len(packer.flush())


def table(savings: list[Saving]) -> str:
    """A line for each runtime."""
    head = ["", "objects", "stripped", "disk MB", "without", "compressed MB", "without", "saved"]
    lines = [head]
    for one in savings:
        sizes = [f"{size / 1e6:.1f}" for size in (*one.unpacked, *one.compressed)]
        lines.append([one.runtime, str(one.objects), str(one.stripped), *sizes, f"{one.share:.1%}"])
    return aligned(lines)
