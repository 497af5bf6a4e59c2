"""``migrate demo``: the main job on a sandbox, in one command."""

from typing import Annotated

import typer

from migrate.cli.options import Form, Json, Output
from migrate.cli.sandbox import SandboxFolder
from migrate.core.errors import ExitCode


def demo(
    keep: Annotated[bool, typer.Option("--keep", help="Leave the sandbox and the apps running.")] = False,
    quick: Annotated[bool, typer.Option("--quick", help="Only the ONNX models, not one of each other format.")] = False,
    folder: SandboxFolder = None,
    as_json: Json = False,
    output: Output = Form.TEXT,
) -> ExitCode:
    """Start a sandbox, move its sample models, prove them, and take everything down again."""
    from migrate.commands.demo import demonstrate  # noqa: PLC0415 - imports the rest of the tool

    return demonstrate(folder, keep=keep, quick=quick, as_json=as_json or output is Form.JSON)
