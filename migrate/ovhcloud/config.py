"""Credentials and the project, from where OVHcloud's own tools read them: ``OVH_*`` variables and ``ovh.conf``."""

import configparser
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from msgspec import Struct

from migrate.core.addresses import secure_url
from migrate.core.errors import ConfigurationError
from migrate.core.names import slug
from migrate.core.secret import Secret

# The names that the `ovh` client 1.2 knows (its table ENDPOINTS), and those for which it has an OAuth2 token URL.
ENDPOINT_URLS: Final = {
    "ovh-eu": "https://eu.api.ovh.com/1.0",
    "ovh-us": "https://api.us.ovhcloud.com/1.0",
    "ovh-ca": "https://ca.api.ovh.com/1.0",
    "kimsufi-eu": "https://eu.api.kimsufi.com/1.0",
    "kimsufi-ca": "https://ca.api.kimsufi.com/1.0",
    "soyoustart-eu": "https://eu.api.soyoustart.com/1.0",
    "soyoustart-ca": "https://ca.api.soyoustart.com/1.0",
}

_EVERYBODYS: Final = Path("/etc/ovh.conf")
_HOW_TO_GET_CREDENTIALS: Final = (
    "Type `migrate login`, which gets a key with just the rights that are needed. Or set OVH_ENDPOINT, "
    "OVH_APPLICATION_KEY, OVH_APPLICATION_SECRET and OVH_CONSUMER_KEY, or OVH_CLIENT_ID and OVH_CLIENT_SECRET of a "
    "service account, or write them to ~/.ovh.conf; "
    'to try without an account: `migrate sandbox start` and `eval "$(migrate sandbox env)"`.'
)


class Credentials(Struct, frozen=True, kw_only=True):
    """An endpoint (a name of the `ovh` client, or a base URL) and either three keys or an OAuth2 client."""

    endpoint: str
    application_key: str | None = None
    application_secret: Secret | None = None
    consumer_key: Secret | None = None
    client_id: str | None = None
    client_secret: Secret | None = None

    @property
    def url(self) -> str:
        """The base URL of the API, without a trailing slash."""
        return ENDPOINT_URLS.get(self.endpoint, self.endpoint).rstrip("/")

    @property
    def endpoint_name(self) -> str:
        """A name for this endpoint that is fit for a folder."""
        return _name_of(self.endpoint)


def read_credentials(environ: Mapping[str, str]) -> Credentials:
    """Read the endpoint and the credentials as the `ovh` client does: ``OVH_*``, then the ``ovh.conf`` files.

    ``./ovh.conf`` wins over ``~/.ovh.conf``, and that over ``/etc/ovh.conf``; the section is the endpoint's text.

    Raises:
        ConfigurationError: ``no-credentials``, ``bad-endpoint`` or ``bad-configuration``.
    """
    files = _read_files(environ)
    endpoint = _endpoint(files, environ)

    def value(name: str) -> str | None:
        found = environ.get(f"OVH_{name.upper()}") or files.get(endpoint, name, fallback=None)
        return found.strip() or None if found else None

    if not endpoint:
        raise ConfigurationError(
            "No OVHcloud endpoint and credentials are configured.",
            code="no-credentials",
            next_step=_HOW_TO_GET_CREDENTIALS,
        )
    check_endpoint(endpoint)
    return _checked(endpoint, {name: value(name) for name in _NAMES})


def read_endpoint(environ: Mapping[str, str]) -> str | None:
    """The configured endpoint by a name that is fit for a folder, whether or not there are credentials; else None.

    Raises:
        ConfigurationError: ``bad-endpoint`` or ``bad-configuration``.
    """
    endpoint = _endpoint(_read_files(environ), environ)
    if not endpoint:
        return None
    check_endpoint(endpoint)
    return _name_of(endpoint)


def endpoint_url(environ: Mapping[str, str]) -> str | None:
    """The base URL of the configured endpoint, whether or not there are credentials; else None.

    Raises:
        ConfigurationError: ``bad-endpoint`` or ``bad-configuration``.
    """
    endpoint = _endpoint(_read_files(environ), environ)
    if not endpoint:
        return None
    check_endpoint(endpoint)
    return ENDPOINT_URLS.get(endpoint, endpoint).rstrip("/")


def origin(environ: Mapping[str, str], endpoint: str, name: str) -> str:
    """Where a value of the credentials is read from, in words: a variable, or a file."""
    file = config_file(environ, endpoint, name)
    return f"the variable OVH_{name.upper()}" if file is None else f"{file} ({name} of [{endpoint}])"


def config_file(environ: Mapping[str, str], endpoint: str, name: str) -> Path | None:
    """The file that a value of the credentials is read from; None where a variable has it, or nothing does."""
    if environ.get(f"OVH_{name.upper()}"):
        return None
    for path in reversed(_paths(environ)):
        parser = configparser.RawConfigParser()
        parser.read(path, encoding="utf-8")
        if parser.get(endpoint, name, fallback=""):
            return path
    return None


def kept_values(environ: Mapping[str, str], endpoint: str) -> dict[str, str]:
    """What the files alone say of an endpoint, by name.

    Raises:
        ConfigurationError: ``bad-configuration``.
    """
    files = _read_files(environ)
    return dict(files.items(endpoint)) if files.has_section(endpoint) else {}


