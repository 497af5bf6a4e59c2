"""Who makes images: a container engine of this machine, or this tool itself."""

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Protocol

from msgspec import Struct

from migrate.core.errors import LocalError, UsageError
from migrate.core.options.folders import PUSH, TAG, BuildOptions
from migrate.core.options.shared import BUILDER, OUT, SLIM
from migrate.core.values import BuildContext, Image, PushedImage, RuntimeImage
from migrate.images.attestation.made_of import BasePart
from migrate.images.model.context import ModelToRender
from migrate.images.registry.credentials import RegistryCredentials
from migrate.images.trial.runner import Runner
from migrate.machine.room import Need

Progress = Callable[[int, int | None], None]


class Destination(Struct, frozen=True, kw_only=True):
    """Where an image goes: ``host[:port]``, the path there, the tag, and a login or None."""

    registry: str
    repository: str
    tag: str
    credentials: RegistryCredentials | None


class Builder(Protocol):
    """Makes images, tries them out on this machine, and pushes them. Threads share it.

    Attributes:
        names_images: Whether images have names on this machine, by which they are told and removed.
        unable: Why nothing can be tried out on this machine, as the end of a sentence; empty where it can be.
    """

    @property
    def names_images(self) -> bool:
        """See the class."""

    @property
    def unable(self) -> str:
        """See the class."""

    def runtime(self, name: str, *, base: str | None, on_missing: Callable[[str], None]) -> RuntimeImage:
        """The image of a runtime, made where it is missing; ``on_missing`` takes its name before that.

        Raises:
            UsageError: There is no such runtime, or ``base`` is not an image reference.
            LocalError: It cannot be made.
        """

    def has_runtime(self, image: RuntimeImage) -> bool:
        """Whether it is still there; cheap."""

    def context(self, models: Sequence[ModelToRender], runtime: RuntimeImage, folder: Path) -> BuildContext:
        """What the models' image is made of; in ``folder``, where it has to be written.

        Raises:
            LocalError: A file of the artifact is not what was fetched (code ``file-changed``), or the disk is full.
            RefusedError: A file has a name that must not reach an image (code ``unsafe-file-name``).
        """

    def image(
        self,
        models: Sequence[ModelToRender],
        context: BuildContext,
        runtime: RuntimeImage,
        *,
        tag: str,
        progress: Progress,
    ) -> Image:
        """The models' image on top of their runtime's.

        Raises:
            LocalError: The runtime's image is gone (``image-missing``), or it cannot be made.
        """

    def has_image(self, image: Image) -> bool:
        """Whether it is still there; cheap."""

    def runner(self) -> Runner:
        """What runs the images of runtimes here.

        Raises:
            LocalError: Nothing does (``no-box``): see ``unable``.
        """

    def trying(
        self, image: Image, models: Sequence[ModelToRender], runtime: RuntimeImage
    ) -> AbstractContextManager[Runner]:
        """What runs an image of these models here, as long as the block lasts; the same errors."""

    def unlimited(self, image_id: str) -> tuple[str, ...]:
        """Which limits cannot be applied to what runs here, of ``memory`` and ``processes``."""

    def has_name(self, reference: str) -> bool:
        """Whether an image has this name on this machine."""

    def forget_name(self, reference: str) -> None:
        """Take a registry's name from an image of this machine, which keeps its others."""

    def push(self, image: Image, to: Destination, *, named_before: bool, progress: Progress) -> PushedImage:
        """Push an image and read it back; one that is there already is not sent again.

        Args:
            image: What was built.
            to: Where it goes.
            named_before: Whether an image had that name here before, which it then keeps.
            progress: Bytes that the registry has, of how many.

        Raises:
            LocalError: ``registry-login``, ``registry-denied``, ``registry-full``, ``registry-unreachable``,
                ``registry-failed``, ``push-failed``, ``disk-full``.
        """

    def base_of(self, runtime: RuntimeImage) -> BasePart:
        """What a runtime's image starts from."""

    def needs(self, size: int, largest: int) -> tuple[Need, ...]:
        """What images of so many bytes of files take of the disk; ``largest`` is those of one image."""


def may_do_without(error: LocalError, environ: Mapping[str, str]) -> bool:
    """Whether images may be made without the engine that failed: none was found, and none was named."""
    return error.code == "engine-not-running" and not environ.get("DOCKER_HOST")


def chosen_engine(options: BuildOptions, connect: Callable[[], object], environ: Mapping[str, str]) -> bool:
    """Whether an engine makes the image. What has a name and no file can be nowhere but on an engine.

    Args:
        options: What the person chose.
        connect: Connects to the engine; asked only where it is open which of the two is wanted.
        environ: The environment that it connects by.

    Raises:
        UsageError: The options leave nothing to make, or contradict each other (code ``usage``).
        LocalError: An engine fails; that none runs is no failure, unless DOCKER_HOST names one.
    """
    if options.builder == "none" and options.out is None and options.push is None:
        raise UsageError(
            f"With {BUILDER.name} none the image goes to a file or a registry, and none is named.",
            code="usage",
            next_step=f"Add {OUT.name} with the file's name, or {PUSH.name} with the image's in its registry.",
        )
    if options.builder == "engine" and options.name is None:
        raise UsageError(
            "An image on an engine needs a name.",
            code="usage",
            next_step=f"Add {TAG.name}, for example {TAG.name} iris:1.",
        )
    if options.out is None and options.name is None:
        raise UsageError(
            "The image has neither a name nor a file.",
            code="usage",
            next_step=f"Add {TAG.name} for an image on this machine's engine, {OUT.name} for a file, or {PUSH.name} "
            "for one in a registry.",
        )
    if options.builder != "none" and options.name is not None and _runs(options, connect, environ):
        return True
    if options.slim:
        raise UsageError(
            f"{SLIM.name} loads the models to convert them, which needs a container engine.",
            code="usage",
            next_step=f"Leave {SLIM.name} out, or start Docker or Podman and add {TAG.name}.",
        )
    return False


def _runs(options: BuildOptions, connect: Callable[[], object], environ: Mapping[str, str]) -> bool:
    if options.builder == "engine" or (options.out is None and options.push is None):
        return True
    try:
        connect()
    except LocalError as error:
        if not may_do_without(error, environ):
            raise
        return False
    return True
