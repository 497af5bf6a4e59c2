"""Pickles of other libraries (scikit-learn's, joblib's), bare or in a ZIP archive: told, and never served."""

from typing import NoReturn

from migrate.formats.archive.structure import ZIP, Archive
from migrate.formats.pickle.hazards import note_imports
from migrate.formats.pickle.in_archives import check_members, is_archive
from migrate.formats.pickle.machine import read_pickle
from migrate.formats.reading.case import Case
from migrate.formats.reading.errors import FormatError, quoted


def refuse_pickle(case: Case, path: str) -> NoReturn:
    """Say what a pickle would import.

    Raises:
        FormatError: Always.
    """
    with case.open(path) as (read, size):
        head = read(0, 512)
        if head.startswith(ZIP):
            check_members(case, path, Archive(path, read, size, case.leave_out))
        elif is_archive(head):
            raise _unknown(path, "is a compressed pickle, which nobody looked into")
        else:
            reading = read_pickle(read, 0, size)
            if reading.error is not None:
                raise _unknown(path, f"cannot be followed to its end ({reading.error.text})")
            note_imports(case, path, quoted(path), [*reading.imports])
            if not case.dangers:
                reading.demand_whole()
            if reading.end != size and not case.dangers:
                raise _unknown(path, f"has {size - reading.end} bytes behind its end, which may be another pickle")
    if case.dangers:
        raise _unknown(path, f"runs code: {case.dangers[0].text.rstrip('.')}")
    raise FormatError(
        "not-a-model",
        f"The file {quoted(path)} is a pickle of plain data, and no model.",
        "Check that the right file was uploaded.",
    )


def _unknown(path: str, why: str) -> FormatError:
    return FormatError(
        "pickle-of-unknown-library",
        f"The file {quoted(path)} is no model of PyTorch or fastai; it {why}.",
        "Do not load it; export the model to ONNX where it was trained (skl2onnx for scikit-learn).",
        verdict="quarantined",
    )
