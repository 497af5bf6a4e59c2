import socket
from pathlib import Path
from typing import Any, NoReturn

import pytest

from migrate.core.errors import ConfigurationError, UsageError
from migrate.core.looking import Contact
from migrate.core.options.sources import NetworkOptions
from migrate.migration.telling.network import contacts


@pytest.fixture(autouse=True)
def _alone(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    def refuse(*_: object, **__: object) -> NoReturn:
        message = "somebody was asked"
        raise AssertionError(message)

    for name in ("connect", "connect_ex", "sendto"):
        monkeypatch.setattr(socket.socket, name, refuse)
    monkeypatch.setattr(socket, "getaddrinfo", refuse)
    monkeypatch.chdir(tmp_path)


def hosts(source: str | None = None, environ: dict[str, str] | None = None, **chosen: Any) -> dict[str, Contact]:
    known = {"HOME": "/nonexistent", "PIP_CONFIG_FILE": "/dev/null", "OVH_ENDPOINT": "ovh-eu", **(environ or {})}
    return {one.host: one for one in contacts(NetworkOptions(source=source, **chosen), known).contacts}


def test_every_host_is_named_with_the_commands_and_the_way() -> None:
    found = hosts("models@GRA", registry="registry.example.com/models")
    assert set(found) == {
        "eu.api.ovh.com",
        "(as OVHcloud's API answers)",
        "registry.example.com",
        "(as the registry answers)",
        "pypi.org",
        "files.pythonhosted.org",
        "download.pytorch.org",
        "registry-1.docker.io",
        "auth.docker.io",
        "(as this machine's apt is set up)",
    }
    assert found["pypi.org"].commands == ("doctor", "run", "apply", "build", "export", "serve")
    assert (found["eu.api.ovh.com"].via, found["auth.docker.io"].via) == ("direct", "the engine")


def test_what_is_configured_takes_the_place_of_the_usual_hosts(tmp_path: Path) -> None:
    closed = {
        "HTTPS_PROXY": "http://jane:secret-of-proxy@proxy.example:3128/",
        "NO_PROXY": "pypi.example",
        "UV_DEFAULT_INDEX": "https://u:secret-of-index@pypi.example/simple",
        "UV_FIND_LINKS": f"{tmp_path},https://wheels.example/cpu",
        "OVH_CLIENT_ID": "service",
    }
    found = hosts(str(tmp_path), closed, base_image="mirror.example:5000/python:3.11")
    assert {host: one.via for host, one in found.items() if not host.startswith("(")} == {
        "eu.api.ovh.com": "proxy proxy.example:3128",
        "www.ovh.com": "proxy proxy.example:3128",
        "pypi.example": "direct",
        "wheels.example": "proxy proxy.example:3128",
        "mirror.example:5000": "the engine",
        "proxy.example:3128": "direct",
    }
    assert "serve" in found["proxy.example:3128"].commands
    assert "secret" not in str(found)
    assert "(as this machine's apt is set up)" not in hosts(base_image="oci:/srv/base.tar")


def test_a_bucket_is_where_its_account_is() -> None:
    keys = {"AWS_ACCESS_KEY_ID": "key", "AWS_SECRET_ACCESS_KEY": "secret-key", "AWS_REGION": "gra"}
    ovh = hosts("s3://shelf", {**keys, "AWS_ENDPOINT_URL": "https://s3.gra.io.cloud.ovh.net"})
    assert ovh["s3.gra.io.cloud.ovh.net"].commands == ("list", "plan", "run", "apply")
    assert "s3.gra.amazonaws.com" in hosts("s3://shelf", keys)
    assert "(as AWS_ENDPOINT_URL or the profile names it)" in hosts("s3://shelf")


def test_a_folder_needs_no_storage_and_the_sandbox_is_itself(tmp_path: Path) -> None:
    found = hosts(str(tmp_path), {"OVH_ENDPOINT": "http://127.0.0.1:8099/1.0"})
    assert found["127.0.0.1:8099"].via == "direct"
    everything = contacts(NetworkOptions(source=str(tmp_path)), {"HOME": "/nonexistent"}).contacts
    assert not any("object storage" in one.why for one in everything)
    assert any("none is configured" in one.why for one in everything)


def test_an_engine_elsewhere_is_a_host_too() -> None:
    found = hosts(environ={"DOCKER_HOST": "ssh://jane@builder.example"})
    assert found["builder.example"].why == "the container engine"
    assert "builder.example" not in hosts(environ={"DOCKER_HOST": "unix:///run/builder.example"})


def test_what_cannot_be_meant_is_refused() -> None:
    with pytest.raises(UsageError):
        hosts(" ")
    with pytest.raises(UsageError, match="not an image reference"):
        hosts(base_image="No Reference")
    with pytest.raises(ConfigurationError, match="is not an endpoint"):
        hosts(environ={"OVH_ENDPOINT": "nowhere"})


def test_without_an_engine_the_base_image_and_the_registry_are_reached_directly() -> None:
    known = {"HOME": "/nonexistent", "OVH_ENDPOINT": "ovh-eu", "PIP_CONFIG_FILE": "/dev/null"}
    options = NetworkOptions(registry="registry.example.com/models", base_image="mirror.example/python:3.11")
    ways = {(one.host, one.via) for one in contacts(options, known).contacts}
    assert {
        (host, via) for host in ("registry.example.com", "mirror.example") for via in ("direct", "the engine")
    } <= ways
