"""``migrate serve``: the inference server here, without Docker."""

import os
from typing import Annotated

import typer

from migrate.cli.build import Folder
from migrate.cli.options import AcceptAgpl, AllowUnsafe, Form, Json, Output, RehearsalTimeout, Samples, WorkspaceFolder
from migrate.core.errors import ExitCode


def serve(  # noqa: PLR0913, PLR0917 - the options of the command
    folder: Folder,
    port: Annotated[int, typer.Option(min=0, max=65535, help="The port; 0 takes any free one.")] = 8080,
    host: Annotated[str, typer.Option(metavar="ADDRESS", help="Where to listen.")] = "127.0.0.1",
    samples: Samples = None,
    rehearsal_timeout: RehearsalTimeout = 300,
    allow_unsafe: AllowUnsafe = None,
    accept_agpl: AcceptAgpl = False,
    workspace: WorkspaceFolder = None,
    as_json: Json = False,
    output: Output = Form.TEXT,
) -> ExitCode:
    """Serve the model in FOLDER on this machine, to try it out; it is loaded here, so trust it."""
    from migrate.commands.serve import serve_folder  # noqa: PLC0415 - imports the rest of the tool
    from migrate.migration.run.permissions import check_digests  # noqa: PLC0415
    from migrate.migration.run_folder import FolderOptions  # noqa: PLC0415

    options = FolderOptions(
        folder=folder,
        samples=samples,
        rehearsal_timeout=rehearsal_timeout,
        allow_unsafe=check_digests(allow_unsafe or ()),
        accept_agpl=accept_agpl,
    )
    return serve_folder(
        options,
        host=host,
        port=port,
        workspace=workspace,
        as_json=as_json or output is Form.JSON,
        environ=dict(os.environ),
    )
