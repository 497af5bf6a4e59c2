"""The records at the end of a ZIP archive: where its directory lies, said once or twice and always the same."""

import struct
from typing import Final

from msgspec import Struct

from migrate.core.codes.hazards import HazardCode

END: Final = struct.Struct("<4s4H2IH")
END64: Final = struct.Struct("<4sQ2H2I4Q")
LOCATOR: Final = struct.Struct("<4sIQI")
END_MARK, END64_MARK, LOCATOR_MARK = b"PK\x05\x06", b"PK\x06\x06", b"PK\x06\x07"
TAIL: Final = END.size + 0xFFFF  # where an end record lies, if there is one: the longest comment may follow it
NONE16, NONE32 = 0xFFFF, 0xFFFF_FFFF


class RecordError(Exception):
    """A record is broken, or contradicts another one.

    Attributes:
        code: The code of the archive that has it.
        text: The second half of a sentence.
    """

    def __init__(self, code: HazardCode, text: str) -> None:
        self.code: HazardCode = code
        self.text = text
        super().__init__(text)


class End(Struct, frozen=True):
    """Where the directory lies. ``disks`` are the numbers of parts; ``here`` counts the entries in this one."""

    offset: int
    length: int
    count: int
    here: int
    disks: tuple[int, int]

    def check(self) -> None:
        """Refuse one part of several, and numbers that only a 64-bit record holds.

        Raises:
            RecordError: It is one of these.
        """
        if NONE16 in (self.count, self.here) or NONE32 in (self.length, self.offset):
            raise RecordError("archive-zip64", "it has no 64-bit end record, and needs one")
        if self.disks != (0, 0) or self.here != self.count:
            raise RecordError("archive-disks", "it is one part of several")


def read_end(data: bytes) -> End | None:
    """The end record in the last bytes of a file; None where it is not there, or has a comment behind it."""
    mark, disk, first, here, count, length, offset, comment = END.unpack(data)
    return End(offset, length, count, here, (disk, first)) if mark == END_MARK and not comment else None


def read_commented_end(tail: bytes) -> tuple[End, int] | None:
    """The end record that a comment follows, and how many bytes from the end of the file it begins.

    ``git archive`` writes the commit's id there. Programs look for it from the end of the file or from where the
    longest one would begin, so there must be one only for either.

    Args:
        tail: The last bytes of the file, ``TAIL`` of them where it has so many.

    Returns:
        None where there is no end record at all.

    Raises:
        RecordError: Other bytes follow the record, or a comment that is no plain text or may hold another one.
    """
    at = tail.find(END_MARK)
    if at < 0:
        return None
    record, text = tail[at : at + END.size], tail[at + END.size :]
    if len(record) < END.size or END.unpack(record)[-1] != len(text) or not _is_plain(text):
        raise RecordError("archive-trailing-data", "bytes follow its end, or its comment hides some")
    _, disk, first, here, count, length, offset, _ = END.unpack(record)
    return End(offset, length, count, here, (disk, first)), len(tail) - at


def _is_plain(text: bytes) -> bool:
    """Whether a comment is text in which no program sees another record."""
    try:
        words = text.decode()
    except UnicodeDecodeError:
        return False
    return "PK" not in words and "".join(words.split()).isprintable()


def read_wide_end(short: End, data: bytes, at: int) -> End:
    """The 64-bit end record and its locator, which lie before the short one.

    Args:
        short: What the short one says.
        data: The bytes of both, complete.
        at: Where in the file they begin; negative where the file is too short for them.

    Raises:
        RecordError: They are broken, elsewhere, or say something else.
    """
    _, disk, end64, total = LOCATOR.unpack_from(data, END64.size)
    if (disk, end64) != (0, at) or total not in (0, 1):
        raise RecordError("archive-zip64", "its 64-bit end record is not where it says")
    mark, size, _, _, this, first, here, count, length, offset = END64.unpack_from(data, 0)
    if mark != END64_MARK or size != END64.size - 12:
        raise RecordError("archive-zip64", "its 64-bit end record is broken")
    pairs = ((short.count, NONE16, count), (short.length, NONE32, length), (short.offset, NONE32, offset))
    if any(narrow not in (none, wide) for narrow, none, wide in pairs):
        raise RecordError("archive-zip64", "its two end records contradict each other")
    if count == NONE16 or NONE32 in (length, offset):
        raise RecordError("archive-zip64", "its 64-bit end record has no numbers")
    return End(offset, length, count, here, (this, first))
