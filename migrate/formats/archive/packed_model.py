"""A model in a ZIP archive that is not its own format's: told by the names of entries, and not opened."""

import re
from collections.abc import Iterator
from typing import Final, NoReturn

from migrate.formats.reading.case import Case
from migrate.formats.reading.errors import FormatError, quoted

_MODEL_SUFFIXES: Final = (".onnx", ".h5", ".hdf5", ".pmml", ".pt", ".pth", ".ts", ".pkl", ".joblib")
# Where local headers and entries of the directory have the length of their name, and the name (APPNOTE, 4.3.7, 4.3.12).
_NAMES: Final = {b"PK\x03\x04": (26, 30), b"PK\x01\x02": (28, 46)}
_MARK: Final = re.compile(rb"PK(?:\x03\x04|\x01\x02)")
_END: Final = 2048  # bytes that are looked at, at the beginning and at the end


def model_entry(ends: bytes) -> str | None:
    """The name of an entry that is called as a model is, from the beginning or the end of an archive."""
    return next((name for name in _entry_names(ends) if name.lower().endswith(_MODEL_SUFFIXES)), None)


def _entry_names(ends: bytes) -> Iterator[str]:
    for mark in _MARK.finditer(ends):
        length, name = _NAMES[mark[0]]
        start, size = mark.start(), int.from_bytes(ends[mark.start() + length :][:2], "little")
        yield ends[start + name : start + name + size].decode("utf-8", "replace")


def refuse_zip(case: Case, path: str) -> NoReturn:
    """Say which model has to be unpacked.

    Raises:
        FormatError: Always.
    """
    with case.open(path) as (read, size):
        name = model_entry(read(0, min(_END, size))) or model_entry(read(max(0, size - _END), min(_END, size))) or ""
    raise FormatError(
        "model-in-zip",
        f"The file {quoted(path)} is a ZIP archive with the model {quoted(name)} in it, which is not read.",
        "Unpack it, and upload what is in it in its place; of archives, only a SavedModel's is served as it is.",
        verdict="needs-attention",
    )
