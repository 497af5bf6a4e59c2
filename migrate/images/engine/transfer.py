"""Images between an engine and a registry, as the streams of messages that the engine answers.

Docker speaks http to registries on its own machine, Podman only where a request says so. The ``docker`` package has
no argument for that, so these requests are made here, over the package's own connection.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final
from urllib.parse import quote

import msgspec

from migrate.core.addresses import is_loopback

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    import docker

# Podman's own API: Docker's call to pull has no such setting there (docs.podman.io, "_static/api.html", v4.0).
_PULL: Final = "/v4.0.0/libpod/images/pull"


def push(client: docker.DockerClient, name: str, tag: str, login: Mapping[str, str]) -> Iterator[dict[str, Any]]:
    """Push a local image.

    Args:
        client: The engine.
        name: ``host[:port]/path``, which the image has there.
        tag: The tag.
        login: As the engine's API takes it: ``username`` and ``password``, or ``identitytoken``; empty for none.

    Raises:
        docker.errors.APIError: The engine refuses to begin.
        requests.RequestException: The connection to the engine broke.
    """
    path = f"/v{client.api.api_version}/images/{quote(name, safe='/:')}/push"
    return _messages(client, path, {"tag": tag, **_plain(name)}, login)


def pull(client: docker.DockerClient, reference: str, platform: str) -> Iterable[dict[str, Any]]:
    """Pull an image with the logins of Docker's configuration.

    Args:
        client: The engine.
        reference: The image.
        platform: ``os/architecture``.

    Raises:
        docker.errors.APIError: The engine refuses to begin.
        requests.RequestException: The connection to the engine broke.
    """
    import docker.auth  # noqa: PLC0415

    plain = _plain(reference)
    if not (plain and is_podman(client)):
        found: Iterable[dict[str, Any]] = client.api.pull(reference, stream=True, decode=True, platform=platform)
        return found
    system, _, architecture = platform.partition("/")
    login = docker.auth.load_config().resolve_authconfig(reference.partition("/")[0]) or {}
    return _messages(client, _PULL, {"reference": reference, "OS": system, "Arch": architecture, **plain}, login)


def is_podman(client: docker.DockerClient) -> bool:
    """Whether an engine that speaks Docker's API is Podman."""
    return any(part.get("Name") == "Podman Engine" for part in client.version().get("Components") or ())


def _plain(reference: str) -> dict[str, str]:
    """What lets Podman speak http to the registry of a reference, where that is on the engine's own machine."""
    host, slash, _ = reference.partition("/")
    return {"tlsVerify": "false"} if slash and is_loopback(host) else {}


def _messages(
    client: docker.DockerClient, path: str, query: Mapping[str, str], login: Mapping[str, str]
) -> Iterator[dict[str, Any]]:
    import docker.auth  # noqa: PLC0415
    import docker.errors  # noqa: PLC0415
    import requests  # noqa: PLC0415

    api = client.api
    headers = {"X-Registry-Auth": docker.auth.encode_header(dict(login))}
    with api.post(api.base_url + path, params=query, headers=headers, stream=True, timeout=api.timeout) as answer:
        try:
            answer.raise_for_status()
        except requests.HTTPError as error:
            docker.errors.create_api_error_from_http_exception(error)
        for line in answer.iter_lines():
            if line.strip():
                yield message_of(line)


def message_of(line: bytes | str) -> dict[str, Any]:
    """One message of a stream.

    Raises:
        docker.errors.DockerException: It is none: a proxy, or a connection that broke, has had a hand in it.
    """
    import docker.errors  # noqa: PLC0415

    try:
        return msgspec.json.decode(line, type=dict[str, Any])
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        said = line if isinstance(line, str) else line.decode("utf-8", "replace")
        raise docker.errors.DockerException(f"its answer is broken: {said[:200]}") from error
