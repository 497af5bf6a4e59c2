"""``migrate status``: where things stand."""

import os
from typing import Annotated

import typer

from migrate.cli.options import Form, Json, OptionalSource, Output, Project, WorkspaceFolder
from migrate.core.errors import ExitCode


def status(
    source: OptionalSource = None,
    offline: Annotated[bool, typer.Option("--offline", help="From the journal alone; do not ask AI Deploy.")] = False,
    project: Project = None,
    workspace: WorkspaceFolder = None,
    as_json: Json = False,
    output: Output = Form.TEXT,
) -> ExitCode:
    """Where the models of SOURCE stand, and what AI Deploy says now; without SOURCE, every source known here."""
    from migrate.cli.typed import typed_of  # noqa: PLC0415
    from migrate.commands.output import answer  # noqa: PLC0415 - with it comes the rest of the tool
    from migrate.console.state import show_sources  # noqa: PLC0415
    from migrate.migration.run.workspace import open_workspace  # noqa: PLC0415
    from migrate.migration.telling.status import status_of, status_of_all  # noqa: PLC0415

    place = open_workspace(workspace)
    if source is None:
        found = status_of_all(place)
    else:
        typed = typed_of(source, project=project, workspace=workspace)
        found = status_of(typed, place, project=project, environ=dict(os.environ), offline=offline)
    code = ExitCode.LOCAL if found.unread else ExitCode.DONE
    return answer("status", found, as_json=as_json or output is Form.JSON, show=show_sources, code=code)
