"""Options and arguments that several commands have."""

from pathlib import Path
from typing import Annotated, Final, Literal

from migrate.core.options.checks import check_digests, check_seconds, check_state, check_ticket
from migrate.core.options.declaration import Argument, Counts, Option, absolute

SOURCE: Final = Argument(
    metavar="SOURCE",
    help="A namespace id, name@REGION[/prefix] of a container or bucket, s3://bucket[/prefix], a folder, or an "
    "inventory file (JSON).",
)
FOLDER: Final = Argument(metavar="FOLDER", help="A folder with one model, or with models in it.", read=absolute)
MODEL: Final = Option(
    names=("--model", "-m"), metavar="ID", help="Only this model; may be repeated.", counts=Counts.MODELS
)
ACCEPT_AGPL: Final = Option(
    names=("--accept-agpl",),
    help="PMML is then served by JPMML, which is licensed under AGPL-3.0.",
    counts=Counts.MODELS,
)
ALLOW_UNSAFE: Final = Option(
    names=("--allow-unsafe",),
    metavar="sha256:DIGEST",
    help="Load this very file although it runs code; may be repeated.",
    counts=Counts.MODELS,
    read=check_digests,
)
SLIM: Final = Option(
    names=("--slim",),
    help="Serve models of TensorFlow, Keras and TorchScript as ONNX where that changes no answer.",
    counts=Counts.IMAGE,
)
BASE_IMAGE: Final = Option(
    names=("--base-image",),
    metavar="REF",
    help="The image that runtimes start from; without an engine also oci:PATH, of an archive or layout.",
    counts=Counts.IMAGE,
    variable="MIGRATE_BASE_IMAGE",
)
BASE_PATH: Final = "oci:"
"""What the name of a base image in a file or folder begins with."""

BUILDER: Final = Option(
    names=("--builder",),
    help="Who makes images, and runs them here: a container engine; this tool itself, without one; or whichever there "
    "is.",
    counts=Counts.IMAGE,
)
REHEARSAL_TIMEOUT: Final = Option(
    names=("--rehearsal-timeout",),
    metavar="SECONDS",
    help="How long a model may take to load here.",
    counts=Counts.IMAGE,
    least=1,
    read=check_seconds,
)
SAMPLES: Final = Option(
    names=("--samples",),
    metavar="FOLDER",
    help="Your own requests and answers: FOLDER/MODEL/*.json.",
    counts=Counts.PROOF,
    read=absolute,
)
PROJECT: Final = Option(
    names=("--project", "--cloud-project"),
    metavar="ID",
    help="The Public Cloud project.",
    counts=Counts.CLOUD,
    instead=("OVH_CLOUD_PROJECT_SERVICE", "MIGRATE_PROJECT"),
)
YES: Final = Option(
    names=("--yes", "-y"), help="Do not ask; also where there is no terminal.", counts=Counts.RUN, kept=False
)
STATE: Final = Option(
    names=("--state",),
    metavar="FOLDER",
    help="A folder (or file:// URL) that several machines share: one of them at a time works on the source.",
    counts=Counts.RUN,
    variable="MIGRATE_STATE",
    read=check_state,
)
WORKSPACE: Final = Option(
    names=("--workspace",),
    metavar="FOLDER",
    help="Where the journal and downloads are kept; by default the platform's state folder.",
    counts=Counts.TOOL,
    variable="MIGRATE_WORKSPACE",
    read=absolute,
)
LAYOUT: Final = Option(
    names=("--layout",),
    help="One app a model, or one for all models of a runtime; a plan can also take whichever bills the fewest CPUs.",
    counts=Counts.CLOUD,
)
OUT: Final = Option(
    names=("--out",),
    metavar="PATH",
    help="Where it is written: an empty or new folder, the file of a plan, or the archive of an image.",
    counts=Counts.RUN,
    read=absolute,
)
OLD_TOKEN_FILE: Final = Option(
    names=("--old-token-file",),
    metavar="FILE",
    help="A file with a token of the old endpoints, which are then asked too.",
    counts=Counts.PROOF,
    instead=("MIGRATE_OLD_TOKEN",),
    read=absolute,
)
NEW_TOKEN: Final = Option(
    names=("--new-token",),
    metavar="ID",
    help="Replace the access token of this model's app, such as one whose file is lost; may be repeated.",
    counts=Counts.CLOUD,
    kept=False,
)
KEEP_FAILED: Final = Option(
    names=("--keep-failed",),
    help="Keep an app that AI Deploy could not run, to look at it; else it is deleted.",
    counts=Counts.CLOUD,
)
TICKET: Final = Option(
    names=("--ticket",),
    metavar="ID",
    help="The number of your change: a label of every app that is made or changed, and in the result.",
    counts=Counts.CLOUD,
    read=check_ticket,
)
JOBS: Final = Option(
    names=("--jobs", "-j"), metavar="NUMBER", help="Models side by side.", counts=Counts.RUN, least=1, most=64
)

VERBOSE: Final = Option(
    names=("--verbose", "-v"),
    help="Tell each call of OVHcloud's API on standard error as it happens: method, path, status, query id, time.",
    counts=Counts.TOOL,
    variable="MIGRATE_VERBOSE",
    kept=False,
)

Source = Annotated[str, SOURCE]
OptionalSource = Annotated[str | None, SOURCE]
Folder = Annotated[Path, FOLDER]
Models = Annotated[tuple[str, ...], MODEL]
AcceptAgpl = Annotated[bool, ACCEPT_AGPL]
AllowUnsafe = Annotated[tuple[str, ...], ALLOW_UNSAFE]
Slim = Annotated[bool, SLIM]
BaseImage = Annotated[str | None, BASE_IMAGE]
Builder = Annotated[Literal["auto", "engine", "none"], BUILDER]
RehearsalTimeout = Annotated[float, REHEARSAL_TIMEOUT]
Samples = Annotated[Path | None, SAMPLES]
Project = Annotated[str | None, PROJECT]
State = Annotated[str | None, STATE]
Yes = Annotated[bool, YES]
Workspace = Annotated[Path | None, WORKSPACE]
OldTokenFile = Annotated[Path | None, OLD_TOKEN_FILE]
Renew = Annotated[tuple[str, ...], NEW_TOKEN]
KeepFailed = Annotated[bool, KEEP_FAILED]
Ticket = Annotated[str | None, TICKET]
Jobs = Annotated[int, JOBS]
Verbose = Annotated[bool, VERBOSE]


def is_path(base_image: str | None) -> bool:
    """Whether a base image lies in a file or folder of this machine."""
    return base_image is not None and base_image.startswith(BASE_PATH)
