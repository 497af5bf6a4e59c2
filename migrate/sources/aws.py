"""Where S3 is and with which keys, from where Amazon's own tools read it: ``AWS_*`` variables and profiles.

The order is that of the AWS CLI: https://docs.aws.amazon.com/cli/v1/userguide/cli-configure-envvars.html for the
variables, https://docs.aws.amazon.com/sdkref/latest/guide/feature-ss-endpoints.html for endpoints.
"""

import configparser
import os
import shlex
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from msgspec import Struct
from msgspec.structs import replace

from migrate.core.addresses import secure_url
from migrate.core.errors import ConfigurationError, MigrateError, with_next_step
from migrate.core.mending import Ask, Request
from migrate.core.secret import Secret
from migrate.core.text import printable, type_again
from migrate.ovhcloud.renewal import Renew

_TRUE: Final = frozenset({"1", "true", "yes", "on"})
FOUND_BY_THE_CLIENT: Final = (
    "AWS_WEB_IDENTITY_TOKEN_FILE",
    "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI",
    "AWS_CONTAINER_CREDENTIALS_FULL_URI",
)
_FOR_THE_CLI: Final = ("credential_process", "role_arn", "sso_session", "sso_start_url", "login_session")
_KEY_VARIABLES: Final = frozenset({"AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"})
_KEYS_STEP: Final = (
    "Set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or AWS_PROFILE, and AWS_ENDPOINT_URL and AWS_REGION unless the "
    "bucket is Amazon's; AWS_SKIP_SIGNATURE=true for a public bucket. A bucket of an OVHcloud project needs none of "
    "them: give it as BUCKET@REGION."
)


class S3Account(Struct, frozen=True, kw_only=True):
    """What reaching a bucket takes.

    Attributes:
        endpoint: An URL without a slash at its end; empty for Amazon's own.
        region: Empty where nothing names one.
        key: The access key's id; empty where the client finds credentials by itself, and for public buckets.
        secret: The secret access key.
        token: The session token of temporary keys.
        public: Nothing is signed.
        certificates: Those that are trusted, as PEM, besides the ordinary ones; empty for no others.
    """

    endpoint: str
    region: str
    key: str = ""
    secret: Secret | None = None
    token: Secret | None = None
    public: bool = False
    certificates: str = ""


def read_account(environ: Mapping[str, str]) -> S3Account:
    """Read the endpoint, the region, the keys, and the certificates that ``requests`` trusts for the other services.

    Raises:
        ConfigurationError: ``no-s3-credentials``, ``bad-configuration``, or ``bad-endpoint``.
    """
    profile = _Profile(environ)
    region = environ.get("AWS_REGION") or environ.get("AWS_DEFAULT_REGION") or profile.get("region")
    endpoint = (
        environ.get("AWS_ENDPOINT_URL_S3")
        or environ.get("AWS_ENDPOINT_URL")
        or profile.of_service("endpoint_url")
        or profile.get("endpoint_url")
    ).rstrip("/")
    _check_endpoint(endpoint, environ)
    found = _keys(environ, profile, S3Account(endpoint=endpoint, region=region))
    return replace(found, certificates=_certificates(environ))


def renewing(environ: Mapping[str, str], ask: Ask) -> Renew[S3Account]:
    """Renews keys from where they were read: a profile may have others by now, and otherwise a person is asked.

    Args:
        environ: The environment that they were read with; a process cannot be given other variables while it runs, so
            new keys go into the profile.
        ask: Asks the person.
    """
    without = {name: text for name, text in environ.items() if name not in _KEY_VARIABLES}

    def fresh(old: S3Account, variables: Mapping[str, str]) -> S3Account:
        try:
            found = read_account(variables)
        except ConfigurationError:
            return old  # there are none, or a file is being written
        return replace(found, endpoint=old.endpoint, region=old.region)

    def renew(old: S3Account, error: MigrateError) -> S3Account:
        if not old.key:
            raise error  # the client finds them itself
        typed = bool(environ.get("AWS_ACCESS_KEY_ID"))
        for variables in (environ, without):
            if (found := fresh(old, variables)) != old and found.key != environ.get("AWS_ACCESS_KEY_ID"):
                return found
        profile = _Profile(environ)
        place = f"the profile {printable(profile.name)!r} of {profile.credentials}"
        if ask(Request(what=error.what, to_do=f"Put new keys into {place}")) is None:
            names = "AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY and, for temporary ones, AWS_SESSION_TOKEN"
            where = names if typed else place
            raise with_next_step(error, type_again(f"Put new keys into {where}", note="it goes on where it stopped"))
        return fresh(old, without)

    return renew


