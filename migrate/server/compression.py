"""Compressed request bodies, opened within a limit."""

import zlib
from typing import Final

from migrate.server.errors import HttpError, bad_request
from migrate.server.http import too_large

# zlib's word for each encoding: gzip's header, or zlib's.
_WINDOW_BITS: Final = {"gzip": 31, "x-gzip": 31, "deflate": 15}


def coding_of(header: str | None) -> str | None:
    """The coding of a body, or None.

    Raises:
        HttpError: 415, for one that is not read.
    """
    coding = (header or "").strip().lower()
    if coding in {"", "identity"}:
        return None
    if coding not in _WINDOW_BITS:
        raise HttpError(
            415, "RESTEASY003065: Cannot consume content type", f"Content-Encoding {coding}: send gzip or deflate"
        )
    return coding


def opened(body: bytes, coding: str, limit: int) -> bytes:
    """The body without its compression.

    Raises:
        HttpError: 413 as soon as it grows beyond the limit, 400 when it is broken.
    """
    decompressor = zlib.decompressobj(_WINDOW_BITS[coding])
    try:
        found = decompressor.decompress(body, limit + 1)
    except zlib.error as error:
        raise bad_request(f"The body is not {coding}", str(error)) from error
    if len(found) > limit:
        raise too_large(limit)
    if not decompressor.eof:
        raise bad_request(f"The body is not {coding}", "it is cut off")
    return found
