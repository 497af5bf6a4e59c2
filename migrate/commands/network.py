"""Runs network: the hosts that commands would contact."""

from collections.abc import Mapping

from migrate.commands.output import answer
from migrate.console.tables import show_contacts
from migrate.core.errors import ExitCode
from migrate.core.options.sources import NetworkOptions
from migrate.migration.telling.network import contacts


def network(options: NetworkOptions, environ: Mapping[str, str]) -> ExitCode:
    """Shows them; nobody is asked.

    Raises:
        UsageError: The source is none.
        ConfigurationError: The endpoint is none.
    """
    return answer("network", contacts(options, environ), as_json=options.json, show=show_contacts)
