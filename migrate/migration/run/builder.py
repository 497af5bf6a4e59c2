"""Who makes the image of a build: a container engine of this machine, or this tool itself."""

from collections.abc import Callable

from migrate.core.errors import LocalError, UsageError
from migrate.core.options.folders import TAG, BuildOptions
from migrate.core.options.shared import BUILDER, OUT, SLIM


def chosen_engine(options: BuildOptions, connect: Callable[[], object]) -> bool:
    """Whether an engine makes the image. What has a name and no file can be nowhere but on an engine.

    Args:
        options: What the person chose.
        connect: Connects to the engine; asked only where it is open which of the two is wanted.

    Raises:
        UsageError: The options leave nothing to make, or contradict each other (code ``usage``).
        LocalError: An engine fails; that none runs is no failure.
    """
    if options.builder == "none" and options.out is None:
        raise UsageError(
            f"With {BUILDER.name} none the image is a file, and none is named.",
            code="usage",
            next_step=f"Add {OUT.name} with the file's name.",
        )
    if options.builder == "engine" and options.tag is None:
        raise UsageError(
            "An image on an engine needs a name.",
            code="usage",
            next_step=f"Add {TAG.name}, for example {TAG.name} iris:1.",
        )
    if options.out is None and options.tag is None:
        raise UsageError(
            "The image has neither a name nor a file.",
            code="usage",
            next_step=f"Add {TAG.name} for an image on this machine's engine, or {OUT.name} for a file.",
        )
    if options.builder != "none" and options.tag is not None and _runs(options, connect):
        return True
    if options.slim:
        raise UsageError(
            f"{SLIM.name} loads the models to convert them, which needs a container engine.",
            code="usage",
            next_step=f"Leave {SLIM.name} out, or start Docker or Podman and add {TAG.name}.",
        )
    return False


def _runs(options: BuildOptions, connect: Callable[[], object]) -> bool:
    if options.builder == "engine" or options.out is None:
        return True
    try:
        connect()
    except LocalError as error:
        if error.code != "engine-not-running":
            raise
        return False
    return True
