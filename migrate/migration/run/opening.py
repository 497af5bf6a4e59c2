"""From what a person typed, and the usual configuration, to OVHcloud's API and the folder of a source."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from msgspec import Struct

from migrate.core.errors import ConfigurationError, UsageError
from migrate.core.names import slug
from migrate.core.options.sources import Typed
from migrate.core.secret import Secret
from migrate.machine.private import make_private
from migrate.migration.journal.journal import Journal
from migrate.migration.run.workspace import SourceFolder, Workspace
from migrate.ovhcloud.config import read_credentials, read_project
from migrate.ovhcloud.projects import choose_project
from migrate.ovhcloud.session import Cloud, open_session
from migrate.sources.reference import SourceRef, parse_source


class Opened(Struct, frozen=True):
    """A journal with the folder it lies in."""

    folder: SourceFolder
    journal: Journal


@contextmanager
def open_cloud(workspace: Workspace, *, project: str | None, environ: Mapping[str, str]) -> Iterator[Cloud]:
    """The project that was named, or the only one; its connections are closed at the end.

    Raises:
        ConfigurationError: There are no credentials, or the project has to be named.
    """
    with open_session(read_credentials(environ), state_folder=workspace.state) as session:
        yield Cloud(session, choose_project(session, read_project(project, environ)))


def source_folder(workspace: Workspace, *, endpoint: str, project: str, ref: SourceRef) -> SourceFolder:
    """The folder of a source, made if it is missing."""
    folder = workspace.source(endpoint, project, ref.canonical)
    make_private(folder.path)
    return folder


def find_journal(workspace: Workspace, typed: Typed, *, environ: Mapping[str, str]) -> Opened:
    """The journal of a source without asking anybody: that of the project, or the one that was written last.

    Raises:
        UsageError: There is none.
    """
    ref = parse_source(typed.source)
    wanted = read_project(typed.project, environ)
    folders = [folder for folder in workspace.sources() if folder.path.name == slug(ref.canonical)]
    ours = [folder for folder in folders if wanted and folder.path.parent.name == slug(wanted)]
    for folder in sorted(ours or folders, key=_written, reverse=True):
        journal = Journal.read(folder.journal)
        if journal is not None:
            return Opened(folder, journal)
    raise UsageError(
        f"Nothing is known of the source {typed.source} in {workspace.root}.",
        code="no-journal",
        next_step=f"Type: {typed.run()}, or name the --workspace of the run.",
    )


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


def _written(folder: SourceFolder) -> float:
    files = (folder.journal, Path(f"{folder.journal}-wal"))
    return max((file.stat().st_mtime for file in files if file.exists()), default=0.0)
