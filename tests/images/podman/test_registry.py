"""Podman and a registry on its own machine, which speaks http."""

import base64
import io
import json
import secrets
import tarfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from migrate.core.errors import LocalError
from migrate.core.secret import Secret
from migrate.core.values import Image
from migrate.images.engine.build import read_image
from migrate.images.engine.connection import Engine
from migrate.images.registry.credentials import RegistryCredentials, credentials_for
from migrate.images.registry.push import immutable_tag, push, pushed_exists
from migrate.sandbox.running.registry import Registry
from tests.images.conftest import silent
from tests.podman import Podman
from tests.sandbox.running.registry_helpers import PASSWORD, USER, running_registry

pytestmark = [pytest.mark.engine, pytest.mark.slow]

GOOD = RegistryCredentials(username=USER, password=Secret(PASSWORD))


@pytest.fixture(scope="module")
def registry(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Registry]:
    with running_registry(tmp_path_factory.mktemp("registry")) as running:
        yield running


@pytest.fixture(scope="module")
def image(engine: Engine) -> Image:
    data = io.BytesIO()
    with tarfile.open(fileobj=data, mode="w") as packed:
        info = tarfile.TarInfo("content")
        info.size = 3_000_000
        packed.addfile(info, io.BytesIO(secrets.token_bytes(info.size)))
    said = engine.client.api.import_image_from_data(data.getvalue())
    identity = said.partition('"id":"')[2].partition('"')[0]
    engine.client.api.tag(identity, "pushed", tag="1")
    return read_image(engine, "pushed:1")


def test_what_is_pushed_arrives_and_can_be_pulled(engine: Engine, registry: Registry, image: Image) -> None:
    pushed = push(
        engine,
        image,
        registry=registry.address,
        repository="team/model",
        tag=immutable_tag(image),
        credentials=GOOD,
        progress=silent,
    )
    assert pushed_exists(pushed, GOOD)
    assert pushed.reference not in engine.names()


def test_a_wrong_password_is_told_as_one(engine: Engine, registry: Registry, image: Image) -> None:
    wrong = RegistryCredentials(username=USER, password=Secret("wrong-password"))
    with pytest.raises(LocalError) as error:
        push(
            engine, image, registry=registry.address, repository="team/model", tag="2", credentials=wrong,
            progress=silent,
        )  # fmt: skip
    assert error.value.code == "registry-login"
    assert "wrong-password" not in error.value.what


def test_a_base_image_of_such_a_registry_is_pulled(
    engine: Engine, registry: Registry, image: Image, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pushed = push(
        engine, image, registry=registry.address, repository="team/base", tag="1", credentials=GOOD, progress=silent
    )
    monkeypatch.setenv("DOCKER_CONFIG", str(tmp_path))
    with pytest.raises(LocalError) as error:  # nobody has logged in
        engine.pull(pushed.reference)
    assert error.value.code == "pull-failed"
    assert "HTTPS" not in error.value.what
    login = base64.b64encode(f"{USER}:{PASSWORD}".encode()).decode()
    (tmp_path / "config.json").write_text(json.dumps({"auths": {registry.address: {"auth": login}}}))
    engine.pull(pushed.reference)
    assert pushed.reference in engine.names()


def test_the_login_of_podman_is_used(
    podman: Podman, registry: Registry, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DOCKER_CONFIG", str(tmp_path))
    assert credentials_for(registry.address, None, podman.environ) is None
    podman.run("login", "--tls-verify=false", f"--username={USER}", f"--password={PASSWORD}", registry.address)
    assert credentials_for(registry.address, None, podman.environ) == GOOD
