"""``migrate list``: what there is."""

import os

from migrate.cli.options import Form, Json, OptionalSource, Output, Project, WorkspaceFolder
from migrate.core.errors import ExitCode


def list_(
    source: OptionalSource = None,
    project: Project = None,
    workspace: WorkspaceFolder = None,
    as_json: Json = False,
    output: Output = Form.TEXT,
) -> ExitCode:
    """The namespaces and containers of the project; with SOURCE, its models."""
    from migrate.commands.output import answer  # noqa: PLC0415 - with it comes the rest of the tool
    from migrate.console.tables import show_listing, show_places  # noqa: PLC0415
    from migrate.migration.run.workspace import open_workspace  # noqa: PLC0415
    from migrate.migration.telling.places import list_places, list_source  # noqa: PLC0415

    place, environ = open_workspace(workspace), dict(os.environ)
    wants_json = as_json or output is Form.JSON
    if source is None:
        places = list_places(place, project=project, environ=environ)
        return answer("list", places, as_json=wants_json, show=show_places)
    listing = list_source(source, place, project=project, environ=environ)
    return answer("list", listing, as_json=wants_json, show=show_listing)
