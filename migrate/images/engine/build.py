"""A build context becomes an image: sent as a stream, built without network and without running anything."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import requests

from migrate.core.errors import LocalError
from migrate.core.text import printable, type_again
from migrate.core.values import BuildContext, Image, Layer, RuntimeImage
from migrate.images.engine import tarstream
from migrate.images.engine.connection import PLATFORM, Engine, engine_error, last_error, translated
from migrate.images.engine.references import check_reference
from migrate.machine.disk import FULL

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    Progress = Callable[[int, int | None], None]

# The classic builder looks for a cached step among all images, and fails when one of them is removed meanwhile, by a
# program that has nothing to do with this build. These are its words (five programs that build and remove at a time,
# Docker 20.10.24: 20 of 280 builds).
_LOST: Final = (
    "failed to get digest",
    "unknown parent image ID",
    "No such image: sha256:",
    'unable to find image "sha256:',
)
_ATTEMPTS: Final = 5
_USED: Final = re.compile(r"\bcontainer\b.* is using|\bin use\b|\bused by\b", re.IGNORECASE | re.DOTALL)


def build(engine: Engine, context: BuildContext, runtime_image: RuntimeImage, *, tag: str, progress: Progress) -> Image:
    """Build a model's image on top of its runtime's.

    Args:
        engine: Where the runtime image is.
        context: What ``render`` wrote.
        runtime_image: The image that the context's Dockerfile starts from.
        tag: The local reference of the result.
        progress: Bytes sent to the engine, of how many.

    Raises:
        LocalError: The runtime's image is gone (``image-missing``), or the engine failed (``build-failed``,
            ``disk-full``, ``engine-not-running``).
    """
    if engine.image(runtime_image.reference) is None:  # the engine would ask a registry for it
        raise _missing(runtime_image.reference)
    entries = list(tarstream.tree(Path(context.folder)))
    return build_image(
        engine, entries, tag=tag, progress=progress, arguments={"RUNTIME": runtime_image.reference}, cache=True
    )


def build_image(
    engine: Engine,
    entries: Iterable[tarstream.Entry],
    *,
    tag: str,
    progress: Progress,
    arguments: dict[str, str],
    cache: bool,
) -> Image:
    """Build whatever context the entries make up; ``arguments`` are the Dockerfile's ARGs."""
    entries = list(entries)
    left = _ATTEMPTS
    while True:
        identity, failure = _build_once(engine, entries, tag=tag, progress=progress, arguments=arguments, cache=cache)
        if failure is None:
            return read_image(engine, tag, expected=identity)
        left -= 1
        if not left or not any(words in failure for words in _LOST):
            raise _build_error(failure)


def _build_once(
    engine: Engine,
    entries: list[tarstream.Entry],
    *,
    tag: str,
    progress: Progress,
    arguments: dict[str, str],
    cache: bool,
) -> tuple[str, str | None]:
    """The id of the image that was built, or what the engine says of its failure."""
    total = sum(entry.size for entry in entries)
    done = 0

    def sent(count: int) -> None:
        nonlocal done
        done += count
        progress(min(done, total), total)

    identity = ""

    def heard(message: dict[str, Any]) -> None:
        nonlocal identity
        identity = (message.get("aux") or {}).get("ID", identity)

    with translated():
        # pull stays off: it asks a registry for the local images that the stages start from
        # (decisions: Layers by rate of change).
        try:
            stream = engine.client.api.build(
                fileobj=tarstream.archive(entries, sent),  # type: ignore[arg-type] # sent in chunks as it is
                custom_context=True,
                tag=check_reference(tag),
                buildargs=arguments,
                platform=PLATFORM,
                nocache=not cache,
                pull=False,
                rm=True,
                forcerm=True,
                network_mode="none",
                decode=True,
            )
            failure = last_error(stream, heard)
        except requests.ConnectionError as error:
            # The engine hangs up in the middle of a context that it cannot store.
            engine.client.ping()
            raise _build_error("it closed the connection while it received the files; is its disk full?") from error
    return identity, failure


def read_image(engine: Engine, reference: str, *, expected: str = "") -> Image:
    """The value of a local image.

    Raises:
        LocalError: It is not there, or another one has its name by now (code ``image-missing``).
    """
    found = engine.image(expected or reference)
    if found is None:
        raise _missing(reference)
    digests = [str(digest) for digest in found["RootFS"]["Layers"]]
    sizes = [int(step["Size"]) for step in reversed(_history(engine, str(found["Id"]))) if step["Size"]]
    known = sizes if len(sizes) == len(digests) else [None] * len(digests)
    layers = tuple(Layer(digest=digest, size=size) for digest, size in zip(digests, known, strict=True))
    return Image(reference=reference, image_id=str(found["Id"]), size=int(found["Size"]), layers=layers)


def _history(engine: Engine, identity: str) -> list[dict[str, Any]]:
    """The steps of an image, or nothing where the engine cannot tell: another program has removed a parent of it."""
    import docker.errors  # noqa: PLC0415

    with translated():
        try:
            found: list[dict[str, Any]] = engine.client.api.history(identity)
        except docker.errors.ImageNotFound:
            return []
        return found


def save_image(engine: Engine, reference: str) -> Iterator[bytes]:
    """The archive of a local image, as the engine writes it (``docker save``).

    Raises:
        LocalError: The engine's own failures.
    """
    with translated():
        yield from engine.client.api.get_image(reference)


def image_exists(engine: Engine, image: Image) -> bool:
    """Whether the image is still on the engine (an inspection, nothing more)."""
    return engine.image(image.image_id) is not None


def remove_image(engine: Engine, reference: str, *, noprune: bool = False) -> None:
    """Take a local name away, and the image with its last one; layers that others share stay.

    Args:
        engine: Where it is.
        reference: The name; one that is not there is fine.
        noprune: Keep the image's parents, which nothing else names.

    Raises:
        LocalError: The engine keeps it, because a container or another image uses it (``engine-failed``), or does not
            answer (``engine-not-running``).
    """
    import docker.errors  # noqa: PLC0415

    left = _ATTEMPTS
    while True:
        with translated():
            try:
                engine.client.api.remove_image(reference, noprune=noprune)
            except docker.errors.ImageNotFound:
                return
            except docker.errors.APIError as error:
                if _USED.search(str(error.explanation)):
                    raise  # who uses it does so a moment later, too
                # Another program that removes a parent of it at the same time makes the engine fail, with the name
                # gone or still there (Docker 20.10.24).
                left -= 1
                if engine.image(reference) is None:
                    return
                if not left:
                    raise
            else:
                return


def _missing(reference: str) -> LocalError:
    return LocalError(
        f"The image {reference} is not on this engine (any more).",
        code="image-missing",
        next_step=type_again(note="it is built anew"),
    )


def _build_error(text: str) -> LocalError:
    error = engine_error(text)
    if error.code == FULL:
        return error
    return LocalError(f"The image could not be built: {printable(text.strip(), 600)}", code="build-failed")
