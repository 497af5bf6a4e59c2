"""``migrate export``: a model folder becomes a folder that any ``docker build`` accepts."""

import os
from pathlib import Path
from typing import Annotated

import typer

from migrate.cli.build import Folder
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


def export(  # noqa: PLR0913, PLR0917 - the options of the command
    folder: Folder,
    out: Annotated[Path, typer.Option("--out", metavar="DIR", help="An empty or new folder.", show_default=False)],
    base_image: Annotated[
        str | None, typer.Option(metavar="REF", help="The base image to name in it.", show_default=False)
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
    """Write everything that an image of the model in FOLDER needs; building it needs no network."""
    from migrate.commands.export import export_folder  # noqa: PLC0415 - imports the rest of the tool
    from migrate.migration.run.permissions import check_digests  # noqa: PLC0415
    from migrate.migration.run_folder import FolderOptions  # noqa: PLC0415

    options = FolderOptions(
        folder=folder,
        base_image=base_image,
        samples=samples,
        rehearsal_timeout=rehearsal_timeout,
        allow_unsafe=check_digests(allow_unsafe or ()),
        accept_agpl=accept_agpl,
        slim=slim,
    )
    return export_folder(
        options,
        out=out,
        workspace=workspace,
        as_json=as_json or output is Form.JSON,
        environ=dict(os.environ),
    )
