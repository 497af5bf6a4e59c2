"""``migrate serve``: the inference server here, without Docker."""

import os
from typing import Annotated

import typer

from migrate.cli.build import Folder
from migrate.cli.options import AcceptAgpl, AllowUnsafe, Form, Json, Output, WorkspaceFolder
from migrate.core.errors import ExitCode


def serve(
    folder: Folder,
    port: Annotated[int, typer.Option(min=0, max=65535, help="The port; 0 takes any free one.")] = 8080,
    host: Annotated[str, typer.Option(metavar="ADDRESS", help="Where to listen.")] = "127.0.0.1",
    allow_unsafe: AllowUnsafe = None,
    accept_agpl: AcceptAgpl = False,
    workspace: WorkspaceFolder = None,
    as_json: Json = False,
    output: Output = Form.TEXT,
) -> ExitCode:
    """Serve the model in FOLDER on this machine, to try it out; it is loaded here, so trust it."""
    from migrate.cli.making import serve_folder  # noqa: PLC0415 - imports the rest of the tool
    from migrate.migration.unsafe import check_digests  # noqa: PLC0415

    return serve_folder(
        folder,
        host=host,
        port=port,
        allow_unsafe=check_digests(allow_unsafe or ()),
        accept_agpl=accept_agpl,
        workspace=workspace,
        as_json=as_json or output is Form.JSON,
        environ=dict(os.environ),
    )
