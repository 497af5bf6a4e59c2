"""What a registry's no means, as engines repeat it; and the same from a registry that really says it."""

import contextlib
import io
import secrets
import tarfile
import uuid
from collections.abc import Iterator

import pytest

from migrate.core.errors import LocalError
from migrate.core.secret import Secret
from migrate.core.values import Image
from migrate.images.engine.build import read_image
from migrate.images.engine.connection import Engine, connect
from migrate.images.registry.credentials import RegistryCredentials
from migrate.images.registry.push import push
from migrate.images.registry.refusals import push_error
from tests.images.conftest import silent
from tests.images.registry.refusing import NOS, SLOW_NOS, No, RefusingRegistry, error_of, registry_that_refuses
from tests.podman import podman_service

LOGIN = RegistryCredentials(username="robot", password=Secret("robots-password"))


@pytest.mark.parametrize(
    ("said", "login", "code"),
    [
        ('Get "http://127.0.0.1:40123/v2/": dial tcp 127.0.0.1:40123: connect: connection refused', None,
         "registry-unreachable"),
        ("dial tcp: lookup registry.example.com on 10.0.0.1:53: no such host", LOGIN, "registry-unreachable"),
        ("net/http: request canceled (Client.Timeout exceeded while awaiting headers)", LOGIN, "registry-unreachable"),
        ('Get "https://r/v2/": tls: failed to verify certificate: x509: certificate signed by unknown authority',
         LOGIN, "registry-unreachable"),
        ("blob upload unknown: sha256:77a401b0c403", LOGIN, "push-failed"),
        ("received unexpected HTTP status: 401 Unauthorized", None, "registry-login"),
        ("unauthorized: authentication required", LOGIN, "registry-login"),
        ("unable to retrieve auth token: invalid username/password: unauthorized", LOGIN, "registry-login"),
        ("no basic auth credentials", LOGIN, "registry-login"),
        ("error parsing HTTP 403 response body: no such scope", None, "registry-login"),
        ("requested access to the resource is Denied", None, "registry-login"),
        ("requested access to the resource is denied", LOGIN, "registry-denied"),
        (("push access denied, repository does not exist or may require authorization: server message: "
         "insufficient_scope: authorization failed"), LOGIN, "registry-denied"),
        ("unexpected status from PUT request to https://r/v2/team/model/blobs/uploads/1: 413 Request Entity Too Large",
         LOGIN, "registry-failed"),
        ("failed commit on ref: unexpected status from PUT request to https://r/v2/x: 507 Insufficient Storage", LOGIN,
         "registry-full"),
        ("tag invalid: The image tag '1' already exists and cannot be overwritten because the repository is immutable.",
         LOGIN, "registry-failed"),
        ("write /var/lib/docker/tmp/x: no space left on device", LOGIN, "disk-full"),
    ],
)  # fmt: skip
def test_each_no_has_its_own_name(said: str, login: RegistryCredentials | None, code: str) -> None:
    error = push_error("registry.example", "team/model", said, login)
    assert error.code == code
    assert "model" not in error.what.replace("team/model", "")


def test_a_repositorys_name_is_no_reason() -> None:
    said = "unauthorized to access repository: quota/immutable-read-only, action: push"
    assert push_error("registry.example", "quota/immutable-read-only", said, LOGIN).code == "registry-denied"


@contextlib.contextmanager
def small_image(engine: Engine) -> Iterator[Image]:
    data = io.BytesIO()
    with tarfile.open(fileobj=data, mode="w") as packed:
        info = tarfile.TarInfo("content")
        info.size = 3000
        packed.addfile(info, io.BytesIO(secrets.token_bytes(info.size)))
    name = f"migrate-test-{uuid.uuid4().hex[:12]}"
    said = engine.client.api.import_image_from_data(data.getvalue())
    identity = said.partition("sha256:")[2].partition('"')[0]
    engine.client.api.tag(identity, name, tag="1")
    try:
        yield read_image(engine, f"{name}:1")
    finally:
        engine.client.api.remove_image(f"{name}:1")


def refused(engine: Engine, registry: RefusingRegistry, image: Image) -> LocalError:
    with pytest.raises(LocalError) as error:
        push(
            engine, image, registry=registry.address, repository="team/model", tag="1", credentials=LOGIN,
            progress=silent,
        )  # fmt: skip
    return error.value


def check_all(engine: Engine, nos: dict[str, tuple[No, str, str]]) -> None:
    with registry_that_refuses() as registry, small_image(engine) as image:
        for name, (no, code, words) in nos.items():
            registry.stored.clear()
            registry.no = no
            error = refused(engine, registry, image)
            assert (name, error.code) == (name, code)
            assert words in error.what
            assert "<" not in error.what, "a page is no sentence"
            assert "invalid character" not in error.what
            assert "layers that arrived" not in error.next_step
            assert "docker login" not in error.next_step
        # With nothing in the way it arrives.
        registry.no = None
        registry.stored.clear()
        push(
            engine, image, registry=registry.address, repository="team/model", tag="1", credentials=LOGIN,
            progress=silent,
        )  # fmt: skip


@pytest.mark.engine
def test_an_engine_repeats_a_registrys_no(engine: Engine) -> None:
    check_all(engine, NOS)


@pytest.mark.engine
@pytest.mark.slow
def test_an_engine_repeats_a_registrys_failures(engine: Engine) -> None:
    check_all(engine, SLOW_NOS)


@pytest.mark.engine
@pytest.mark.slow
def test_podman_repeats_a_registrys_no() -> None:
    with podman_service(rootless=False) as podman, contextlib.closing(connect({"DOCKER_HOST": podman.url})) as engine:
        # Podman waits two minutes for a registry that has too many requests.
        check_all(engine, {name: no for name, no in (NOS | SLOW_NOS).items() if name != "too many requests"})


@pytest.mark.engine
def test_nobody_there_is_told_at_once(engine: Engine) -> None:
    with registry_that_refuses() as registry:
        pass
    with small_image(engine) as image:
        error = refused(engine, registry, image)
    assert error.code == "registry-unreachable"
    assert registry.address in error.what


@pytest.mark.engine
def test_a_login_that_may_push_and_not_pull(engine: Engine) -> None:
    with registry_that_refuses() as registry, small_image(engine) as image:
        registry.no = No("read", 403, error_of("DENIED", "action: pull"))
        error = refused(engine, registry, image)
    assert error.code == "registry-denied"
    assert "pull" in error.what
