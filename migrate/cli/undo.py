"""``migrate undo``: delete what this tool made, and only that."""

import os

from migrate.cli.options import Form, Json, Models, Output, Project, Source, WorkspaceFolder, Yes
from migrate.core.errors import ExitCode


def undo(
    source: Source,
    model: Models = None,
    yes: Yes = False,
    project: Project = None,
    workspace: WorkspaceFolder = None,
    as_json: Json = False,
    output: Output = Form.TEXT,
) -> ExitCode:
    """Delete the apps, tokens, registrations and local images that were made for SOURCE; pushed images stay."""
    from migrate.cli.typed import typed_of  # noqa: PLC0415
    from migrate.commands.undo import leave  # noqa: PLC0415 - imports the rest of the tool

    return leave(
        typed_of(source, project=project, workspace=workspace),
        models=tuple(dict.fromkeys(model or ())),
        yes=yes,
        project=project,
        workspace=workspace,
        as_json=as_json or output is Form.JSON,
        environ=dict(os.environ),
    )
