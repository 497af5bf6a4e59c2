"""Options and arguments that several commands share."""

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer


class Form(StrEnum):
    """How a command answers."""

    TEXT = "text"
    JSON = "json"


Source = Annotated[
    str,
    typer.Argument(
        help="A namespace id, container@REGION[/prefix], a folder, or an inventory file (JSON).",
        show_default=False,
        metavar="SOURCE",
    ),
]
OptionalSource = Annotated[
    str | None,
    typer.Argument(
        help="A namespace id, container@REGION[/prefix], a folder, or an inventory file (JSON).",
        show_default=False,
        metavar="SOURCE",
    ),
]
Models = Annotated[
    list[str] | None,
    typer.Option("--model", "-m", metavar="ID", help="Only this model; may be repeated.", show_default=False),
]
AcceptAgpl = Annotated[
    bool,
    typer.Option("--accept-agpl", help="PMML is then served by JPMML, which is licensed under AGPL-3.0."),
]
AllowUnsafe = Annotated[
    list[str] | None,
    typer.Option(
        "--allow-unsafe",
        metavar="sha256:DIGEST",
        help="Load this very file although it runs code; may be repeated.",
        show_default=False,
    ),
]
Slim = Annotated[
    bool,
    typer.Option(
        "--slim", help="Serve models of TensorFlow, Keras and TorchScript as ONNX where that changes no answer."
    ),
]
Samples = Annotated[
    Path | None,
    typer.Option(
        "--samples", metavar="FOLDER", help="Your own requests and answers: FOLDER/MODEL/*.json.", show_default=False
    ),
]
RehearsalTimeout = Annotated[
    float,
    typer.Option("--rehearsal-timeout", metavar="SECONDS", min=1, help="How long a model may take to load here."),
]
Project = Annotated[
    str | None,
    typer.Option(
        "--project",
        "--cloud-project",
        metavar="ID",
        help="The Public Cloud project [env: OVH_CLOUD_PROJECT_SERVICE, MIGRATE_PROJECT].",
        show_default=False,
    ),
]
WorkspaceFolder = Annotated[
    Path | None,
    typer.Option(
        "--workspace",
        metavar="FOLDER",
        envvar="MIGRATE_WORKSPACE",
        help="Where the journal and downloads are kept; by default the platform's state folder.",
        show_default=False,
        show_envvar=True,
    ),
]
Json = Annotated[bool, typer.Option("--json", help="JSON lines on standard output, the last one the result.")]
Output = Annotated[
    Form, typer.Option("--output", "-o", metavar="text|json", help="The same: -o json.", show_default=False)
]
Yes = Annotated[bool, typer.Option("--yes", "-y", help="Do not ask; also where there is no terminal.")]
