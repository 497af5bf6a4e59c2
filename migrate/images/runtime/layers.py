"""What the layers of a runtime hold, and those layers made without an engine."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from migrate.core.names import digest_of
from migrate.images.engine import tarstream
from migrate.images.oci.compression import SMALL
from migrate.images.runtime import locales, server_code, wheels
from migrate.images.runtime.bytecode import compile_folder, compiler
from migrate.machine.disk import disk_errors, scratch_folder

if TYPE_CHECKING:
    from collections.abc import Callable, Container, Iterator
    from pathlib import Path

    from migrate.images.oci.blobs import LayerBlob
    from migrate.images.oci.store import BlobStore
    from migrate.images.runtime.templates import Template

SERVER_LAYER: Final = "layer-server"
_RECIPE: Final = "1"  # the version of what is in the layer of the server besides its code


def package_entries(packages: Path, tops: Container[str], prefix: str = "") -> Iterator[tarstream.Entry]:
    """The layer of those packages whose names at the top are ``tops``.

    Args:
        packages: What ``wheels.vendor`` made.
        tops: One of the sets of ``wheels.layers_of``.
        prefix: What stands before the names: a folder of a build context and a slash, or nothing.
    """
    yield from _folders(wheels.IMAGE_PATH, prefix)
    yield from tarstream.tree(packages, f"{prefix}{wheels.IMAGE_PATH[1:]}/", tops)


def server_entries(server: Path, prefix: str = "") -> Iterator[tarstream.Entry]:
    """The layer of the server: its code in ``server``, the locale, and a folder that any user may write to."""
    yield from _folders(server_code.IMAGE_PATH, prefix)
    yield from tarstream.tree(server, f"{prefix}{server_code.IMAGE_PATH[1:]}/")
    place = f"{prefix}{locales.IMAGE_PATH[1:]}"
    yield tarstream.folder(place)
    yield tarstream.link(f"{place}/{locales.NAME}", locales.SYSTEM)
    # HOME is writable by whatever uid the platform chooses.
    yield tarstream.folder(f"{prefix}workspace", 0o1777)


def _folders(path: str, prefix: str) -> Iterator[tarstream.Entry]:
    name = prefix.rstrip("/")
    if name:
        yield tarstream.folder(name)
    for part in path.strip("/").split("/"):
        name = f"{name}/{part}" if name else part
        yield tarstream.folder(name)


class RuntimeLayers:
    """The layers of a runtime without an engine, each made when it is asked for and missing in the store."""

    def __init__(
        self,
        template: Template,
        *,
        python: str,
        blobs: BlobStore,
        progress_text: Callable[[str], None],
    ) -> None:
        """Fetches and compiles the packages where the store does not have them.

        Args:
            template: The runtime's.
            python: The base image's Python, major.minor.
            blobs: The content store (wheels, layers).
            progress_text: Told what is done when it takes long.

        Raises:
            LocalError: ``wheels-failed``, ``no-python``, ``disk-full``.
        """
        self._python, self._blobs, self._say = python, blobs, progress_text
        self._packages = wheels.vendor(template.locks, python=python, store=blobs.store, progress_text=progress_text)
        self._tops = wheels.layers_of(self._packages)

    @property
    def package_layers(self) -> tuple[str, ...]:
        """The names of the layers that hold packages, from the lowest to the highest."""
        return tuple(self._tops)

    def layer(self, name: str) -> LayerBlob:
        """One of ``package_layers``, or ``layer-server``.

        Raises:
            LocalError: ``no-python``, ``file-changed``, ``disk-full``.
        """
        if name == SERVER_LAYER:
            return self._server()
        tops = self._tops[name]
        content = digest_of("packages", self._packages.name, name)

        def entries() -> Iterator[tarstream.Entry]:
            self._say(f"compressing the runtime's packages ({name.removeprefix('layer-')})")
            return package_entries(self._packages, tops)

        return self._blobs.layer(content, entries, SMALL)

    def _server(self) -> LayerBlob:
        content = digest_of("server", _RECIPE, server_code.server_digest(), self._python, compiler())

        def entries() -> Iterator[tarstream.Entry]:
            with disk_errors(), scratch_folder(self._blobs.store, "server-") as scratch:
                server_code.copy_server(scratch)
                compile_folder(scratch, server_code.IMAGE_PATH, python=self._python, engine=None, base=None)
                yield from server_entries(scratch)

        return self._blobs.layer(content, entries, SMALL)
