"""Symbols of real shared objects: those of the wheels that this environment has."""

import hashlib
import importlib.util
import shutil
import struct
import subprocess
import sys
from pathlib import Path

import pytest

from migrate.images.runtime.elf import strip_symbols

LOAD = 1
PICTURES = """
from io import BytesIO
from PIL import Image, ImageFont
Image.new("L", (9, 9)).save(file := BytesIO(), "WEBP")
assert Image.open(file).load()[0, 0] == (0, 0, 0)
ImageFont.load_default(12)
"""


def installed(name: str) -> Path:
    """The folder that this environment's packages are in."""
    spec = importlib.util.find_spec(name)
    assert spec is not None
    assert spec.origin is not None
    return Path(spec.origin).parent.parent


def libraries(folder: Path) -> list[Path]:
    return [path for path in sorted(folder.rglob("*.so*")) if path.read_bytes()[:4] == b"\x7fELF"]


def segments(data: bytes) -> list[tuple[int, ...]]:
    """Type, flags, offset, address, size in the file, size in memory and alignment of each segment."""
    (at,) = struct.unpack_from("<Q", data, 32)
    (count,) = struct.unpack_from("<H", data, 56)
    rows = [struct.unpack_from("<IIQQQQQQ", data, at + place * 56) for place in range(count)]
    return [
        (kind, flags, offset, address, size, room, step) for kind, flags, offset, address, _, size, room, step in rows
    ]


def names(data: bytes) -> set[str]:
    """The sections that a file has."""
    (at,) = struct.unpack_from("<Q", data, 40)
    count, place = struct.unpack_from("<HH", data, 60)
    (texts,) = struct.unpack_from("<Q", data, at + place * 64 + 24)
    found = set()
    for number in range(count):
        name, kind = struct.unpack_from("<II", data, at + number * 64)
        if kind:
            found.add(data[texts + name :].split(b"\0", 1)[0].decode())
    return found


def stripped_copy(name: str, others: tuple[str, ...], folder: Path) -> tuple[list[Path], list[Path]]:
    """The libraries of a package, and of its folder of bundled ones, before and after."""
    place = installed(name)
    for part in (name, *others):
        shutil.copytree(place / part, folder / part)
    before = [path for part in (name, *others) for path in libraries(place / part)]
    after = [path for part in (name, *others) for path in libraries(folder / part)]
    assert len(before) == len(after) > 0
    return before, after


# httptools as its compiler wrote it; numpy's and Pillow's as patchelf left them, with segments behind the symbols.
@pytest.mark.parametrize(
    ("package", "others", "code", "saved"),
    [
        ("httptools", (), "import httptools; assert httptools.parse_url(b'http://a/b?c').query == b'c'", 0.5),
        (
            "numpy",
            ("numpy.libs",),
            "import numpy as n; a = n.eye(64); assert (n.linalg.inv(a * 2) @ a).trace() == 32; n.random.default_rng(1)",
            0.03,
        ),
        (
            "PIL",
            ("pillow.libs",),
            PICTURES,
            0.1,
        ),
    ],
)
def test_what_is_loaded_stays_and_still_works(
    package: str, others: tuple[str, ...], code: str, saved: float, tmp_path: Path
) -> None:
    before, after = stripped_copy(package, others, tmp_path)
    for old, new in zip(before, after, strict=True):
        mode = new.stat().st_mode
        changed = strip_symbols(new)
        first, second = old.read_bytes(), new.read_bytes()
        assert changed == (first != second)
        assert new.stat().st_mode == mode
        pairs = zip(segments(first), segments(second), strict=True)
        for here, there in pairs:
            assert here[:2] + here[3:] == there[:2] + there[3:]
            if here[0] == LOAD:
                assert (there[3] - there[2]) % here[6] == 0
            held = bytearray(second[there[2] : there[2] + there[4]])
            wanted = bytearray(first[here[2] : here[2] + here[4]])
            if here[2] == 0 and here[4]:  # the headers are in the first segment: they say where the tables are now
                held[:64] = wanted[:64] = bytes(64)
                at = struct.unpack_from("<Q", first, 32)[0], 56 * len(segments(first))
                held[at[0] : sum(at)] = wanted[at[0] : sum(at)] = b""
            if here[0] == 6:  # the table of segments itself
                continue
            assert held == wanted, (old.name, here)
        if changed:
            assert not {".symtab", ".strtab", ".debug_info"} & names(second)
            assert {name for name in names(first) if name in {".text", ".dynsym", ".dynstr", ".eh_frame"}} <= names(
                second
            )
        assert not strip_symbols(new)
        assert new.read_bytes() == second
    sizes = [sum(path.stat().st_size for path in paths) for paths in (before, after)]
    assert sizes[1] < sizes[0] * (1 - saved)
    subprocess.run([sys.executable, "-P", "-S", "-c", code], env={"PYTHONPATH": str(tmp_path)}, check=True)


def test_what_is_not_understood_is_left_alone(tmp_path: Path) -> None:
    library = next(path for path in libraries(installed("httptools") / "httptools") if "url" not in path.name)
    whole = library.read_bytes()
    appended = whole + b"PK\x03\x04 what somebody put behind it"
    arm = whole[:18] + struct.pack("<H", 183) + whole[20:]
    table = struct.pack("<Q", len(whole))
    beyond = whole[:40] + table + whole[48:]
    for number, data in enumerate((b"", b"\x7fELF", whole[:64], whole[: len(whole) // 2], appended, arm, beyond, b"x")):
        path = tmp_path / f"{number}.so"
        path.write_bytes(data)
        digest = hashlib.sha256(data).digest()
        assert not strip_symbols(path)
        assert hashlib.sha256(path.read_bytes()).digest() == digest
    assert len(list(tmp_path.iterdir())) == 8
