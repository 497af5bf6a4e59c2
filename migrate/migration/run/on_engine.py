"""Images made, tried out and pushed by a container engine."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

from migrate.images.attestation.made_of import BasePart
from migrate.images.base.contents import read_contents
from migrate.images.engine.build import build, image_exists
from migrate.images.engine.containers import unlimited
from migrate.images.model.context import render
from migrate.images.model.documents import base_digest
from migrate.images.registry.push import forget_name, push
from migrate.images.runtime.image import ensure_runtime, runtime_exists
from migrate.images.trial.in_engine import InEngine
from migrate.machine.room import Need

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

    from migrate.core.values import BuildContext, Image, PushedImage, RuntimeImage
    from migrate.images.engine.connection import Engine
    from migrate.images.model.context import ModelToRender
    from migrate.images.trial.runner import Runner
    from migrate.migration.run.builder import Destination, Progress

_REMEDY: Final = "Free space where the container engine keeps images (docker image prune shows what may go)"


class OnEngine:
    """Part of ``Builder``: a container engine."""

    names_images = True
    unable = ""

    def __init__(self, engine: Engine, store: Path, say: Callable[[str], None]) -> None:
        self._engine = engine
        self._store = store
        self._say = say

    def runtime(self, name: str, *, base: str | None, on_missing: Callable[[str], None]) -> RuntimeImage:
        """Part of ``Builder``."""
        return ensure_runtime(
            self._engine, name, base=base, store=self._store, progress_text=self._say, on_missing=on_missing
        )

    def has_runtime(self, image: RuntimeImage) -> bool:
        """Part of ``Builder``."""
        return runtime_exists(self._engine, image)

    def context(self, models: Sequence[ModelToRender], runtime: RuntimeImage, folder: Path) -> BuildContext:
        """Part of ``Builder``."""
        return render(models, runtime, folder)

    def image(
        self,
        models: Sequence[ModelToRender],  # noqa: ARG002 - they are in the context
        context: BuildContext,
        runtime: RuntimeImage,
        *,
        tag: str,
        progress: Progress,
    ) -> Image:
        """Part of ``Builder``."""
        return build(self._engine, context, runtime, tag=tag, progress=progress)

    def has_image(self, image: Image) -> bool:
        """Part of ``Builder``."""
        return image_exists(self._engine, image)

    def runner(self) -> Runner:
        """Part of ``Builder``."""
        return InEngine(self._engine)

    @contextmanager
    def trying(
        self,
        image: Image,  # noqa: ARG002 - the engine has it
        models: Sequence[ModelToRender],  # noqa: ARG002
        runtime: RuntimeImage,  # noqa: ARG002
    ) -> Iterator[Runner]:
        """Part of ``Builder``."""
        yield self.runner()

    def unlimited(self, image_id: str) -> tuple[str, ...]:
        """Part of ``Builder``."""
        return unlimited(self._engine, image_id)

    def has_name(self, reference: str) -> bool:
        """Part of ``Builder``."""
        return self._engine.image(reference) is not None

    def forget_name(self, reference: str) -> None:
        """Part of ``Builder``."""
        forget_name(self._engine, reference)

    def push(self, image: Image, to: Destination, *, named_before: bool, progress: Progress) -> PushedImage:
        """Part of ``Builder``."""
        return push(
            self._engine,
            image,
            registry=to.registry,
            repository=to.repository,
            tag=to.tag,
            credentials=to.credentials,
            progress=progress,
            named_before=named_before,
        )

    def base_of(self, runtime: RuntimeImage) -> BasePart:
        """Part of ``Builder``."""
        return BasePart(
            reference=runtime.base,
            digest=base_digest(self._engine, runtime.base, runtime.image_id),
            contents=read_contents(self._engine, runtime.image_id, self._store),
        )

    def needs(self, size: int, largest: int) -> tuple[Need, ...]:
        """Part of ``Builder``: the engine keeps the build context that it is sent as long as it makes layers of it."""
        folder = self._engine.folder()
        if folder is None:
            return ()
        return (
            Need(folder=folder, size=size, what="the image's layers", remedy=_REMEDY),
            Need(folder=folder, size=largest, what="the engine's copy of the build context", remedy=_REMEDY),
        )
