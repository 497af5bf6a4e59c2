"""Images put together and pushed by this tool, and tried out in boxes where the kernel lets this user have them.

The image of a large model is planned when it is built: its layer is made on the way to the registry, so that the model
is read once. Such an image is named by what it is made of, which says as much as a digest of its bytes: they are the
same each time.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence  # noqa: TC003 - msgspec looks it up
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from msgspec import Struct

from migrate.boxes import bubblewrap
from migrate.core.errors import LocalError
from migrate.core.names import digest_of
from migrate.core.options.declaration import absolute
from migrate.core.text import type_again
from migrate.core.values import Image, Layer, RuntimeImage
from migrate.images.attestation.made_of import BasePart
from migrate.images.base.choice import choose_base
from migrate.images.base.contents import kept_contents
from migrate.images.base.layered import look_into
from migrate.images.base.stored import PREFIX
from migrate.images.model.context import ModelToRender, outline
from migrate.images.model.image import ON_THE_WAY, add_models, file_entries, settings_entries
from migrate.images.model.sending import has_large, send, send_large
from migrate.images.oci.compression import QUICK
from migrate.images.oci.image import as_base, read_back
from migrate.images.oci.store import BlobStore
from migrate.images.registry.client import RegistryClient
from migrate.images.runtime.assembled import assemble_runtime
from migrate.images.runtime.registry_base import InRegistry, kept
from migrate.images.trial.box.boxes import Boxes, no_box
from migrate.images.trial.box.root import root_of, with_entries
from migrate.images.trial.contents import asked_of_runner
from migrate.machine.disk import disk_errors, scratch_folder, sweep_scratch
from migrate.machine.room import Need
from migrate.migration.run.once import Once

if TYPE_CHECKING:
    import threading
    from collections.abc import Callable, Iterator, Mapping

    from migrate.boxes.view import Root
    from migrate.core.values import BuildContext, PushedImage
    from migrate.images.base.image import Base
    from migrate.images.oci.blobs import BaseImage
    from migrate.images.oci.image import OciImage
    from migrate.images.trial.runner import Runner
    from migrate.migration.run.builder import Destination, Progress


class _Plan(Struct, frozen=True):
    """What an image will be made of, on its way to a registry."""

    models: Sequence[ModelToRender]
    runtime: RuntimeImage
    base: BaseImage


class Unaided:
    """Part of ``Builder``: this tool itself, without an engine."""

    names_images = False

    def __init__(
        self,
        store: Path,
        *,
        base: str | None,
        environ: Mapping[str, str],
        stop: threading.Event,
        say: Callable[[str], None],
        large: int = ON_THE_WAY,
    ) -> None:
        """Nothing is read yet, and what killed runs left of boxes is removed.

        Args:
            store: The content store.
            base: A configured base image: ``oci:PATH``, or what a registry has; None for the tool's own choice.
            environ: The environment, for the login of the base image's registry.
            stop: Set to end early.
            say: Told what is done when it takes long.
            large: Bytes of a layer's files from which on it is made on its way to the registry.
        """
        self._store = store
        self._wanted = base
        self._environ = environ
        self._stop = stop
        self._say = say
        self._large = large
        self._blobs = BlobStore(store)
        sweep_scratch(store)
        self._base: Once[tuple[str, BaseImage]] = Once()
        self._looked: Once[Base] = Once()
        self._why_not: Once[str] = Once()
        self._boxes = Boxes(self._root, store)
        self._planned: dict[str, _Plan] = {}  # images with layers that are made on their way, by their ids
        self._placed: dict[str, Root] = {}  # the roots of images that are tried just now, by their ids
        self._sent: dict[str, dict[str, str]] = {}  # of a registry: which repository has got a blob, by its digest

    def runtime(self, name: str, *, base: str | None, on_missing: Callable[[str], None]) -> RuntimeImage:  # noqa: ARG002
        """Part of ``Builder``."""
        called, image = self._from()
        found = self._looked.get(lambda: look_into(image, called))
        return assemble_runtime(
            name, image, name=called, python=found.python, blobs=self._blobs, progress_text=self._say
        )

    def has_runtime(self, image: RuntimeImage) -> bool:
        """Part of ``Builder``."""
        return read_back(self._blobs, image.image_id) is not None

    def context(self, models: Sequence[ModelToRender], runtime: RuntimeImage, folder: Path) -> BuildContext:  # noqa: ARG002
        """Part of ``Builder``: nothing is written, for the layers are made of the models' files themselves."""
        return outline(models, runtime)

    def image(
        self,
        models: Sequence[ModelToRender],
        context: BuildContext,
        runtime: RuntimeImage,
        *,
        tag: str,
        progress: Progress,
    ) -> Image:
        """Part of ``Builder``."""
        base = as_base(self._blobs, self._read(runtime.image_id, runtime.reference))
        if has_large(models, self._large):
            planned = digest_of("planned", runtime.image_id, context.digest, QUICK.key)
            self._planned[f"sha256:{planned}"] = _Plan(models, runtime, base)
            return Image(reference=tag, image_id=f"sha256:{planned}", size=runtime.size + context.size, layers=())
        made = self._with_models(_Plan(models, runtime, base), progress)
        return Image(
            reference=tag,
            image_id=made.manifest.digest,
            size=sum(blob.size for blob in made.blobs),
            layers=tuple(Layer(digest=layer.diff_id, size=layer.descriptor.size) for layer in made.layers),
        )

    def has_image(self, image: Image) -> bool:
        """Part of ``Builder``."""
        return image.image_id in self._planned or read_back(self._blobs, image.image_id) is not None

    @property
    def unable(self) -> str:
        """Part of ``Builder``."""
        return self._why_not.get(bubblewrap.why_not)

    def runner(self) -> Runner:
        """Part of ``Builder``."""
        if self.unable:
            raise no_box(self.unable)
        return self._boxes

    @contextmanager
    def trying(self, image: Image, models: Sequence[ModelToRender], runtime: RuntimeImage) -> Iterator[Runner]:
        """Part of ``Builder``: the models' files are linked beside the runtime's root, and nothing is unpacked."""
        runner = self.runner()
        with ExitStack() as stack:
            with disk_errors(self._store):
                folder = stack.enter_context(scratch_folder(self._store, "trial-"))
            entries = (entry for part in (settings_entries, file_entries) for entry in part(models))
            self._placed[image.image_id] = with_entries(self._root(runtime.image_id), entries, folder / "layers")
            stack.callback(self._placed.pop, image.image_id)
            yield runner

    def unlimited(self, image_id: str) -> tuple[str, ...]:
        """Part of ``Builder``."""
        return () if self.unable else self._boxes.unlimited(image_id)

    def has_name(self, reference: str) -> bool:  # noqa: ARG002 - see ``names_images``
        """Part of ``Builder``."""
        return False

    def forget_name(self, reference: str) -> None:
        """Part of ``Builder``."""

    def push(self, image: Image, to: Destination, *, named_before: bool, progress: Progress) -> PushedImage:  # noqa: ARG002
        """Part of ``Builder``."""
        client = RegistryClient(to.registry, to.repository, to.credentials, pushing=True, stop=self._stop)
        mounts = self._sent.setdefault(to.registry, {})
        plan = self._planned.get(image.image_id)
        if plan is None:
            found = self._read(image.image_id, image.reference)
        else:
            if client.digest(to.tag) is None:  # what is there already is made for its digests alone
                send_large(client, plan.models, blobs=self._blobs, progress=progress, least=self._large)
            found = self._with_models(plan)
        pushed = send(client, found, blobs=self._blobs, tag=to.tag, mounts=mounts, progress=progress)
        for blob in found.blobs:
            mounts.setdefault(blob.digest, to.repository)
        return pushed

    def _with_models(self, plan: _Plan, progress: Progress = lambda *_: None) -> OciImage:
        return add_models(
            plan.models, plan.runtime, plan.base, blobs=self._blobs, progress=progress, keep_below=self._large
        )

    def base_of(self, runtime: RuntimeImage) -> BasePart:
        """Part of ``Builder``."""
        contents = None
        if not self.unable:
            contents = kept_contents(
                runtime.image_id, self._store, lambda: asked_of_runner(self._boxes, runtime.image_id)
            )
        return BasePart(reference=runtime.base, digest=self._base_digest(runtime), contents=contents)

    def _base_digest(self, runtime: RuntimeImage) -> str:
        """The id of the base image, if it is still the one that the runtime's starts with; empty where not known."""
        found = read_back(self._blobs, runtime.image_id)
        try:
            called, base = self._from()
        except LocalError:  # a registry that was there when the runtime's image was made
            return ""
        below = [layer.diff_id for layer in found.layers] if found is not None else []
        if called != runtime.base or below[: len(base.layers)] != [layer.diff_id for layer in base.layers]:
            return ""
        return f"sha256:{hashlib.sha256(base.configuration).hexdigest()}"

    def needs(self, size: int, largest: int) -> tuple[Need, ...]:
        """Part of ``Builder``."""
        kept_size = size if largest < self._large else size - largest
        return (Need(folder=self._store, size=kept_size, what="the image's layers"),)

    def _from(self) -> tuple[str, BaseImage]:
        """The base image, and what a person calls it; of a registry's, layers are fetched when they are read."""
        return self._base.get(self._choose)

    def _choose(self) -> tuple[str, BaseImage]:
        named = self._wanted
        if named is not None and named.startswith(PREFIX):
            named = f"{PREFIX}{absolute(Path(named.removeprefix(PREFIX)))}"
        name, image = choose_base(named, lambda reference: InRegistry(reference, self._environ, self._stop), self._say)
        return (name, image) if name.startswith(PREFIX) else (name, kept(image, self._blobs))

    def _root(self, image_id: str) -> Root:
        """The root of an image that is tried just now, or of a runtime's, which is unpacked once."""
        placed = self._placed.get(image_id)
        if placed is not None:
            return placed
        return root_of(as_base(self._blobs, self._read(image_id, image_id)), image_id, self._store)

    def _read(self, image_id: str, name: str) -> OciImage:
        found = read_back(self._blobs, image_id)
        if found is None:
            raise LocalError(
                f"A part of the image {name} is not in the workspace (any more).",
                code="image-missing",
                next_step=type_again(note="it is built anew"),
            )
        return found
