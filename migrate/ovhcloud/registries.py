"""Private registries that AI Deploy may pull from (contract: AI Deploy access): one registration per AI region."""

from msgspec import Struct

from migrate.core.secret import Secret
from migrate.ovhcloud import calls
from migrate.ovhcloud.session import Cloud, convert


class Registration(Struct, frozen=True):
    """A registration, without its password."""

    id: str
    region: str = ""
    url: str | None = None
    username: str | None = None


def registrations(cloud: Cloud) -> tuple[Registration, ...]:
    """Every registration of the project."""
    answer = cloud.call(calls.REGISTRATIONS)
    return convert(answer, tuple[Registration, ...], "the registries")


def create(cloud: Cloud, *, region: str, url: str, username: str, password: Secret) -> Registration:
    """Register a registry for one region."""
    answer = cloud.call(
        calls.REGISTER,
        body={"region": region, "url": url, "username": username, "password": password.reveal()},
    )
    return convert(answer, Registration, "the new registry")


def delete(cloud: Cloud, registration_id: str) -> None:
    """Delete a registration."""
    cloud.call(calls.UNREGISTER, params={"registryId": registration_id})


def update(cloud: Cloud, registration_id: str, *, username: str, password: Secret) -> None:
    """Give a registration another login."""
    cloud.call(
        calls.REGISTER_AGAIN,
        params={"registryId": registration_id},
        body={"username": username, "password": password.reveal()},
    )


class ManagedRegistry(Struct, frozen=True):
    """A registry of the project's own, which OVHcloud runs; ``status`` is READY where it can be used."""

    id: str
    name: str = ""
    url: str = ""
    region: str = ""
    status: str = ""


def managed(cloud: Cloud) -> tuple[ManagedRegistry, ...]:
    """The managed registries of the project."""
    answer = cloud.call(calls.MANAGED_REGISTRIES)
    return convert(answer, tuple[ManagedRegistry, ...], "the managed registries")