def default_endpoint(environ: Mapping[str, str]) -> str | None:
    """The endpoint that is used where none is named, by the text that its section has.

    Raises:
        ConfigurationError: ``bad-configuration``.
    """
    return _endpoint(_read_files(environ), {}) or None


def file_to_write(environ: Mapping[str, str], endpoint: str) -> Path:
    """Which file a login goes into: the one that already has the endpoint's keys, else that of the home folder."""
    for name in ("consumer_key", "application_key"):
        file = config_file({"HOME": environ.get("HOME", "")}, endpoint, name)
        if file is not None and file != _EVERYBODYS:
            return file
    return _paths(environ)[1]


def _endpoint(files: configparser.RawConfigParser, environ: Mapping[str, str]) -> str:
    return (environ.get("OVH_ENDPOINT") or files.get("default", "endpoint", fallback="") or "").strip()


def _name_of(endpoint: str) -> str:
    if endpoint in ENDPOINT_URLS:
        return endpoint
    parts = urlsplit(endpoint)
    return slug(f"{parts.hostname}-{parts.port}" if parts.port else f"{parts.hostname}")


PROJECT_NAME: Final = "cloud_project"
"""The project, in the section of its endpoint: of this tool's own, for the `ovh` client knows none."""

_NAMES: Final = ("application_key", "application_secret", "consumer_key", "client_id", "client_secret")


def _checked(endpoint: str, values: Mapping[str, str | None]) -> Credentials:
    keys = [name for name in _NAMES[:3] if values[name]]
    oauth = [name for name in _NAMES[3:] if values[name]]
    if not keys and not oauth:
        raise ConfigurationError(
            f"No credentials are configured for the endpoint {endpoint}.",
            code="no-credentials",
            next_step=_HOW_TO_GET_CREDENTIALS,
        )
    if keys and oauth:
        raise ConfigurationError(
            f"Both application keys ({', '.join(keys)}) and an OAuth2 client ({', '.join(oauth)}) are configured.",
            code="bad-configuration",
            next_step="Keep one of them; the variables OVH_* and every ovh.conf are read.",
        )
    wanted = _NAMES[:3] if keys else _NAMES[3:]
    missing = [name for name in wanted if not values[name]]
    if missing:
        raise ConfigurationError(
            f"The credentials for {endpoint} lack {' and '.join(missing)}.",
            code="no-credentials",
            next_step=_HOW_TO_GET_CREDENTIALS,
        )
    secrets = {name: Secret(text) for name, text in values.items() if text and name not in {_NAMES[0], _NAMES[3]}}
    if oauth and urlsplit(ENDPOINT_URLS.get(endpoint, endpoint)).scheme != "https":
        raise ConfigurationError(
            f"OAuth2 works over https only, and the endpoint is {endpoint}.",
            code="bad-endpoint",
            next_step="Use application keys with this endpoint.",
        )
    return Credentials(
        endpoint=endpoint,
        application_key=values["application_key"],
        application_secret=secrets.get("application_secret"),
        consumer_key=secrets.get("consumer_key"),
        client_id=values["client_id"],
        client_secret=secrets.get("client_secret"),
    )


def read_project(option: str | None, environ: Mapping[str, str]) -> str | None:
    """The Public Cloud project's id: the option, ``OVH_CLOUD_PROJECT_SERVICE``, ``MIGRATE_PROJECT``, or ``ovh.conf``.

    Raises:
        ConfigurationError: ``bad-configuration``.
    """
    for candidate in (option, environ.get("OVH_CLOUD_PROJECT_SERVICE"), environ.get("MIGRATE_PROJECT")):
        if candidate and candidate.strip():
            return candidate.strip()
    files = _read_files(environ)
    return files.get(_endpoint(files, environ), PROJECT_NAME, fallback="").strip() or None


def check_endpoint(endpoint: str) -> None:
    """Refuse what is neither a known name nor an URL over https (http on loopback only).

    Raises:
        ConfigurationError: ``bad-endpoint``.
    """
    if endpoint in ENDPOINT_URLS or secure_url(endpoint):
        return
    raise ConfigurationError(
        f"{endpoint!r} is not an endpoint: it must be one of {', '.join(ENDPOINT_URLS)}, or an https URL "
        "(http on loopback only).",
        code="bad-endpoint",
        next_step="Correct OVH_ENDPOINT or the endpoint in ovh.conf.",
    )


def config_files(environ: Mapping[str, str]) -> tuple[Path, ...]:
    """The files that credentials are read from and a person may write, the one that wins first."""
    _, home, here = _paths(environ)
    return here, home


def _paths(environ: Mapping[str, str]) -> tuple[Path, ...]:
    """The files, the one that wins last."""
    home = environ.get("HOME") or os.path.expanduser("~")  # noqa: PTH111 - Path.home() raises where there is none
    return _EVERYBODYS, Path(home, ".ovh.conf"), Path("ovh.conf")


def _read_files(environ: Mapping[str, str]) -> configparser.RawConfigParser:
    parser = configparser.RawConfigParser()
    for path in _paths(environ):
        try:
            parser.read(path, encoding="utf-8")
        except (configparser.Error, OSError, UnicodeDecodeError) as error:
            first_line = str(error).splitlines()[0]
            raise ConfigurationError(
                f"{path} cannot be read: {first_line}",
                code="bad-configuration",
                next_step=f"Correct {path}; it has a section [default] with `endpoint=` and one named as the endpoint.",
            ) from error
    return parser
