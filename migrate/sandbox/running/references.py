"""The references of images, and the logins of the registries that they name."""

from collections.abc import Iterable

from migrate.sandbox.base.seam import RegistryAuth


def split_reference(image: str) -> tuple[str, str]:
    """``host:port/name:tag`` as (``host:port/name``, ``tag``); a digest counts as tag, and none is ``latest``."""
    if "@" in image:
        repository, _, digest = image.partition("@")
        return repository, digest
    head, colon, tag = image.rpartition(":")
    return (head, tag) if colon and "/" not in tag else (image, "latest")


def login_of(image: str, auths: Iterable[RegistryAuth]) -> RegistryAuth | None:
    """The login of the registry that an image names, if there is one."""
    host = split_reference(image)[0].partition("/")[0]
    return next((auth for auth in auths if auth.address == host), None)


def pull_failed(image: str, reason: str) -> str:
    """The sentence for an image that cannot be pulled."""
    return f"The image {image} cannot be pulled: {reason.strip()}"
