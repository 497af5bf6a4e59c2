"""Reads the configuration file once, before a command: what it says becomes variables that are not set already."""

import os
from collections.abc import MutableMapping
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from migrate.core.network import Network

VARIABLE: Final = "MIGRATE_CONFIG"

_WITH_PASSWORDS: Final = ("PROXY", "INDEX", "INDEX_URL", "FIND_LINKS")  # ends of the names of variables


def configure(environ: MutableMapping[str, str]) -> None:
    """Fills in ``environ``, the environment of this process, from the configuration file where there is one.

    A machine without such a file pays for one question to the disk.

    Raises:
        ConfigurationError: The file cannot be read, or says what cannot be (``bad-configuration``).
    """
    if any("@" in text for name, text in environ.items() if name.upper().endswith(_WITH_PASSWORDS)):
        from migrate.core.network import keep_secrets, secrets_of  # noqa: PLC0415

        keep_secrets(secrets_of(environ))
    path = environ.get(VARIABLE) or usual_path(environ)
    if environ.get(VARIABLE) or os.path.exists(path):  # noqa: PTH110 - pathlib is slow to load
        _fill(environ, path)


def usual_path(environ: MutableMapping[str, str]) -> str:
    """Where the file is when no variable names it."""
    home = environ.get("HOME") or os.path.expanduser("~")  # noqa: PTH111 - Path.home() raises where there is none
    return f"{environ.get('XDG_CONFIG_HOME') or f'{home}/.config'}/migrate/config.toml"


def _fill(environ: MutableMapping[str, str], path: str) -> None:
    import tomllib  # noqa: PLC0415
    from pathlib import Path  # noqa: PLC0415

    from migrate.core.errors import ConfigurationError, MigrateError  # noqa: PLC0415
    from migrate.core.network import read_configuration, variables_of  # noqa: PLC0415
    from migrate.core.text import printable  # noqa: PLC0415
    from migrate.images.base.image import PUBLIC_BASE  # noqa: PLC0415

    try:
        found = read_configuration(tomllib.loads(Path(path).read_text(encoding="utf-8")))
        network = _checked(found.network)
    except (OSError, ValueError, MigrateError) as error:  # what TOML and UTF-8 refuse is a ValueError
        said = error.what if isinstance(error, MigrateError) else str(getattr(error, "strerror", "") or error)
        raise ConfigurationError(
            f"The configuration {printable(path, 300)} cannot be used: {printable(said.rstrip('.'), 300)}.",
            code="bad-configuration",
            next_step="Correct it; docs/network.md has every setting.",
        ) from error
    environ.update(variables_of(network, environ, PUBLIC_BASE))


def _checked(network: "Network") -> "Network":
    """The block with absolute paths, whose files are there.

    Raises:
        OSError: A file or folder is not.
        ValueError: A file is no bundle of certificates.
        MigrateError: The base image is no reference.
    """
    import ssl  # noqa: PLC0415
    from pathlib import Path  # noqa: PLC0415

    from msgspec.structs import replace  # noqa: PLC0415

    from migrate.core.options.declaration import absolute  # noqa: PLC0415
    from migrate.images.engine.references import check_reference  # noqa: PLC0415

    if network.base_image and not network.base_image.startswith("oci:"):
        check_reference(network.base_image)
    bundle = network.ca_bundle
    if bundle:
        bundle = str(absolute(Path(bundle)))
        try:
            ssl.create_default_context(cafile=bundle)
        except OSError as error:  # ssl.SSLError too
            why = "it holds no certificates" if isinstance(error, ssl.SSLError) else error.strerror
            message = f"ca_bundle is {bundle}: {why}"
            raise ValueError(message) from error
    folders = []
    for folder in network.wheel_folders:
        place = folder if "://" in folder else str(absolute(Path(folder)))
        if "://" not in folder and not Path(place).is_dir():
            message = f"wheel_folders has {place}, where no folder is"
            raise ValueError(message)
        folders.append(place)
    return replace(network, ca_bundle=bundle, wheel_folders=tuple(folders))
