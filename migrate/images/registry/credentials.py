"""Who this machine is at a registry: as typed, or as Docker's own configuration and helpers have it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from msgspec import Struct

from migrate.core.errors import ConfigurationError
from migrate.core.secret import Secret
from migrate.core.text import printable, type_again

if TYPE_CHECKING:
    from collections.abc import Mapping

PASSWORD_VARIABLE: Final = "MIGRATE_REGISTRY_PASSWORD"  # noqa: S105 - its name, not its value


class RegistryCredentials(Struct, frozen=True, kw_only=True):
    """A login; with ``is_token`` the password is an identity token, which is exchanged and never sent as a password."""

    username: str
    password: Secret
    is_token: bool = False


def credentials_for(registry: str, user: str | None, environ: Mapping[str, str]) -> RegistryCredentials | None:
    """The login for a registry, or None where nobody said one (a public registry then takes what it takes).

    Args:
        registry: ``host[:port]``.
        user: What ``--registry-user`` said; its password is in ``MIGRATE_REGISTRY_PASSWORD``.
        environ: The environment of the process.

    Raises:
        ConfigurationError: A user without a password (``no-registry-password``), or Docker's configuration cannot be
            read (``docker-config``).
    """
    if user is None:
        return _from_docker(registry)
    password = environ.get(PASSWORD_VARIABLE)
    if not password:
        raise ConfigurationError(
            f"There is no password for the user {printable(user)} of {registry}.",
            code="no-registry-password",
            next_step=type_again(f"Put it into the variable {PASSWORD_VARIABLE}"),
        )
    return RegistryCredentials(username=user, password=Secret(password))


def _from_docker(registry: str) -> RegistryCredentials | None:
    import docker.auth  # noqa: PLC0415
    import docker.errors  # noqa: PLC0415

    name = "docker.io" if registry in ("index.docker.io", "registry-1.docker.io") else registry
    try:
        found = docker.auth.load_config().resolve_authconfig(name) or {}
    except (docker.errors.DockerException, OSError, ValueError) as error:
        raise ConfigurationError(
            f"Docker's configuration has no usable login for {registry}: {printable(str(error), 300)}.",
            code="docker-config",
            next_step=f"Log in again (docker login {registry}), or give --registry-user and {PASSWORD_VARIABLE}.",
        ) from error
    entry = {str(key).lower(): value for key, value in found.items()}
    if entry.get("identitytoken"):
        return RegistryCredentials(username="<token>", password=Secret(entry["identitytoken"]), is_token=True)
    if entry.get("username") and entry.get("password"):
        return RegistryCredentials(username=entry["username"], password=Secret(entry["password"]))
    return None
