"""``migrate why``: the story of one model."""

import os
from typing import Annotated

import typer

from migrate.cli.options import Form, Json, Output, Project, Source, WorkspaceFolder
from migrate.core.errors import ExitCode


def why(
    source: Source,
    model: Annotated[str, typer.Argument(help="The model's id.", metavar="MODEL", show_default=False)],
    project: Project = None,
    workspace: WorkspaceFolder = None,
    as_json: Json = False,
    output: Output = Form.TEXT,
) -> ExitCode:
    """What happened to MODEL, the evidence, and what to do next; asks nobody."""
    from migrate.cli.typed import typed_of  # noqa: PLC0415
    from migrate.commands.output import answer  # noqa: PLC0415 - with it comes the rest of the tool
    from migrate.console.state import show_story  # noqa: PLC0415
    from migrate.migration.run.workspace import open_workspace  # noqa: PLC0415
    from migrate.migration.telling.why import why as story_of  # noqa: PLC0415

    typed = typed_of(source, project=project, workspace=workspace)
    story = story_of(typed, model, open_workspace(workspace), project=project, environ=dict(os.environ))
    return answer("why", story, as_json=as_json or output is Form.JSON, show=show_story)
