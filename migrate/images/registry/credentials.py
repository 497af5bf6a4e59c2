"""Who this machine is at a registry: as typed, or as Docker's or Podman's own configuration and helpers have it."""

from __future__ import annotations

import os
from pathlib import Path
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
        ConfigurationError: A user without a password (``no-registry-password``), or the configuration of Docker or
            Podman cannot be read (``docker-config``).
    """
    if user is None:
        return _logged_in(registry, environ)
    password = environ.get(PASSWORD_VARIABLE)
    if not password:
        raise ConfigurationError(
            f"There is no password for the user {printable(user)} of {registry}.",
            code="no-registry-password",
            next_step=type_again(f"Put it into the variable {PASSWORD_VARIABLE}"),
        )
    return RegistryCredentials(username=user, password=Secret(password))


def _logged_in(registry: str, environ: Mapping[str, str]) -> RegistryCredentials | None:
    """The login of ``docker login``, else that of ``podman login``, whose files have the same form."""
    import docker.auth  # noqa: PLC0415
    import docker.errors  # noqa: PLC0415

    name = "docker.io" if registry in ("index.docker.io", "registry-1.docker.io") else registry
    found: dict[str, str] = {}
    for file in (None, *_podman_files(environ)):
        try:
            found = found or docker.auth.load_config(config_path=file).resolve_authconfig(name) or {}
        except (docker.errors.DockerException, OSError, ValueError) as error:
            whose, tool = ("Docker's", "docker") if file is None else (f"Podman's ({printable(file)})", "podman")
            raise ConfigurationError(
                f"{whose} configuration has no usable login for {registry}: {printable(str(error), 300)}.",
                code="docker-config",
                next_step=f"Log in again ({tool} login {registry}), or give --registry-user and {PASSWORD_VARIABLE}.",
            ) from error
    entry = {str(key).lower(): value for key, value in found.items()}
    if entry.get("identitytoken"):
        return RegistryCredentials(username="<token>", password=Secret(entry["identitytoken"]), is_token=True)
    if entry.get("username") and entry.get("password"):
        return RegistryCredentials(username=entry["username"], password=Secret(entry["password"]))
    return None


def _podman_files(environ: Mapping[str, str]) -> list[str]:
    """Where Podman keeps logins (its manual containers-auth.json.5), those files that are there."""
    runtime, home = environ.get("XDG_RUNTIME_DIR"), environ.get("HOME")
    places = [environ.get("REGISTRY_AUTH_FILE"), f"{runtime}/containers/auth.json" if runtime else None]
    places.append(f"/run/containers/{os.getuid()}/auth.json")
    places.append(f"{home}/.config/containers/auth.json" if home else None)
    return [place for place in places if place and Path(place).is_file()]
