"""Ends what a login began: the key is revoked, and its lines are taken out of ovh.conf."""

import sys
from collections.abc import Mapping
from typing import Final

from migrate.commands.output import answer_facts
from migrate.core.errors import ConfigurationError, ExitCode
from migrate.core.options.access import ENDPOINT, LogoutOptions
from migrate.core.secret import Secret
from migrate.migration.run.workspace import open_workspace
from migrate.ovhcloud import consumer_keys
from migrate.ovhcloud.config import Credentials, check_endpoint, config_files, default_endpoint, kept_values
from migrate.ovhcloud.config_file import login_in, read_text, without_login, write_text
from migrate.ovhcloud.session import open_session

_MENDABLE: Final = frozenset({"clock-skew", "proxy-login"})


def logout(options: LogoutOptions, environ: Mapping[str, str]) -> ExitCode:
    """Logs out.

    Raises:
        UsageError: No endpoint is named, and none is known.
        ConfigurationError: ``not-logged-in``: no login is written there.
        RemoteError: OVHcloud cannot be asked to revoke the key; the file stays as it is.
        ConfigurationError: The clock or the proxy's login keeps OVHcloud from being asked; the same.
        LocalError: The file cannot be written.
    """
    endpoint = (options.endpoint or default_endpoint(environ) or "").strip()
    check_endpoint(endpoint)
    found = next(
        ((file, own) for file in config_files(environ) if (own := login_in(read_text(file), endpoint)) is not None),
        None,
    )
    if found is None:
        raise ConfigurationError(
            f"No file has lines of a login at {endpoint}.",
            code="not-logged-in",
            next_step=f"Name the endpoint with {ENDPOINT.name}. Keys that you made yourself are revoked in the control "
            "panel.",
        )
    file, own = found
    revoked = _revoke(options, environ, endpoint, own)
    write_text(file, without_login(read_text(file), endpoint), endpoint, {})
    facts = {
        "endpoint": endpoint,
        "key": revoked,
        "file": str(file),
        "lines": "those of migrate login are removed; what you wrote yourself is as it was",
    }
    return answer_facts("logout", facts, (), as_json=options.json)


def _revoke(options: LogoutOptions, environ: Mapping[str, str], endpoint: str, own: Mapping[str, str]) -> str:
    """Revokes the key, and answers what became of it, in words."""
    values = {**kept_values(environ, endpoint), **own}
    try:
        credentials = Credentials(
            endpoint=endpoint,
            application_key=values["application_key"],
            application_secret=Secret(values["application_secret"]),
            consumer_key=Secret(values["consumer_key"]),
        )
    except KeyError as missing:
        return f"not revoked, because no file has {missing.args[0]}: revoke it in the control panel"
    with open_session(credentials, state_folder=open_workspace(options.workspace).state) as session:
        try:
            consumer_keys.revoke(session)
        except ConfigurationError as error:
            if error.code == "expired-credential":
                return "it was no longer valid"
            if error.code in _MENDABLE:
                raise  # the file is what another try needs
            sys.stderr.write(f"{error.what}\n")
            return "not revoked: revoke it in the control panel"
    return "revoked"
