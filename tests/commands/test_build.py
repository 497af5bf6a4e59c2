"""Images as files, without an engine."""

import contextlib
import json
import os
import tarfile
from pathlib import Path

import pytest

from migrate.commands.build import build
from migrate.core.errors import ExitCode, LocalError, UsageError
from migrate.core.options.folders import BuildOptions
from migrate.images.engine.connection import connect
from migrate.images.registry.client import RegistryClient
from tests.images.base.layouts import Layout, debian, packed
from tests.images.registry.real import docker_registry

IRIS = Path(__file__).parents[2] / "examples/models/iris"
NO_ENGINE = {"DOCKER_HOST": "unix:///nonexistent.sock"}


def options(tmp_path: Path, **more: object) -> BuildOptions:
    known = {"folder": IRIS, "workspace": tmp_path / "workspace", "out": tmp_path / "iris.tar", "builder": "none"}
    return BuildOptions(**(known | more))  # type: ignore[arg-type]


def test_a_base_image_comes_from_its_registry(tmp_path: Path) -> None:
    with pytest.raises(LocalError) as caught:
        build(options(tmp_path, base_image="127.0.0.1:1/python:3.11-slim-bookworm"), NO_ENGINE)
    assert caught.value.code == "registry-unreachable"
    assert not (tmp_path / "iris.tar").exists()


def test_a_folder_with_something_in_it_is_left_alone(tmp_path: Path) -> None:
    with pytest.raises(UsageError) as caught:
        build(options(tmp_path, out=IRIS), NO_ENGINE)
    assert caught.value.code == "not-empty"


def test_an_image_is_pushed_under_a_tag(tmp_path: Path) -> None:
    named = f"registry.test/iris@sha256:{'0' * 64}"
    with pytest.raises(UsageError) as caught:
        build(options(tmp_path, out=None, push=named), NO_ENGINE)
    assert caught.value.code == "bad-reference"


@pytest.mark.slow
@pytest.mark.programs
def test_a_model_becomes_a_file_and_a_folder_with_one_digest(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    made = Layout(tmp_path / "base")
    made.add(made.image(packed(*debian())))
    base = made.archive(tmp_path / "base.tar")
    folder = tmp_path / "layout"
    folder.mkdir()
    told = []
    for out in (tmp_path / "iris.tar", folder):
        chosen = options(tmp_path, out=out, tag="iris:1", base_image=f"oci:{base}", as_json=True)
        assert build(chosen, NO_ENGINE) == ExitCode.DONE
        told.append(json.loads(capsys.readouterr().out.splitlines()[-1])["data"])
    assert told[0]["digest"] == told[1]["digest"]
    assert "not rehearsed" in told[0]["proof"]
    with tarfile.open(tmp_path / "iris.tar") as read:
        names = {member.name for member in read if member.isreg()}
    assert names == {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}
    index = json.loads(folder.joinpath("index.json").read_bytes())
    assert [named["digest"] for named in index["manifests"]] == [told[0]["digest"]]

    with docker_registry(tmp_path / "registry") as registry:
        named = f"{registry.address}/team/iris:1"
        for more in ({"out": None}, {"out": tmp_path / "again.tar"}):
            chosen = options(tmp_path, push=named, base_image=f"oci:{base}", as_json=True, **more)
            assert build(chosen, NO_ENGINE) == ExitCode.DONE
            found = json.loads(capsys.readouterr().out.splitlines()[-1])["data"]
            assert found["pushed"] == f"{registry.address}/team/iris@{told[0]['digest']}"
        assert RegistryClient(registry.address, "team/iris", None).digest("1") == told[0]["digest"]
        assert (tmp_path / "again.tar").is_file()


@pytest.mark.slow
@pytest.mark.engine
def test_an_engines_image_is_pushed_too(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with docker_registry(tmp_path / "registry") as registry, contextlib.closing(connect(os.environ)) as engine:
        named = f"{registry.address}/team/iris:1"
        try:
            chosen = options(tmp_path, out=None, builder="engine", push=named, as_json=True)
            assert build(chosen, os.environ) == ExitCode.DONE
            found = json.loads(capsys.readouterr().out.splitlines()[-1])["data"]
            digest = RegistryClient(registry.address, "team/iris", None).digest("1")
            assert found["pushed"] == f"{registry.address}/team/iris@{digest}"
            assert engine.image(named) is not None  # it was named so
        finally:
            engine.client.images.remove(named, force=True)
