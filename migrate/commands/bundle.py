"""Writes a bundle for a ticket, and says what is in it."""

from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path

from migrate.commands.output import answer
from migrate.console.bundle import show_bundled
from migrate.core.errors import ExitCode, UsageError
from migrate.core.looking import Bundled
from migrate.core.options.shared import OUT
from migrate.core.options.support import BundleOptions
from migrate.core.text import printable
from migrate.machine.files import write_whole
from migrate.migration.run.workspace import open_workspace
from migrate.migration.telling.bundle.bundle import make_bundle


def bundle(options: BundleOptions, environ: Mapping[str, str]) -> ExitCode:
    """Writes the bundle of a source.

    Raises:
        UsageError: Nothing is known of the source, or a file is in the way.
        LocalError: The journal cannot be read, or the file cannot be written.
    """
    path = options.out or Path.cwd() / f"migrate-bundle-{datetime.now(UTC):%Y%m%d-%H%M%S}.zip"
    if path.exists():
        raise UsageError(
            f"{printable(str(path), 300)} exists, and a bundle takes no other file's place.",
            code="not-empty",
            next_step=f"Name a new file with {OUT.name}.",
        )
    made = make_bundle(options.typed, open_workspace(options.workspace), environ=environ)
    data = made.archive()
    write_whole(path, data)
    told = Bundled(
        path=str(path),
        size=len(data),
        files=made.files,
        removed=made.removed if options.explain else (),
        names=dict(made.names) if options.explain else {},
    )
    return answer("bundle", told, as_json=options.json, show=show_bundled)
