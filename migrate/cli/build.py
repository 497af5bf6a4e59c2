"""``migrate build``: a model folder becomes a local image."""

import os
from pathlib import Path
from typing import Annotated

import typer

from migrate.cli.options import (
    AcceptAgpl,
    AllowUnsafe,
    Form,
    Json,
    Output,
    RehearsalTimeout,
    Samples,
    Slim,
    WorkspaceFolder,
)
from migrate.core.errors import ExitCode

Folder = Annotated[
    Path, typer.Argument(help="A folder with one model, or with models in it.", metavar="FOLDER", show_default=False)
]


def build(  # noqa: PLR0913, PLR0917 - the options of the command
    folder: Folder,
    tag: Annotated[str, typer.Option("--tag", "-t", metavar="REF", help="The image's name.", show_default=False)],
    base_image: Annotated[
        str | None, typer.Option(metavar="REF", help="The image that the runtime starts from.", show_default=False)
    ] = None,
    samples: Samples = None,
    rehearsal_timeout: RehearsalTimeout = 300,
    allow_unsafe: AllowUnsafe = None,
    accept_agpl: AcceptAgpl = False,
    slim: Slim = False,
    workspace: WorkspaceFolder = None,
    as_json: Json = False,
    output: Output = Form.TEXT,
) -> ExitCode:
    """Build an image of the model in FOLDER, and rehearse it as AI Deploy would run it."""
    from migrate.commands.build import make_image  # noqa: PLC0415 - imports the rest of the tool
    from migrate.migration.run.permissions import check_digests  # noqa: PLC0415
    from migrate.migration.run_folder import FolderOptions  # noqa: PLC0415

    options = FolderOptions(
        folder=folder,
        tag=tag,
        base_image=base_image,
        samples=samples,
        rehearsal_timeout=rehearsal_timeout,
        allow_unsafe=check_digests(allow_unsafe or ()),
        accept_agpl=accept_agpl,
        slim=slim,
    )
    return make_image(options, workspace=workspace, as_json=as_json or output is Form.JSON, environ=dict(os.environ))