def _keys(environ: Mapping[str, str], profile: "_Profile", place: S3Account) -> S3Account:
    if environ.get("AWS_SKIP_SIGNATURE", "").lower() in _TRUE:
        return replace(place, public=True)
    key, secret, token = (
        environ.get(name, "").strip() for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN")
    )
    if not key and not secret:
        key, secret, token = (
            profile.get(name) for name in ("aws_access_key_id", "aws_secret_access_key", "aws_session_token")
        )
    if not key and not secret and any(environ.get(name) for name in FOUND_BY_THE_CLIENT):
        return place
    if not key or not secret:
        raise profile.without_keys(key=key, secret=secret)
    return replace(place, key=key, secret=Secret(secret), token=Secret(token) if token else None)


def _certificates(environ: Mapping[str, str]) -> str:
    path = Path(environ.get("REQUESTS_CA_BUNDLE") or "")
    if path.is_dir():  # of hashed names, which only OpenSSL reads; so is the path of an empty text
        return ""
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigurationError(
            f"The certificates of REQUESTS_CA_BUNDLE cannot be read: {path}.",
            code="bad-configuration",
            next_step="Correct the variable, or leave it out.",
        ) from error


def _check_endpoint(endpoint: str, environ: Mapping[str, str]) -> None:
    if not endpoint or secure_url(endpoint):
        return
    if endpoint.startswith("http://") and environ.get("AWS_ALLOW_HTTP", "").lower() in _TRUE:
        return
    raise ConfigurationError(
        f"The S3 endpoint {printable(endpoint)!r} is not an https URL, nor http on this machine.",
        code="bad-endpoint",
        next_step="Correct AWS_ENDPOINT_URL or the endpoint_url of the profile; AWS_ALLOW_HTTP=true allows http, where "
        "everybody on the way may read and change the files.",
    )


class _Profile:
    """A profile of ``~/.aws/config`` and ``~/.aws/credentials``, the second before the first."""

    def __init__(self, environ: Mapping[str, str]) -> None:
        home = environ.get("HOME") or os.path.expanduser("~")  # noqa: PTH111 - Path.home() raises where there is none
        named = environ.get("AWS_PROFILE") or environ.get("AWS_DEFAULT_PROFILE") or ""
        self.name = named or "default"
        config = Path(environ.get("AWS_CONFIG_FILE") or Path(home, ".aws", "config"))
        self.credentials = credentials = Path(
            environ.get("AWS_SHARED_CREDENTIALS_FILE") or Path(home, ".aws", "credentials")
        )
        self._config = _read(config)
        self._credentials = _read(credentials)
        wanted = (["default"], ["profile", "default"]) if self.name == "default" else (["profile", self.name],)
        self._sections = tuple(section for section in self._config.sections() if _words(section) in wanted)
        if named and not self._sections and not self._credentials.has_section(self.name):
            raise ConfigurationError(
                f"There is no profile {printable(named)!r} in {config} or {credentials}.",
                code="bad-configuration",
                next_step="Correct AWS_PROFILE; `aws configure list-profiles` shows those that there are.",
            )

    def get(self, name: str) -> str:
        """A value of the profile, or an empty text."""
        for parser, section in ((self._credentials, self.name), *((self._config, name) for name in self._sections)):
            if found := parser.get(section, name, fallback=""):
                return found.strip()
        return ""

    def of_service(self, name: str) -> str:
        """A value that the profile's section ``services`` gives for S3, or an empty text."""
        nested = self._config.get(f"services {self.get('services')}", "s3", fallback="")
        pairs = (line.partition("=") for line in nested.splitlines())
        return next((value.strip() for key, _, value in pairs if key.strip() == name), "")

    def without_keys(self, *, key: str, secret: str) -> ConfigurationError:
        """The error for a profile that has no keys of its own."""
        if key or secret:
            lacking = "secret access key" if key else "access key id"
            return ConfigurationError(
                f"The S3 credentials lack the {lacking}.", code="no-s3-credentials", next_step=_KEYS_STEP
            )
        if how := next((name for name in _FOR_THE_CLI if self.get(name)), ""):
            return ConfigurationError(
                f"The AWS profile {printable(self.name)!r} has no keys; it gets them by {how}, which the AWS CLI does.",
                code="no-s3-credentials",
                next_step=type_again(
                    "Put what `aws configure export-credentials` prints for it into AWS_ACCESS_KEY_ID, "
                    "AWS_SECRET_ACCESS_KEY and AWS_SESSION_TOKEN"
                ),
            )
        return ConfigurationError(
            "No credentials for S3 are configured.", code="no-s3-credentials", next_step=_KEYS_STEP
        )


def _words(section: str) -> list[str]:
    """The words of a section's name; a profile's may be in quotes."""
    try:
        return shlex.split(section)
    except ValueError:
        return [section]


def _read(path: Path) -> configparser.RawConfigParser:
    parser = configparser.RawConfigParser(strict=False)
    try:
        parser.read(path, encoding="utf-8")
    except (configparser.Error, OSError, UnicodeDecodeError) as error:
        first_line = str(error).splitlines()[0]
        raise ConfigurationError(
            f"{path} cannot be read: {first_line}", code="bad-configuration", next_step=f"Correct {path}."
        ) from error
    return parser
