"""A layer while it is made: a tar stream, compressed, with both digests, in one pass over what is in it."""

from __future__ import annotations

import hashlib
from collections.abc import Generator
from typing import TYPE_CHECKING

from migrate.core.values import Descriptor
from migrate.images.engine import tarstream
from migrate.images.oci.blobs import LAYER_GZIP, LayerBlob
from migrate.images.oci.compression import compress

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from migrate.images.oci.compression import Compression


class LayerStream:
    """The compressed bytes of a layer, to be iterated over once; each file is read once, and nothing is kept.

    The same entries give the same bytes on any machine, for any user and at any time.
    """

    def __init__(
        self,
        entries: Iterable[tarstream.Entry],
        compression: Compression,
        read: Callable[[int], None] | None = None,
    ) -> None:
        """``read`` is called with the number of uncompressed bytes that were read since the last time."""
        self._entries = entries
        self._compression = compression
        self._read = read
        self._layer: LayerBlob | None = None

    def __iter__(self) -> Iterator[bytes]:
        """Pieces of at most about 1 MiB.

        Raises:
            LocalError: A file changed or vanished (code ``file-changed``).
        """
        plain, packed, size = hashlib.sha256(), hashlib.sha256(), 0

        def hashed() -> Iterator[bytes]:
            for piece in tarstream.archive(self._entries, self._read):
                plain.update(piece)
                yield piece

        for piece in compress(hashed(), self._compression):
            packed.update(piece)
            size += len(piece)
            yield piece
        descriptor = Descriptor(media_type=LAYER_GZIP, digest=f"sha256:{packed.hexdigest()}", size=size)
        self._layer = LayerBlob(descriptor=descriptor, diff_id=f"sha256:{plain.hexdigest()}")

    @property
    def layer(self) -> LayerBlob:
        """What was made, once all of it was iterated over."""
        if self._layer is None:
            message = "the layer is not complete"
            raise RuntimeError(message)
        return self._layer


class Reader:
    """Pieces as a stream to read from."""

    def __init__(self, pieces: Iterator[bytes]) -> None:
        self._pieces = pieces
        self._rest = memoryview(b"")

    def read(self, size: int, /) -> bytes:
        """At most ``size`` bytes; none at the end."""
        while not self._rest:
            piece = next(self._pieces, None)
            if piece is None:
                return b""
            self._rest = memoryview(piece)
        data, self._rest = bytes(self._rest[:size]), self._rest[size:]
        return data

    def close(self) -> None:
        """End what makes the pieces."""
        if isinstance(self._pieces, Generator):
            self._pieces.close()


class LayerReader(Reader):
    """A layer that is made as it is read; ``made`` is told what it was at its end."""

    def __init__(self, stream: LayerStream, made: Callable[[LayerBlob], None]) -> None:
        super().__init__(iter(stream))
        self._stream = stream
        self._made: Callable[[LayerBlob], None] | None = made

    def read(self, size: int, /) -> bytes:
        """Part of ``Stream``."""
        data = super().read(size)
        if not data and self._made is not None:
            made, self._made = self._made, None
            made(self._stream.layer)
        return data

    @property
    def descriptor(self) -> Descriptor:
        """The layer, once its end was read."""
        return self._stream.layer.descriptor
