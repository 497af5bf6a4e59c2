"""An image reaches a registry, and what the registry then has is read back and compared with what was built."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Any

from migrate.core.errors import LocalError
from migrate.core.text import type_again
from migrate.core.values import Image, PushedImage
from migrate.images.engine import transfer
from migrate.images.engine.build import remove_image
from migrate.images.engine.connection import last_error, translated
from migrate.images.engine.references import check_reference
from migrate.images.registry.client import RegistryClient, RemoteImage
from migrate.images.registry.refusals import denied_error, push_error

if TYPE_CHECKING:
    from collections.abc import Callable

    from migrate.images.engine.connection import Engine
    from migrate.images.registry.credentials import RegistryCredentials

    Progress = Callable[[int, int | None], None]


def immutable_tag(image: Image) -> str:
    """The tag that an image is deployed by: 12 hex digits of its id, so that it never names anything else."""
    return image.image_id.removeprefix("sha256:")[:12]


def push(
    engine: Engine,
    image: Image,
    *,
    registry: str,
    repository: str,
    tag: str,
    credentials: RegistryCredentials | None,
    progress: Progress,
    named_before: bool = False,
) -> PushedImage:
    """Push an image and check it at the registry; one that is there already is not sent again.

    The engine pushes by a name of the registry's, which it loses again afterwards.

    Args:
        engine: Where the image is.
        image: What was built.
        registry: ``host[:port]``.
        repository: The path in the registry.
        tag: The tag; see ``immutable_tag``.
        credentials: The login, or None.
        progress: Bytes sent, of how many.
        named_before: Whether the engine had that name before this tool did anything, so that it keeps it.

    Raises:
        UsageError: The parts make no image reference.
        LocalError: ``registry-login``, ``registry-denied``, ``registry-full``, ``registry-unreachable``,
            ``registry-failed``, ``push-failed``, ``disk-full``.
    """
    reference = check_reference(f"{registry}/{repository}:{tag}")
    client = RegistryClient(registry, repository, credentials)
    there = _there_before(client, tag)
    if there is None or not _same(there, image):
        try:
            _send(engine, image, registry, repository, tag, credentials, progress)
        finally:
            if not named_before:
                forget_name(engine, reference)
        there = _there_after(client, registry, tag)
    if there is None or not _same(there, image):
        raise LocalError(
            f"The registry {registry} does not have the image that was pushed as {repository}:{tag}.",
            code="push-failed",
            next_step=type_again(note="if it stays so, ask who runs the registry"),
        )
    return PushedImage(reference=reference, digest=there.digest, registry=registry, size=there.size)


def pushed_exists(pushed: PushedImage, credentials: RegistryCredentials | None) -> bool:
    """Whether the registry still has this very image under its tag (one request, two where it asks for a login)."""
    name, _, tag = pushed.reference.rpartition(":")
    client = RegistryClient(pushed.registry, name.removeprefix(f"{pushed.registry}/"), credentials)
    return client.digest(tag) == pushed.digest


def forget_name(engine: Engine, reference: str) -> None:
    """Take a registry's name from an image of the engine, which keeps its others; one that is not there is fine."""
    with contextlib.suppress(LocalError):
        remove_image(engine, reference, noprune=True)


def _same(there: RemoteImage, image: Image) -> bool:
    """Whether both are one: the layers, and the id, which is the configuration's digest or, on engines that keep
    images as containerd does, the manifest's or the index's (decisions: Digest at the registry).
    """  # noqa: D205
    layers = tuple(layer.digest for layer in image.layers)
    return there.layers == layers and image.image_id in (there.config, there.manifest, there.digest)


def _there_before(client: RegistryClient, tag: str) -> RemoteImage | None:
    try:
        return client.image(tag)
    except LocalError as error:
        if error.code == "registry-unreachable":  # the engine would try for a minute, and say less
            raise
        return None  # whether it may be read does not say whether it may be written


def _there_after(client: RegistryClient, registry: str, tag: str) -> RemoteImage | None:
    try:
        return client.image(tag)
    except LocalError as error:
        if error.code not in {"registry-login", "registry-denied"}:
            raise
        why = "it took the image and does not give it back, so neither can AI Deploy pull it"
        raise denied_error(registry, "pull", why) from error


def _send(
    engine: Engine,
    image: Image,
    registry: str,
    repository: str,
    tag: str,
    credentials: RegistryCredentials | None,
    progress: Progress,
) -> None:
    login: dict[str, str] = {}
    if credentials is not None and credentials.is_token:
        login = {"identitytoken": credentials.password.reveal()}
    elif credentials is not None:
        login = {"username": credentials.username, "password": credentials.password.reveal()}
    name = f"{registry}/{repository}"
    moved: dict[str, tuple[int, int]] = {}

    def heard(message: dict[str, Any]) -> None:
        detail = message.get("progressDetail") or {}
        if message.get("status") == "Pushing" and detail.get("current"):
            layer = str(message.get("id"))
            total = int(detail.get("total") or detail["current"])
            moved[layer] = (min(int(detail["current"]), total), total)
            progress(sum(done for done, _ in moved.values()), sum(size for _, size in moved.values()))

    try:
        with translated():
            engine.client.api.tag(image.image_id, name, tag=tag)
            failure = last_error(transfer.push(engine.client, name, tag, login), heard)
    except LocalError as error:
        if error.code == "engine-failed":
            raise push_error(registry, repository, error.what, credentials) from error
        raise
    if failure is not None:
        raise push_error(registry, repository, failure, credentials)
