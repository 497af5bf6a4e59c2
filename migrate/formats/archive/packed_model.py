"""A model in a ZIP archive that is not its own format's: told by the names of entries, checked, and unpacked."""

import hashlib
import re
from collections.abc import Callable, Collection, Iterable
from pathlib import Path
from typing import Final, NoReturn

from migrate.core.values import ArtifactFile
from migrate.formats.archive.end import END, END_MARK
from migrate.formats.archive.structure import ZIP, Archive, Entry
from migrate.formats.reading.case import Case
from migrate.formats.reading.errors import FormatError, quoted

_SUFFIXES: Final = (".onnx", ".h5", ".hdf5", ".pmml", ".pt", ".pth", ".ts", ".pkl", ".joblib", ".safetensors")
_NAMES: Final = frozenset({"manifest.json", "tokenizer.json", "pytorch_model.bin"})
_OF_TORCH: Final = frozenset({"data.pkl", "constants.pkl"})  # entries of PyTorch's own archives
# Where local headers and entries of the directory have the length of their name, and the name (APPNOTE, 4.3.7, 4.3.12).
_PLACES: Final = {b"PK\x03\x04": (26, 30), b"PK\x01\x02": (28, 46)}
_ENTRY: Final = re.compile(rb"PK\x01\x02")
_LEFT_BY_A_MAC: Final = "__MACOSX"  # attributes of files, in a folder beside them


def entry_names(head: bytes, tail: bytes) -> list[str]:
    """Names of an archive's entries, as far as its beginning and its end tell; none of an archive that lies in it.

    Args:
        head: Its first bytes.
        tail: Its last bytes.
    """
    names = [_name(head, 0)] if head.startswith(ZIP) else []
    end = tail.rfind(END_MARK)
    if 0 <= end <= len(tail) - END.size:
        start = end - int.from_bytes(tail[end + 12 : end + 16], "little")  # the length of the directory (4.3.16)
        names += [_name(tail, mark.start()) for mark in _ENTRY.finditer(tail, max(0, start), end)]
    return names


def _name(data: bytes, at: int) -> str:
    length, name = _PLACES[data[at : at + 4]]
    size = int.from_bytes(data[at + length :][:2], "little")
    return data[at + name : at + name + size].decode("utf-8", "replace")


def model_entry(names: Iterable[str]) -> str | None:
    """The first of these names that is called as a model is."""
    return next((name for name in names if _is_model(name)), None)


def _is_model(path: str) -> bool:
    name = path.lower().rpartition("/")[2]
    return name not in _OF_TORCH and (name in _NAMES or name.endswith(_SUFFIXES))


def content_of(archive: Archive, unread: Callable[[str], bool]) -> dict[str, Entry]:
    """What an archive would be as an uploaded folder: its entries by the paths that they get.

    Folders that hold all there is are left away: programs that pack a folder begin every name with its.

    Args:
        archive: The archive.
        unread: Whether no runtime reads a file of this path.
    """
    found = {name: entry for name, entry in archive.entries.items() if not name.startswith(f"{_LEFT_BY_A_MAC}/")}
    found = {name: entry for name, entry in found.items() if not unread(name)} or found
    while _shared_folder(found):
        found = {name.partition("/")[2]: entry for name, entry in found.items()}
    return found


def _shared_folder(names: Collection[str]) -> bool:
    return len({name.partition("/")[0] for name in names}) == 1 and all("/" in name for name in names)


def unpack(archive: Archive, entry: Entry, name: str, target: Path, advance: Callable[[int], None]) -> ArtifactFile:
    """Writes a file of an archive.

    Args:
        archive: The archive.
        entry: The file.
        name: Its path in the artifact.
        target: Where it is written; nothing is there yet.
        advance: Told the number of bytes, as they are written.

    Raises:
        FormatError: Its bytes are broken, or not those that the archive says.
        OSError: The disk.
    """
    sha = hashlib.sha256()
    target.parent.mkdir(parents=True, exist_ok=True)
    with target.open("xb") as file:
        for piece in archive.chunks(entry):
            file.write(piece)
            sha.update(piece)
            advance(len(piece))
    return ArtifactFile(path=name, size=entry.size, digest=f"sha256:{sha.hexdigest()}")


def refuse_zip(case: Case, path: str) -> NoReturn:
    """Say why an archive was not unpacked: it is not plain, or it is not all there is.

    Raises:
        FormatError: Always.
    """
    with case.open(path) as (read, size):
        archive = Archive(path, read, size, case.leave_out)
        archive.verify()
    name = model_entry(archive.entries) or ""
    raise FormatError(
        "model-in-zip",
        f"The file {quoted(path)} is a ZIP archive with the model {quoted(name)} in it; an archive is unpacked where "
        "it is the only file, and lies in no other.",
        "Unpack it, and upload what is in it in its place.",
        verdict="needs-attention",
    )
