"""The bootstrapped base image: what of a file system it takes, and that the real one is whole."""

import os
import stat
import tarfile
import uuid
from pathlib import Path

import pytest

from migrate.core.errors import LocalError
from migrate.images.base import bootstrap, debian
from migrate.images.engine import containers
from migrate.images.engine.connection import Engine
from tests.images.conftest import silent


def test_what_images_do_not_need_is_dropped_and_licences_stay() -> None:
    drops = debian.DROPPED.fullmatch
    kept = ["usr/share/doc/libc6/copyright", "usr/lib/python3.11/__pycache__/ast.cpython-311.pyc", "tmp", "etc/apt"]
    assert not any(drops(name) for name in kept)
    dropped = ["usr/share/doc/libc6/changelog.gz", "usr/share/man/man1/ls.1.gz", "var/cache/apt/pkgcache.bin"]
    dropped += ["etc/machine-id", "etc/resolv.conf", "dev/null", "var/lib/apt/lists/x", "usr/share/locale/de"]
    assert all(drops(name) for name in dropped)


def test_a_file_system_becomes_entries_with_its_modes_owners_and_links(tmp_path: Path) -> None:
    for folder in ("usr/bin", "usr/share/man/man1", "tmp", "var/cache/apt"):
        (tmp_path / folder).mkdir(parents=True)
    program = tmp_path / "usr/bin/su"
    program.write_bytes(b"program")
    program.chmod(0o4755)
    os.link(program, tmp_path / "usr/bin/sudo")
    (tmp_path / "bin").symlink_to("usr/bin")
    (tmp_path / "usr/share/man/man1/su.1").write_text("manual")
    (tmp_path / "tmp").chmod(0o1777)
    os.mkfifo(tmp_path / "usr/bin/pipe")
    found = {entry.name: entry for entry in bootstrap._entries(tmp_path)}
    owner = tmp_path.stat().st_uid
    assert sorted(found) == ["bin", "tmp", "usr", "usr/bin", "usr/bin/su", "usr/bin/sudo", "usr/share",
                             "usr/share/man", "var", "var/cache"]  # fmt: skip
    assert found["bin"].link == "usr/bin"
    assert stat.S_IMODE(found["usr/bin/su"].mode) == 0o4755
    assert (found["usr/bin/sudo"].kind, found["usr/bin/sudo"].link) == (tarfile.LNKTYPE, "usr/bin/su")
    assert found["tmp"].mode == 0o1777
    assert all(entry.uid == owner for entry in found.values())


@pytest.mark.engine
def test_without_debootstrap_the_sentence_says_what_is_missing(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nonexistent")
    with pytest.raises(LocalError) as error:
        bootstrap.bootstrap(engine, silent)
    assert error.value.code == "base-unusable"
    assert "debootstrap" in error.value.what
    assert error.value.next_step


@pytest.mark.engine
def test_a_folder_becomes_an_image_of_just_this_name(engine: Engine, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("content")
    tag = f"test-{uuid.uuid4().hex[:12]}"
    reference = bootstrap._import(engine, tmp_path, tag)
    try:
        found = engine.client.api.inspect_image(reference)
        assert found["RepoTags"] == [f"{bootstrap.REPOSITORY}:{tag}"]
        assert "LANG=C.UTF-8" in found["Config"]["Env"]
        assert reference in engine.names()
    finally:
        engine.client.api.remove_image(reference)


@pytest.mark.engine
def test_a_bootstrapped_image_is_whole(engine: Engine) -> None:
    """Says nothing where the engine pulled the public image instead and never needed one."""
    name = bootstrap.existing(engine)
    if name is None:
        assert engine.image("python:3.11-slim-bookworm") is not None
        return
    code = (
        "import ctypes, json, os, pathlib, sqlite3, ssl, stat, zoneinfo\n"
        "assert json.__cached__ and os.path.exists(json.__cached__)\n"
        "zoneinfo.ZoneInfo('Europe/Paris')\n"
        "assert ssl.create_default_context().get_ca_certs()\n"
        "assert pathlib.Path('/usr/share/doc/python3/copyright').exists()\n"
        "assert not any(pathlib.Path('/var/lib/apt/lists').iterdir())\n"
        "assert not list(pathlib.Path('/etc/apt').rglob('99migrate*'))\n"
        "assert not pathlib.Path('/etc/apt/sources.list').exists()\n"
        "assert os.stat('/tmp').st_mode & 0o7777 == 0o1777\n"
    )
    status, said = containers.run(engine, name, ["python3", "-W", "error", "-c", code], purpose="test", timeout=60)
    assert status == 0, said
