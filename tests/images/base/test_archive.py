"""The base image as an OCI archive: what it takes of a file system, and that the real one is whole and the same."""

import io
import json
import shutil
import subprocess
import tarfile
from pathlib import Path

import pytest

from migrate.core.errors import LocalError
from migrate.images.base import archive
from migrate.images.base.archive import bootstrap, existing, write_archive
from migrate.images.base.entries import members
from migrate.images.base.layered import look_into
from migrate.images.base.stored import at_path, read_image
from tests.images.base.layouts import Made, debian, folder, hard, link, packed
from tests.images.conftest import silent

SYSTEM = [
    folder("."),
    *debian(),
    Made("./etc/machine-id", b"one of a kind"),
    Made("./etc/apt/apt.conf.d/99mmdebstrap", b"of the making"),
    Made("./usr/share/doc/libc6/copyright", b"terms"),
    Made("./usr/share/doc/libc6/changelog.gz", b"long"),
    Made("./usr/bin/su", b"s", mode=0o4755, uid=0, gid=42),
    hard("./usr/bin/again", "./usr/bin/su"),
    link("./usr/bin/there", "./su"),
    Made("./dev/null", type=tarfile.CHRTYPE),
]


def written(folder_: Path, system: bytes, name: str = "base.tar") -> Path:
    write_archive(io.BytesIO(system), folder_ / name, folder_)
    return folder_ / name


def test_a_file_system_becomes_an_image(tmp_path: Path) -> None:
    path = written(tmp_path, packed(*SYSTEM))
    blobs = at_path(path)
    image = read_image(blobs)
    base = look_into(image, blobs.name)
    assert (base.python, base.libc) == ("3.11", "glibc 2.36")
    (layer,) = image.layers
    found = {"/".join(one.parts): one for one in members(image, layer, "base")}
    assert not {"etc/machine-id", "etc/apt/apt.conf.d/99mmdebstrap", "usr/share/doc/libc6/changelog.gz"} & set(found)
    assert "dev/null" not in found
    assert "usr/share/doc/libc6/copyright" in found
    assert (found["usr/bin/su"].info.mode, found["usr/bin/su"].info.gid) == (0o4755, 42)
    assert (found["usr/bin/again"].target, found["usr/bin/there"].target) == ("usr/bin/su", "./su")
    settings = json.loads(image.configuration)["config"]
    assert "LANG=C.UTF-8" in settings["Env"]
    assert settings["Labels"] == {"mlserving-migrate.kind": "base"}


def test_the_same_file_system_gives_the_same_bytes(tmp_path: Path) -> None:
    later = packed(*SYSTEM)
    for entry in SYSTEM:
        entry.info.mtime = 1_700_000_000
    assert packed(*SYSTEM) != later
    assert written(tmp_path, later).read_bytes() == written(tmp_path, packed(*SYSTEM), "other.tar").read_bytes()


def test_what_is_no_file_system_is_refused(tmp_path: Path) -> None:
    with pytest.raises(LocalError) as error:
        written(tmp_path, b"not an archive" * 100)
    assert error.value.code == "base-unusable"


def test_where_it_cannot_be_made_an_archive_is_asked_for(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(archive, "SHARED", tmp_path / "shared")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "own"))
    monkeypatch.setenv("PATH", str(tmp_path))
    assert existing() is None
    with pytest.raises(LocalError) as error:
        bootstrap(silent)
    assert error.value.code == "base-unusable"
    assert "--base-image" in error.value.next_step
    assert "oci:PATH" in error.value.next_step


@pytest.mark.slow
def test_debian_makes_the_same_image_twice(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    if shutil.which("mmdebstrap") is None:
        pytest.skip("needs mmdebstrap")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "own"))
    made = []
    for name in ("one", "two"):
        monkeypatch.setattr(archive, "SHARED", tmp_path / name)
        try:
            made.append(bootstrap(silent))
        except LocalError as error:
            pytest.skip(f"no base can be made here: {error.what}")
        shutil.rmtree(tmp_path / "own", ignore_errors=True)
        monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / f"own-{name}"))
    first, second = made
    assert first != second
    assert subprocess.run(["cmp", str(first), str(second)], check=False).returncode == 0
    blobs = at_path(first)
    assert look_into(read_image(blobs), blobs.name).python in ("3.11", "3.13")
    assert first.stat().st_mode & 0o044 == 0o044
