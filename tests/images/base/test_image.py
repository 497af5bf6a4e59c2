import hashlib
import io
import json
import tarfile
from collections.abc import Callable

import pytest

from migrate.core.errors import LocalError, UsageError
from migrate.images.base.fit import PYTHONS
from migrate.images.base.image import ensure_base, locate_base, look_into
from migrate.images.engine.connection import Engine
from migrate.images.engine.references import check_reference
from tests.images.conftest import containers_of, silent


@pytest.mark.parametrize(
    "reference",
    [
        "python",
        "python:3.11-slim-bookworm",
        "registry.example.com:5000/team/python:3.11",
        f"python@sha256:{'a' * 64}",
        f"localhost/p_y__t-hon:1@sha256:{'a' * 64}",
    ],
)
def test_references_are_let_through(reference: str) -> None:
    assert check_reference(reference) == reference


@pytest.mark.parametrize(
    "text", ["", "Python", "a b", "a:", "-a", "a/", "a\n", "a:1\nRUN nowhere", "a@sha256:1", "$A", "a..b"]
)
def test_what_is_no_reference_is_refused(text: str) -> None:
    with pytest.raises(UsageError) as error:
        check_reference(text)
    assert error.value.code == "bad-reference"
    assert "\n" not in error.value.what


def archive(files: dict[str, bytes]) -> bytes:
    data = io.BytesIO()
    with tarfile.open(fileobj=data, mode="w") as packed:
        for name, content in files.items():
            info = tarfile.TarInfo(name)
            info.mode, info.size = 0o755, len(content)
            packed.addfile(info, io.BytesIO(content))
    return data.getvalue()


@pytest.mark.engine
def test_the_tools_own_choice_is_found_fit(engine: Engine) -> None:
    said: list[str] = []
    found = ensure_base(engine, None, said.append)
    assert found.python in PYTHONS
    assert found.libc.startswith("glibc 2.")
    assert ensure_base(engine, found.reference, said.append) == found
    # It was there: nothing was pulled or made.
    again: list[str] = []
    assert locate_base(engine, None, again.append).image_id == found.image_id
    assert again == []
    assert containers_of(engine, "base") == []


@pytest.mark.engine
def test_a_base_without_python_is_refused(engine: Engine, new_tag: Callable[[], str]) -> None:
    tag = new_tag()
    name, _, version = tag.partition(":")
    engine.client.api.import_image_from_data(archive({"etc/none": b""}), repository=name, tag=version)
    with pytest.raises(LocalError) as error:
        ensure_base(engine, tag, silent)
    assert error.value.code == "base-unusable"
    assert "python3 does not start" in error.value.what
    assert "--base-image" in error.value.next_step


@pytest.mark.engine
@pytest.mark.parametrize(
    ("answer", "why"),
    [
        ('["3.9", "glibc 2.36", "x86_64", "cpython"]', "cpython 3.9"),
        ('["3.11", "glibc 2.36", "x86_64", "pypy"]', "pypy 3.11"),
        ('["3.11", "", "x86_64", "cpython"]', "not glibc"),
        ('["3.11", "glibc 2.17", "x86_64", "cpython"]', "glibc 2.17"),
        ('["3.11", "glibc 2.36", "aarch64", "cpython"]', "aarch64"),
        ("hello", "does not say its version"),
    ],
)
def test_a_base_that_cannot_carry_the_wheels_is_refused(
    engine: Engine, new_tag: Callable[[], str], answer: str, why: str
) -> None:
    # On top of the real base, a python3 that says what an unfit image's would say.
    tag = new_tag()
    located = locate_base(engine, None, silent)
    script = f"#!/bin/sh\necho '{answer}'\n".encode()
    container = engine.client.api.create_container(located.image_id, ["true"])
    try:
        engine.client.api.put_archive(container["Id"], "/", archive({"usr/local/sbin/python3": script}))
        name, _, version = tag.partition(":")
        engine.client.api.commit(
            container["Id"], repository=name, tag=version, changes=["ENV PATH=/usr/local/sbin:/usr/bin:/bin"]
        )
    finally:
        engine.client.api.remove_container(container["Id"])
    with pytest.raises(LocalError) as error:
        ensure_base(engine, tag, silent)
    assert error.value.code == "base-unusable"
    assert why in error.value.what


@pytest.mark.engine
def test_a_base_that_no_registry_has_names_the_option(engine: Engine) -> None:
    with pytest.raises(LocalError) as error:
        ensure_base(engine, "127.0.0.1:9/none/none:1", silent)
    assert error.value.code == "base-unusable"
    assert "--base-image" in error.value.next_step


@pytest.mark.engine
def test_a_base_of_another_architecture_is_refused(engine: Engine, new_tag: Callable[[], str]) -> None:
    tag = new_tag()
    layer = archive({"etc/none": b""})
    config = {"os": "linux", "architecture": "arm64", "config": {}}
    config["rootfs"] = {"type": "layers", "diff_ids": [f"sha256:{hashlib.sha256(layer).hexdigest()}"]}
    manifest = [{"Config": "config.json", "RepoTags": [tag], "Layers": ["layer.tar"]}]
    files = {"layer.tar": layer, "config.json": json.dumps(config).encode()}
    saved = archive({**files, "manifest.json": json.dumps(manifest).encode()})
    for _ in engine.client.api.load_image(saved):
        pass
    with pytest.raises(LocalError) as error:
        look_into(engine, locate_base(engine, tag, silent))
    assert "arm64" in error.value.what
