"""Registries: the platform's shared one and the user that logs in to it, and private ones that AI Deploy may pull."""

from collections.abc import Callable
from typing import Final

from migrate.core.addresses import RegistryAddress, read_registry
from migrate.core.errors import ConfigurationError, NeedsYouError, RemoteError
from migrate.core.secret import Secret
from migrate.core.text import printable, type_again
from migrate.machine import patience
from migrate.machine.patience import wait_until
from migrate.ovhcloud import capabilities, registries, users
from migrate.ovhcloud.session import Cloud

ROLES: Final = ("ai_training_operator",)
_USER_ENDED: Final = frozenset({"deleted", "deleting", "disabled"})


def shared_registry(cloud: Cloud, region: str) -> RegistryAddress:
    """The address of the region's shared registry (for tests; it may be purged).

    Raises:
        ConfigurationError: ``unknown-region``.
        NeedsYouError: ``no-shared-registry``.
        RemoteError: ``unexpected-answer``: what OVHcloud gives is no address.
    """
    try:
        url = capabilities.region(cloud, region).registry_url
    except ConfigurationError as error:
        if error.code != "not-found":
            raise
        there = ", ".join(sorted(found.id for found in capabilities.regions(cloud)))
        raise ConfigurationError(
            f"AI Deploy has no region {printable(region)}.",
            code="unknown-region",
            next_step=f"Choose one with --region: {there}.",
            query_id=error.query_id,
        ) from error
    if not url.strip():
        raise NeedsYouError(
            f"The region {printable(region)} has no shared registry.",
            code="no-shared-registry",
            next_step="Give a registry of your own with --registry.",
        )
    if (address := read_registry(url)) is None:
        raise RemoteError(
            f"OVHcloud names {printable(url)!r} as the shared registry of {printable(region)}, which is no address.",
            code="unexpected-answer",
            next_step="Give a registry of your own with --registry.",
        )
    return address


def register(cloud: Cloud, region: str, url: str, username: str, password: Secret) -> str:
    """Let AI Deploy pull from a private registry in one region; the registration's id.

    AI Deploy reaches registries on port 443 only.
    """
    return registries.create(cloud, region=region, url=url, username=username, password=password).id


def find_registration(cloud: Cloud, region: str, url: str) -> str | None:
    """The id of the registration of this registry in this region, or None."""
    wanted = read_registry(url)
    for found in registries.registrations(cloud):
        if found.region.upper() == region.upper() and wanted is not None and read_registry(found.url or "") == wanted:
            return found.id
    return None


def register_again(cloud: Cloud, registration_id: str, username: str, password: Secret) -> bool:
    """Give a registration the login that is good now; False where it is gone."""
    try:
        registries.update(cloud, registration_id, username=username, password=password)
    except ConfigurationError as error:
        if error.code != "not-found":
            raise
        return False
    return True


def unregister(cloud: Cloud, registration_id: str) -> bool:
    """Delete a registration; True when it is gone, also when it was before."""
    try:
        registries.delete(cloud, registration_id)
    except ConfigurationError as error:
        if error.code != "not-found":
            raise
    return True


def create_ai_user(
    cloud: Cloud, description: str, *, on_created: Callable[[str], None] | None = None
) -> tuple[str, str, Secret]:
    """Make a user with the role AI Training Operator and wait until it can log in.

    Args:
        cloud: The project.
        description: What the control panel shows.
        on_created: Takes the user's id before it is waited for, to be written down.

    Returns:
        The user's id, name and password.

    Raises:
        RemoteError: ``user-not-ready``, or ``maybe-done`` when it may have been made.
    """
    made, password = users.create(cloud, description, ROLES)
    user_id = str(made.id)
    if on_created is not None:
        on_created(user_id)
    status = made.status
    if status != "ok":
        status = wait_until(
            lambda: users.user(cloud, user_id).status,
            lambda seen: seen == "ok" or seen in _USER_ENDED,
            patience.USER_READY,
            pause=cloud.session.pause,
        )
    if status != "ok":
        raise RemoteError(
            f"The user {printable(made.username)} made for the registry is {printable(status)} and not ok.",
            code="user-not-ready",
            next_step=type_again(),
        )
    return user_id, made.username, password


def find_user(cloud: Cloud, description: str) -> str | None:
    """The id of a user with exactly this description: one that was made by a run killed before it wrote the id."""
    return next((str(user.id) for user in users.users(cloud) if user.description == description), None)


def delete_user(cloud: Cloud, user_id: str) -> bool:
    """Delete a user; True when it is gone, also when it was before."""
    try:
        users.delete(cloud, user_id)
    except ConfigurationError as error:
        if error.code != "not-found":
            raise
    return True
