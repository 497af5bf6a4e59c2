"""Layers compressed so that every machine makes the same bytes of the same layer.

The interpreter's ``zlib`` is the system's, and its output depends on it. libdeflate comes in a wheel, and its output
depends on nothing but its version and its level: the code paths for SSE, AVX and NEON find the same matches
(findings/isal-compresses-by-the-processor.sh). It compresses what it is given as a whole; so a layer is a gzip file of
members of 1 MiB each (RFC 1952, 2.2), made side by side, and memory does not grow with the layer.
"""

from __future__ import annotations

import os
from collections import deque
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Final

from msgspec import Struct

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from concurrent.futures import Future

MEMBER: Final = 1 << 20
"""Uncompressed bytes of a member. Ratio gains less than 0.2 % from larger ones."""

_THREADS: Final = min(os.cpu_count() or 1, 4)  # how many there are changes no byte


class Compression(Struct, frozen=True):
    """How a layer is compressed; ``level`` is libdeflate's, 1 to 12."""

    level: int

    @property
    def key(self) -> str:
        """All that the compressed bytes depend on besides the layer."""
        import deflate  # noqa: PLC0415 - a library in C, which only builds need

        return f"gzip, deflate {deflate.__version__}, level {self.level}, members of {MEMBER}"


SMALL: Final = Compression(6)
"""For what is made once and pulled often: runtimes. 8 % smaller than ``QUICK`` at half of its pace."""

QUICK: Final = Compression(1)
"""For models. Weights shrink no further at higher levels."""


def compress(pieces: Iterable[bytes], compression: Compression) -> Iterator[bytes]:
    """The bytes of a gzip file, a member at a time.

    Args:
        pieces: What is compressed, however it is cut: the result is the same.
        compression: The level.
    """
    import deflate  # noqa: PLC0415 - as above

    def member(data: bytes) -> bytes:
        return bytes(deflate.gzip_compress(data, compression.level))

    made: deque[Future[bytes]] = deque()
    with ThreadPoolExecutor(_THREADS, thread_name_prefix="compress") as pool:
        try:
            for data in _even(pieces):
                made.append(pool.submit(member, data))
                if len(made) > 2 * _THREADS:
                    yield made.popleft().result()
            while made:
                yield made.popleft().result()
        finally:
            for waiting in made:
                waiting.cancel()


def _even(pieces: Iterable[bytes]) -> Iterator[bytes]:
    """The same bytes in pieces of the size of a member; the last one has the rest."""
    rest = bytearray()
    for piece in pieces:
        rest += piece
        while len(rest) >= MEMBER:
            yield bytes(rest[:MEMBER])
            del rest[:MEMBER]
    if rest:
        yield bytes(rest)
