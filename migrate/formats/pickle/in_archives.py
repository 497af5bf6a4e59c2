"""What lies in an archive besides what its format needs: archives in archives, and pickles under any name."""

from collections.abc import Callable, Collection
from typing import Final

from migrate.formats.archive.structure import Archive, Entry, archive_error
from migrate.formats.pickle.hazards import hidden_pickle, is_data, note_imports
from migrate.formats.pickle.opcodes import OPCODES
from migrate.formats.reading.case import Case
from migrate.formats.reading.errors import quoted

_ARCHIVES: Final = (
    b"PK\x03\x04",
    b"PK\x05\x06",
    b"\x1f\x8b\x08",
    b"BZh",
    b"\xfd7zXZ\x00",
    b"\x28\xb5\x2f\xfd",
    b"7z\xbc\xaf\x27\x1c",
    b"Rar!\x1a\x07",
)
_TAR_AT: Final = 257


def check_members(
    case: Case, path: str, archive: Archive, known: Collection[str] = (), data: Callable[[str, str], bool] = is_data
) -> None:
    """Refuse archives in an archive, and look into pickles, whatever their names.

    Args:
        case: The artifact; its dangers grow.
        path: The archive.
        archive: Its content.
        known: The files that the format has, which are read elsewhere.
        data: Which imports are allowed in a pickle.

    Raises:
        FormatError: There is an archive in it.
    """
    for entry in archive.entries.values():
        if entry.name not in known:
            _check(case, path, archive, entry, data)


def _check(case: Case, path: str, archive: Archive, entry: Entry, data: Callable[[str, str], bool]) -> None:
    head = archive.head(entry, 512)
    if is_archive(head):
        raise archive_error(path, "archive-nested", f"it holds another archive, {quoted(entry.name)}")
    if head[:1] not in OPCODES:
        return
    with archive.open(entry) as read:
        found = hidden_pickle(read, entry.size)
    if found is not None:
        note_imports(case, path, quoted(entry.name), [one for one in found.imports if not data(*one)])


def is_archive(head: bytes) -> bool:
    """Whether a file that begins like this is an archive or a compressed file."""
    return head.startswith(_ARCHIVES) or head[_TAR_AT : _TAR_AT + 5] == b"ustar"
