"""``migrate run``: the main job."""

import os
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Final

import typer

from migrate.cli.options import (
    AcceptAgpl,
    AllowUnsafe,
    Form,
    Json,
    Models,
    Output,
    Project,
    Slim,
    Source,
    WorkspaceFolder,
    Yes,
)
from migrate.core.errors import ConfigurationError, ExitCode
from migrate.core.secret import Secret


class Layout(StrEnum):
    """One app a model, or one for all the models of a runtime."""

    SEPARATE = "separate"
    PACKED = "packed"


class Proof(StrEnum):
    """Levels of proof, strongest first."""

    LIVE = "live"
    RECORDED = "recorded"
    VERIFIED = "verified"
    CROSS_CHECKED = "cross-checked"
    ENGINE = "engine"
    SELF = "self"


# What earlier releases called the level of the engine itself.
_FORMER: Final = {Proof.CROSS_CHECKED: Proof.ENGINE}


def run(  # noqa: PLR0913, PLR0917 - the options of the main command
    source: Source,
    model: Models = None,
    layout: Annotated[
        Layout, typer.Option(metavar="separate|packed", help="One app a model, or one for all models of a runtime.")
    ] = Layout.SEPARATE,
    jobs: Annotated[int, typer.Option("--jobs", "-j", min=1, max=64, help="Models side by side.")] = 4,
    yes: Yes = False,
    authorize: Annotated[
        bool, typer.Option("--authorize", help="Open the project's object storage to AI Deploy without asking.")
    ] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", "-n", help="Show what would be done, and do nothing.")] = False,
    samples: Annotated[
        Path | None,
        typer.Option(metavar="FOLDER", help="Your own requests and answers: FOLDER/MODEL/*.json.", show_default=False),
    ] = None,
    old_token_file: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="A file with a token of the old endpoints, which are then asked too [env: MIGRATE_OLD_TOKEN].",
            show_default=False,
        ),
    ] = None,
    proof: Annotated[
        Proof,
        typer.Option(metavar="LEVEL", help="The least proof that counts: live, recorded, verified, engine or self."),
    ] = Proof.ENGINE,
    region: Annotated[
        str | None, typer.Option(metavar="REGION", help="The AI Deploy region (GRA).", show_default=False)
    ] = None,
    registry: Annotated[
        str | None,
        typer.Option(
            metavar="HOST[/PATH]",
            help="A private registry; by default the platform's shared one, which is for tests.",
            show_default=False,
        ),
    ] = None,
    registry_user: Annotated[
        str | None,
        typer.Option(
            metavar="NAME", help="Its user; the password is in MIGRATE_REGISTRY_PASSWORD.", show_default=False
        ),
    ] = None,
    base_image: Annotated[
        str | None, typer.Option(metavar="REF", help="The image that runtimes start from.", show_default=False)
    ] = None,
    adopt: Annotated[bool, typer.Option("--adopt", help="Take over apps that another run of this tool made.")] = False,
    rehearsal_timeout: Annotated[
        float, typer.Option(metavar="SECONDS", min=1, help="How long a model may take to load here.")
    ] = 300,
    allow_unsafe: AllowUnsafe = None,
    accept_agpl: AcceptAgpl = False,
    slim: Slim = False,
    project: Project = None,
    workspace: WorkspaceFolder = None,
    as_json: Json = False,
    output: Output = Form.TEXT,
) -> ExitCode:
    """Move the models of SOURCE to AI Deploy; type it again to go on where it stopped."""
    from migrate.cli.typed import typed_of  # noqa: PLC0415
    from migrate.commands.run import move  # noqa: PLC0415 - imports the whole journey
    from migrate.migration.run.options import RunOptions, check_registry  # noqa: PLC0415
    from migrate.migration.run.permissions import check_digests  # noqa: PLC0415

    options = RunOptions(
        typed=typed_of(source, project=project, workspace=workspace),
        models=tuple(dict.fromkeys(model or ())),
        layout=layout.value,
        jobs=jobs,
        adopt=adopt,
        region=region.upper() if region else None,
        registry=check_registry(registry) if registry is not None else None,
        registry_user=registry_user,
        base_image=base_image,
        samples=samples.absolute() if samples else None,
        old_token=_old_token(old_token_file),
        proof=_FORMER.get(proof, proof).value,
        rehearsal_timeout=rehearsal_timeout,
        allow_unsafe=check_digests(allow_unsafe or ()),
        accept_agpl=accept_agpl,
        slim=slim,
    )
    return move(
        options,
        project=project,
        workspace=workspace,
        as_json=as_json or output is Form.JSON,
        dry_run=dry_run,
        yes=yes,
        authorize=authorize,
        environ=dict(os.environ),
    )


def _old_token(file: Path | None) -> Secret | None:
    """A token on the command line would be in the process list: it comes from a file or the environment."""
    if file is None:
        text = os.environ.get("MIGRATE_OLD_TOKEN", "")
    else:
        try:
            text = file.read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise ConfigurationError(
                f"The token in {file} cannot be read: {error}.",
                code="no-old-token",
                next_step="Correct --old-token-file, or put the token into MIGRATE_OLD_TOKEN.",
            ) from error
    return Secret(text.strip()) if text.strip() else None
