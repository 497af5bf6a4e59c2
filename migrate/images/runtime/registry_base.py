"""The base image of a registry, for images that are put together without an engine."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING, Final

from migrate.images.base.fit import unusable
from migrate.images.engine.references import split_reference
from migrate.images.oci.blobs import BaseImage
from migrate.images.registry.client import INDEXES, MANIFESTS, RegistryClient
from migrate.images.registry.credentials import credentials_for
from migrate.images.registry.remote import remote
from migrate.machine.patience import DOWNLOAD_RETRY

if TYPE_CHECKING:
    import threading
    from collections.abc import Mapping

    from migrate.core.values import Descriptor
    from migrate.images.oci.blobs import Stream
    from migrate.images.oci.store import BlobStore

_DOCUMENTS: Final = frozenset(MANIFESTS + INDEXES)  # a registry keeps these beside the blobs


class InRegistry:
    """The blobs of an image in a registry (``migrate.images.base.stored.Blobs``)."""

    def __init__(self, reference: str, environ: Mapping[str, str], stop: threading.Event | None = None) -> None:
        """Nothing is asked yet.

        Args:
            reference: The image's.
            environ: The environment, for the login.
            stop: Set to end early.

        Raises:
            ConfigurationError: The login cannot be read (``docker-config``).
        """
        self.name = reference
        registry, repository, self._tag = split_reference(reference)
        self._client = RegistryClient(registry, repository, credentials_for(registry, None, environ), stop=stop)

    def top(self) -> bytes:
        """Part of ``Blobs``.

        Raises:
            LocalError: The registry has no such image (``base-unusable``), or as ``RegistryClient.manifest``.
        """
        return self._manifest(self._tag)

    def open(self, descriptor: Descriptor, offset: int, /) -> Stream:
        """Part of ``Blobs``; after a cut it goes on where it was."""
        if descriptor.media_type in _DOCUMENTS:
            return io.BytesIO(self._manifest(descriptor.digest)[offset:])
        return _Steady(self._client, descriptor, offset)

    def _manifest(self, reference: str) -> bytes:
        found = self._client.manifest(reference)
        if found is None:
            raise unusable(self.name, "its registry does not have it")
        return found


class _Steady:
    """A blob from an offset on, asked for again after a cut."""

    def __init__(self, client: RegistryClient, descriptor: Descriptor, offset: int) -> None:
        self._client = client
        self._size = descriptor.size
        self._open = remote(client, descriptor)
        self._at = offset
        self._stream = self._open(offset)
        self._failures = 0

    def read(self, size: int, /) -> bytes:
        """At most ``size`` bytes; none at the end.

        Raises:
            LocalError: It breaks again and again at one place (``registry-failed``), or as ``remote``.
            Interrupted: The client's ``stop`` was set.
        """
        while True:
            self._client.check_stop()
            why = "it ends a layer too early"
            try:
                piece = self._stream.read(size)
            except OSError as error:
                piece, why = b"", f"a layer of it breaks off ({error})"
            self._at += len(piece)
            if piece or not size or self._at >= self._size:
                self._failures = 0
                return piece
            self._stream.close()
            self._failures += 1
            if self._failures >= DOWNLOAD_RETRY.attempts:
                raise self._client.failed(why)
            if self._failures > 1:
                self._client.wait(min(DOWNLOAD_RETRY.first_wait * 2**self._failures, DOWNLOAD_RETRY.longest_wait))
            self._stream = self._open(self._at)

    def close(self) -> None:
        """Let go of the connection."""
        self._stream.close()


def kept(base: BaseImage, blobs: BlobStore) -> BaseImage:
    """The same image, whose layers come from the content store: each is fetched once, when it is first opened."""

    def opened(descriptor: Descriptor, offset: int) -> Stream:
        blobs.take(descriptor, base.open)
        return blobs.open(descriptor, offset)

    return BaseImage(layers=base.layers, open=opened, configuration=base.configuration)
