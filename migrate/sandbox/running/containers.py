"""The labels by which the sandbox finds its own containers, and what it asks of the engine for one app."""

import contextlib
import hashlib
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import docker
from docker.auth import encode_header
from docker.errors import APIError, DockerException, NotFound

from migrate.sandbox.running.backend import LaunchError
from migrate.sandbox.running.references import login_of, pull_failed, split_reference

if TYPE_CHECKING:
    from collections.abc import Iterable

    from docker.models.containers import Container

    from migrate.sandbox.base.seam import Launch, RegistryAuth

FOLDER_LABEL: Final = "migrate.sandbox"
APP_LABEL: Final = "migrate.sandbox.app"
USER: Final = "42420:42420"  # the platform's user; an image never runs as root
_PLATFORM: Final = ("linux", "amd64")


def connect() -> docker.DockerClient:
    """The engine that the environment names.

    Raises:
        RuntimeError: It does not answer; one sentence.
    """
    try:
        return docker.from_env()
    except DockerException as error:
        message = f"no container engine answers: {error}"
        raise RuntimeError(message) from error


def labels(folder: Path, app_id: str | None = None) -> dict[str, str]:
    """The labels of a container that belongs to the sandbox in ``folder``, and to an app of it."""
    digest = hashlib.sha256(str(folder.resolve()).encode()).hexdigest()[:16]
    return {FOLDER_LABEL: digest} | ({APP_LABEL: app_id} if app_id else {})


def remove_containers(client: docker.DockerClient, mark: dict[str, str]) -> int:
    """Remove every container with these labels, and return how many there were."""
    wanted = [f"{name}={value}" for name, value in mark.items()]
    found = client.containers.list(all=True, filters={"label": wanted}, ignore_removed=True)
    for container in found:
        remove(container)
    return len(found)


def remove_left(folder: Path) -> int:
    """Remove what a killed sandbox of ``folder`` left running, if an engine answers, and return how many there were."""
    try:
        client = connect()
    except RuntimeError:
        return 0
    with contextlib.closing(client):
        return remove_containers(client, labels(folder)) + remove_containers(client, labels(folder / "registry"))


def remove(container: "Container") -> None:
    """Kill and remove a container that may already be gone."""
    try:
        container.remove(force=True, v=True)
    except NotFound:
        return
    except APIError as error:
        if "already in progress" not in str(error):
            raise


def pull(client: docker.DockerClient, image: str, auths: "Iterable[RegistryAuth]") -> str:
    """Pull an image with the logins of the platform, and of nobody else, and return its id.

    Raises:
        LaunchError: It cannot be pulled, or is not for linux/amd64.
    """
    found = login_of(image, auths)
    # An empty login is not None: None would make the package send the logins of this machine's user.
    login = {"username": found.username, "password": found.password} if found else {}
    try:
        events = _pulling(client, image, login)
        errors = [str(event["error"]) for event in events if event.get("error")]  # to the end: it closes the connection
        if errors:
            raise LaunchError(pull_failed(image, errors[0]))
        attrs = client.images.get(image).attrs
    except APIError as error:
        raise LaunchError(pull_failed(image, str(error.explanation or error))) from error
    if (attrs["Os"], attrs["Architecture"]) != _PLATFORM:
        message = f"The image is for {attrs['Os']}/{attrs['Architecture']}; AI Deploy runs linux/amd64"
        raise LaunchError(message)
    return str(attrs["Id"])


def named(client: docker.DockerClient, image: str) -> bool:
    """Whether the engine has an image of this name."""
    try:
        client.images.get(image)
    except NotFound:
        return False
    return True


def forget_image(client: docker.DockerClient, image: str) -> None:
    """Remove a name that came with a pull, or an image by its id, where nothing else uses it.

    The cloud has a disk of its own; here it is the customer's engine, and should look as if it were not.
    """
    by_name = not image.startswith("sha256:")
    with contextlib.suppress(DockerException):
        if by_name or not client.images.get(image).tags:
            # A name goes with force although the app's container runs; the image stays with the container.
            client.api.remove_image(image, force=by_name, noprune=False)


def _pulling(client: docker.DockerClient, image: str, login: dict[str, str]) -> "Iterable[dict[str, Any]]":
    """The events of a pull. Podman speaks http to the sandbox's registry, as Docker does, only where it is told to."""
    repository, tag = split_reference(image)
    local = repository.startswith("127.0.0.1:")
    if not local or all(part["Name"] != "Podman Engine" for part in client.version().get("Components", ())):
        events: Iterable[dict[str, Any]] = client.api.pull(
            repository, tag=tag, stream=True, decode=True, auth_config=login, platform="/".join(_PLATFORM)
        )
        return events
    answer = client.api.post(
        f"{client.api.base_url}/v4.0.0/libpod/images/pull",  # its own API: Docker's has no such setting for pulls
        params={"reference": image, "tlsVerify": "false", "OS": _PLATFORM[0], "Arch": _PLATFORM[1]},
        headers={"X-Registry-Auth": encode_header(login)},
    )
    with answer:
        return [json.loads(line) for line in answer.iter_lines() if line.strip()]


def run(client: docker.DockerClient, launch: "Launch", image_id: str, marks: dict[str, str]) -> "Container":
    """Start the container of an app as the platform does: user 42420, limited, its ports on loopback.

    Raises:
        LaunchError: The engine refuses to start it.
    """
    ports = {f"{port}/tcp": ("127.0.0.1", 0) for port in (launch.port, launch.probe.port)}
    cpus = min(launch.cpu, int(client.info()["NCPU"]))
    container = None
    try:
        container = client.containers.create(
            image_id,
            list(launch.command) or None,
            user=USER,
            environment=launch.env,
            ports=ports,
            labels=marks,
            nano_cpus=cpus * 1_000_000_000,
            mem_limit=launch.memory_bytes,
            memswap_limit=launch.memory_bytes,
            security_opt=["no-new-privileges"],
        )
        container.start()
    except APIError as error:
        if container is not None:
            remove(container)
        message = f"The container cannot be started: {error.explanation or error}"
        raise LaunchError(message) from error
    return container


def published(container: "Container", port: int) -> int | None:
    """The loopback port at which a port of a running container is published; None when it has ended."""
    bindings = container.attrs["NetworkSettings"]["Ports"].get(f"{port}/tcp")
    return int(bindings[0]["HostPort"]) if bindings else None
