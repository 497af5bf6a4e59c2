"""From what a person typed, and the usual configuration, to OVHcloud's API and the folder of a source."""

import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from migrate.core.errors import ConfigurationError
from migrate.core.secret import Secret
from migrate.machine.private import make_private
from migrate.migration.run.workspace import SourceFolder, Workspace
from migrate.ovhcloud.call_log import VERBOSE, CallLog
from migrate.ovhcloud.config import read_credentials, read_project
from migrate.ovhcloud.projects import choose_project
from migrate.ovhcloud.session import Cloud, open_session
from migrate.sources.reference import SourceRef


@contextmanager
def open_cloud(workspace: Workspace, *, project: str | None, environ: Mapping[str, str]) -> Iterator[Cloud]:
    """The project that was named, or the only one; its calls are logged, and its connections closed at the end.

    Raises:
        ConfigurationError: There are no credentials, or the project has to be named.
    """
    with open_session(read_credentials(environ), state_folder=workspace.state, environ=environ) as session:
        session.log = CallLog(workspace.calls, show=sys.stderr if environ.get(VERBOSE) else None)
        yield Cloud(session, choose_project(session, read_project(project, environ)))


def source_folder(workspace: Workspace, *, endpoint: str, project: str, ref: SourceRef) -> SourceFolder:
    """The folder of a source, made if it is missing."""
    folder = workspace.source(endpoint, project, ref.canonical)
    make_private(folder.path)
    return folder


def read_old_token(file: Path | None, environ: Mapping[str, str]) -> Secret | None:
    """The token of the old endpoints, if there is one; on a command line it would be in the list of processes.

    Args:
        file: ``--old-token-file``.
        environ: Without a file, ``MIGRATE_OLD_TOKEN`` holds it.

    Raises:
        ConfigurationError: The file cannot be read.
    """
    if file is None:
        text = environ.get("MIGRATE_OLD_TOKEN", "")
    else:
        try:
            text = file.read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise ConfigurationError(
                f"The token in {file} cannot be read: {error}.",
                code="no-old-token",
                next_step="Correct --old-token-file, or put the token into MIGRATE_OLD_TOKEN.",
            ) from error
    return Secret(text.strip()) if text.strip() else None
