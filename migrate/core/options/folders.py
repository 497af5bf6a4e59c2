"""The commands about a folder of models, without the cloud: build, export, serve."""

from pathlib import Path
from typing import Annotated, Final

from migrate.core.options.declaration import Command, Counts, Option, Options
from migrate.core.options.shared import (
    OUT,
    AcceptAgpl,
    AllowUnsafe,
    BaseImage,
    Builder,
    Folder,
    RehearsalTimeout,
    Samples,
    Slim,
    Workspace,
)

PUSH: Final = Option(
    names=("--push",),
    metavar="REF",
    help="Push the image to a registry under this name, and read it back; the login is that of docker login.",
    counts=Counts.IMAGE,
)
TAG: Final = Option(names=("--tag", "-t"), metavar="REF", help="The image's name.", counts=Counts.IMAGE)


class OfFolder(Options, frozen=True, kw_only=True):
    """A command about the models of one folder."""

    folder: Folder
    allow_unsafe: AllowUnsafe = ()
    accept_agpl: AcceptAgpl = False
    samples: Samples = None
    rehearsal_timeout: RehearsalTimeout = 300.0
    workspace: Workspace = None


class BuildOptions(OfFolder, frozen=True, kw_only=True):
    """``migrate build``."""

    about = Command(
        name="build",
        group="Move",
        short="A model folder becomes an image.",
        help="Build an image of the model in FOLDER, and rehearse it as AI Deploy would run it; of several models, "
        "those that cannot be served are left out and named. --out writes a file that docker load, podman load and "
        "skopeo take, and --push sends it to a registry; with --builder none no engine is needed, and nothing is "
        "rehearsed.",
        example="migrate build ./models/iris --tag iris:1\n"
        "migrate build ./models/iris --out iris.tar --builder none --base-image oci:base.tar\n"
        "migrate build ./models/iris --push registry.example.com/team/iris:1 --builder none",
    )

    tag: Annotated[str | None, TAG] = None
    out: Annotated[Path | None, OUT] = None
    push: Annotated[str | None, PUSH] = None
    builder: Builder = "auto"
    base_image: BaseImage = None
    slim: Slim = False

    @property
    def name(self) -> str | None:
        """What an engine calls the image."""
        return self.tag or self.push


class ExportOptions(OfFolder, frozen=True, kw_only=True):
    """``migrate export``."""

    about = Command(
        name="export",
        group="Move",
        short="The same as a folder for docker build.",
        help="Write everything that an image of the model in FOLDER needs; building it needs no network.",
        example="migrate export ./models/iris --out ./context\ndocker build --platform linux/amd64 -t iris:1 ./context",
    )

    out: Annotated[Path, OUT]
    base_image: BaseImage = None
    slim: Slim = False


class ServeOptions(OfFolder, frozen=True, kw_only=True):
    """``migrate serve``."""

    about = Command(
        name="serve",
        group="Live",
        short="Serve a model here, without Docker.",
        help="Serve the model in FOLDER on this machine, to try it out; it is loaded here, so trust it.",
        example="migrate serve ./models/iris --port 8080",
    )

    port: Annotated[
        int,
        Option(
            names=("--port",),
            metavar="NUMBER",
            help="The port; 0 takes any free one.",
            counts=Counts.SERVER,
            least=0,
            most=65535,
        ),
    ] = 8080
    host: Annotated[
        str, Option(names=("--host",), metavar="ADDRESS", help="Where to listen.", counts=Counts.SERVER)
    ] = "127.0.0.1"

    @property
    def base_image(self) -> str | None:
        """None: no image is made."""
        return None

    @property
    def slim(self) -> bool:
        """False: models are served as they are."""
        return False
