"""Compressed request bodies, opened within a limit."""

import zlib
from typing import Final

from migrate.server.errors import HttpError, bad_request
from migrate.server.http import too_large

_OPENED: Final = frozenset({"gzip", "x-gzip", "deflate"})
# Codings that are not opened. Any other word is none: some clients name a charset here, or "none", and send plain text.
_CLOSED: Final = frozenset({"br", "compress", "x-compress", "dcb", "dcz", "exi", "pack200-gzip", "zstd", "aes128gcm"})
_MOST_MEMBERS: Final = 10_000  # blocked gzip has one for each 64 KiB
_PIECE_BYTES: Final = 16 * 1024
_CUT_OFF: Final = "it is cut off"
_GZIP_MAGIC: Final = b"\x1f\x8b"
# zlib's words: a gzip member, zlib's own form, and deflate without any frame, as old .NET sends it.
_GZIP: Final = 31
_ZLIB: Final = 15
_RAW: Final = -15
# How bodies begin that are not compressed: JSON in any Unicode form, multipart, PNG, JPEG. A lone CR begins raw deflate
# of many short numbers.
_PLAIN: Final = (
    b" ",
    b"\t",
    b"\r\n",
    b"\n",
    b"{",
    b"[",
    b"\x00",
    b"\xef\xbb\xbf",
    b"\xfe\xff",
    b"\xff",
    b"--",
    b"\x89PNG",
)


def coding_of(header: str | None) -> str | None:
    """The coding of a body, or None.

    Raises:
        HttpError: 415, for one that is not read, or several.
    """
    words = [word.strip().lower() for word in (header or "").split(",")]
    codings = [word for word in words if word in _OPENED or word in _CLOSED]
    if not codings:
        return None
    if len(codings) > 1 or codings[0] not in _OPENED:
        raise HttpError(
            415,
            "RESTEASY003065: Cannot consume content type",
            f"Content-Encoding {', '.join(codings)}: send gzip or deflate",
        )
    return codings[0]


def opened(body: bytes, coding: str, limit: int) -> bytes:
    """The body without its compression; as it is where it is not compressed, whatever was announced.

    Raises:
        HttpError: 413 as soon as it grows beyond the limit, 400 when it is broken.
    """
    try:
        if coding == "deflate":
            return _deflated(body, limit)
        return _gunzipped(body, limit) if body.startswith(_GZIP_MAGIC) else body
    except (zlib.error, EOFError) as error:
        raise bad_request(f"The body is not {coding}", str(error)) from error


def _gunzipped(body: bytes, limit: int) -> bytes:
    """Every member (RFC 1952, 2.2); zeros may follow."""
    parts: list[bytes] = []
    size = place = 0
    for _ in range(_MOST_MEMBERS):
        decompressor = zlib.decompressobj(_GZIP)
        while not decompressor.eof:
            # Of small pieces, because what follows a member is copied each time.
            piece = body[place : place + _PIECE_BYTES]
            if not piece:
                raise EOFError(_CUT_OFF)
            parts.append(decompressor.decompress(piece, limit - size + 1))
            size += len(parts[-1])
            if size > limit:
                raise too_large(limit)
            place += len(piece) - len(decompressor.unused_data)
        if not body.startswith(_GZIP_MAGIC, place):
            if body[place:].strip(b"\0"):
                raise EOFError("something else follows its end")
            return b"".join(parts)
    raise EOFError(f"it has more than {_MOST_MEMBERS} members")


def _deflated(body: bytes, limit: int) -> bytes:
    if len(body) > 1 and body[0] & 15 == 8 and int.from_bytes(body[:2]) % 31 == 0:
        return _inflated(body, _ZLIB, limit)
    return body if body.startswith(_PLAIN) or not body else _inflated(body, _RAW, limit)


def _inflated(body: bytes, form: int, limit: int) -> bytes:
    decompressor = zlib.decompressobj(form)
    found = decompressor.decompress(body, limit + 1)
    if len(found) > limit:
        raise too_large(limit)
    if not decompressor.eof:
        raise EOFError(_CUT_OFF)
    return found
