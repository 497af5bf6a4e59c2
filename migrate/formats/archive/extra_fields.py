"""The extra fields of a ZIP entry: numbers of 64 bits, and second names, which are refused (4.5)."""

import struct

from migrate.formats.archive.end import NONE32, RecordError

_ZIP64, _UNICODE_PATH = 0x0001, 0x7075


def wide_numbers(extra: bytes, size: int, packed: int, offset: int) -> tuple[int, int, int]:
    """Sizes and offset of an entry, from its 64-bit extra field where the short ones say so (4.5.3).

    Raises:
        RecordError: They are missing, or contradict the short ones; or the entry has a second name.
    """
    wide = _fields(extra).get(_ZIP64, b"")
    values = [size, packed, offset]
    at = 0
    for index, value in enumerate(values):
        if value == NONE32:
            if at + 8 > len(wide):
                raise RecordError("archive-zip64", "has no sizes")
            values[index] = int.from_bytes(wide[at : at + 8], "little")
            at += 8
    # writers that always add the field repeat in it what the short ones say
    rest = [int.from_bytes(wide[i : i + 8], "little") for i in range(at, len(wide) - 7, 8)]
    if any(value not in (size, packed, offset) for value in rest):
        raise RecordError("archive-zip64", "has two different sizes")
    return values[0], values[1], values[2]


def _fields(extra: bytes) -> dict[int, bytes]:
    found: dict[int, bytes] = {}
    at = 0
    while at + 4 <= len(extra):
        kind, length = struct.unpack_from("<HH", extra, at)
        if at + 4 + length > len(extra) or kind in found:
            raise RecordError("archive-extra-field", "has an extra field that is broken, or there twice")
        found[kind] = extra[at + 4 : at + 4 + length]
        at += 4 + length
    if _UNICODE_PATH in found:
        raise RecordError("archive-names-differ", "has a second name")
    return found
