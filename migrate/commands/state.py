"""Hands a case over to another machine, and takes one over."""

import sys
from collections.abc import Mapping
from typing import TYPE_CHECKING

from migrate.commands.output import answer
from migrate.console.words import safe
from migrate.core.errors import ExitCode
from migrate.core.looking import HandedOver
from migrate.core.options.support import ExportStateOptions, ImportStateOptions
from migrate.core.text import counted
from migrate.migration.run.case import export_case, import_case
from migrate.migration.run.workspace import open_workspace

if TYPE_CHECKING:
    from rich.console import Console


def export_state(options: ExportStateOptions, environ: Mapping[str, str]) -> ExitCode:
    """Writes the case of a source.

    Raises:
        MigrateError: Nothing is known of it, somebody works on it, or the file cannot be written.
    """
    workspace = open_workspace(options.workspace)
    made = export_case(options.typed, options.file, workspace, state=options.state, environ=environ)

    def show(_: "Console", told: HandedOver) -> None:
        _write(
            f"{safe(told.file, 400)}: {counted(told.rows, 'row')} of {safe(told.source, 300)}, project "
            f"{safe(told.project)}.",
            "Access tokens and files of models are not in it; from now on work on one machine only.",
        )

    return answer("state export", made, as_json=options.json, show=show)


def import_state(options: ImportStateOptions, environ: Mapping[str, str]) -> ExitCode:
    """Takes a case over.

    Raises:
        MigrateError: The file is no case, or is one of another source, or something is known of the source here.
    """
    workspace = open_workspace(options.workspace)
    made = import_case(options.typed, options.file, workspace, state=options.state, environ=environ)

    def show(_: "Console", told: HandedOver) -> None:
        _write(
            f"Took over {counted(told.rows, 'row')} of {safe(told.source, 300)}, project {safe(told.project)}.",
            f"Next  See where it stands: {options.typed.status()}",
        )

    return answer("state import", made, as_json=options.json, show=show)


def _write(*lines: str) -> None:
    sys.stdout.write("".join(f"{line}\n" for line in lines))
