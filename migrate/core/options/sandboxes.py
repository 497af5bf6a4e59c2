"""The commands about a sandbox: demo, and all of ``migrate sandbox``."""

from pathlib import Path
from typing import Annotated, Final

from migrate.core.options.declaration import Argument, Command, Counts, Option, Options, absolute
from migrate.core.options.shared import Builder

SANDBOX: Final = "sandbox"
FOLDER: Final = Option(
    names=("--folder",),
    metavar="FOLDER",
    help="Where it lives; by default the platform's state folder.",
    counts=Counts.SANDBOX,
    variable="MIGRATE_SANDBOX",
    read=absolute,
)


class OfSandbox(Options, frozen=True, kw_only=True):
    """A command about one sandbox."""

    folder: Annotated[Path | None, FOLDER] = None


class DemoOptions(OfSandbox, frozen=True, kw_only=True):
    """``migrate demo``."""

    about = Command(
        name="demo",
        group="Live",
        short="The whole job on a sandbox, in one go.",
        help="Start a sandbox, move its sample models, prove them, and take everything down again.",
        example="migrate demo --keep",
    )

    keep: Annotated[
        bool, Option(names=("--keep",), help="Leave the sandbox and the apps running.", counts=Counts.SANDBOX)
    ] = False
    quick: Annotated[
        bool,
        Option(names=("--quick",), help="Only the ONNX models, not one of each other format.", counts=Counts.SANDBOX),
    ] = False
    builder: Builder = "auto"


class StartOptions(OfSandbox, frozen=True, kw_only=True):
    """``migrate sandbox start``."""

    about = Command(
        name="sandbox start",
        group=SANDBOX,
        short="Start it.",
        help="Start it, and wait until it is ready; one that runs is left as it is.",
        example='migrate sandbox start\neval "$(migrate sandbox env)"\nmigrate list',
    )

    no_serving: Annotated[
        bool,
        Option(names=("--no-serving",), help="As OVHcloud is today: ML Serving's API is gone.", counts=Counts.SANDBOX),
    ] = False
    storage: Annotated[
        Path | None,
        Option(
            names=("--storage",),
            metavar="DIR",
            help="More content: each folder in it is a container, or a bucket, where its name begins with s3:.",
            counts=Counts.SANDBOX,
            read=absolute,
        ),
    ] = None
    builder: Builder = "auto"


class StopOptions(OfSandbox, frozen=True, kw_only=True):
    """``migrate sandbox stop``."""

    about = Command(
        name="sandbox stop",
        group=SANDBOX,
        short="Stop it with everything that it started.",
        help="Stop it with everything that it started.",
        example="migrate sandbox stop",
    )


class SandboxStatusOptions(OfSandbox, frozen=True, kw_only=True):
    """``migrate sandbox status``."""

    about = Command(
        name="sandbox status",
        group=SANDBOX,
        short="Whether it runs, and how its parts are.",
        help="Whether it runs, and how its parts are.",
        example="migrate sandbox status",
    )


class EnvOptions(OfSandbox, frozen=True, kw_only=True):
    """``migrate sandbox env``."""

    about = Command(
        name="sandbox env",
        group=SANDBOX,
        short="The variables for the next commands.",
        help="The variables that make the next commands use it, for eval.",
        example='eval "$(migrate sandbox env)"',
    )


class FailOptions(OfSandbox, frozen=True, kw_only=True):
    """``migrate sandbox fail``."""

    about = Command(
        name="sandbox fail",
        group=SANDBOX,
        short="Let it fail in one way.",
        help="Let it fail in one way; see sandbox/base/faults.py for the arguments.",
        example="migrate sandbox fail drift mode=swap\nmigrate sandbox fail 429 times=3\nmigrate sandbox fail --none",
    )

    fault: Annotated[
        str | None,
        Argument(
            metavar="FAULT",
            help="429, 5xx, slow, truncated-download, changed-download, cut-upload, expired-credential, not-granted, "
            "clock-skew, quota, app-failed, app-stuck, serving-gone, drift, registry-down, drop or hold.",
        ),
    ] = None
    arguments: Annotated[tuple[str, ...], Argument(metavar="[NAME=VALUE]...", help="Its arguments.")] = ()
    none: Annotated[bool, Option(names=("--none",), help="Lift every fault.", counts=Counts.SANDBOX)] = False
