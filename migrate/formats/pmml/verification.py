"""The rows and results that a PMML file carries itself (``<ModelVerification>``): what is right, by its exporter.

Form and defaults: https://dmg.org/pmml/v4-4-1/ModelVerification.html.
"""

from collections import defaultdict, deque
from collections.abc import Mapping
from typing import Final

from msgspec import Struct

from migrate.core.values import Artifact
from migrate.formats.pmml.structure import MAXIMUM_DEPTH, MODELS, PmmlError, parse
from migrate.formats.reading.files import open_file

MAXIMUM_ROWS: Final = 50
_MAXIMUM_FIELDS: Final = 10_000
_MAXIMUM_TEXT: Final = 65_536
_PRECISION: Final = 1e-6
_ZERO: Final = 1e-16


class Precision(Struct, frozen=True):
    """How far a number may be off: relative, and absolute around zero."""

    relative: float
    zero: float


class Verification(Struct, frozen=True):
    """The first rows of a file, each a text (None where it is missing) by the name of a field, and the precisions."""

    rows: tuple[Mapping[str, str | None], ...] = ()
    precisions: Mapping[str, Precision] = {}


def read_verification(artifact: Artifact, entry: str) -> Verification:
    """The rows of a file's first model; none where it has none, or where they cannot be read.

    Raises:
        LocalError: The file cannot be read from this machine's disk.
    """
    reader = _Reader()
    with open_file(artifact, entry) as (read, size):
        try:
            parse(read, size, reader)
        except PmmlError:
            return Verification()
    return reader.verification()


class _Reader:
    """Follows the elements to the cells of the first model's rows."""

    def __init__(self) -> None:
        self.depth = 0
        self._path: list[str] = []
        self._models = 0
        self._fields: list[tuple[str, str, Precision]] = []  # name, column, precision
        self._rows: list[list[tuple[str, str]]] = []
        self._cell: list[str] | None = None
        self._length = 0  # of the cell's text
        self._is_read = False  # the row that the reader is in

    def start(self, qualified: str, attributes: dict[str, str]) -> None:
        """An element begins."""
        self.depth += 1
        name = qualified.rpartition(" ")[2]
        if self.depth == 2 and name in MODELS:
            self._models += 1
        if self.depth > 6 or self.depth > MAXIMUM_DEPTH:
            return
        del self._path[self.depth - 1 :]
        self._path.append(name)
        if self._models != 1 or self._path[2:3] != ["ModelVerification"]:
            return
        place = self._path[3:]
        if place == ["VerificationFields", "VerificationField"] and len(self._fields) < _MAXIMUM_FIELDS:
            field = attributes.get("field", "")
            column = attributes.get("column", field)
            found = Precision(
                _number(attributes.get("precision"), _PRECISION), _number(attributes.get("zeroThreshold"), _ZERO)
            )
            self._fields.append((field, column.rpartition(":")[2], found))
        elif place == ["InlineTable", "row"]:
            self._is_read = len(self._rows) < MAXIMUM_ROWS
            if self._is_read:
                self._rows.append([])
        elif (
            place[:2] == ["InlineTable", "row"]
            and len(place) == 3
            and self._is_read
            and len(self._rows[-1]) < _MAXIMUM_FIELDS
        ):
            self._cell, self._length = [], 0

    def end(self, qualified: str) -> None:
        """An element ends."""
        if self._cell is not None and self.depth == 6:
            self._rows[-1].append((qualified.rpartition(" ")[2], "".join(self._cell)))
            self._cell = None
        self.depth -= 1

    def text(self, data: str) -> None:
        """A part of a cell."""
        if self._cell is not None and self._length < _MAXIMUM_TEXT:
            self._cell.append(data)
            self._length += len(data)

    def verification(self) -> Verification:
        """What was read: fields without a cell in any row are left out, for nothing is said of them."""
        rows = [self._row(cells) for cells in self._rows[:MAXIMUM_ROWS]]
        there = {name for row in rows for name, value in row.items() if value is not None}
        kept = tuple({name: value for name, value in row.items() if name in there} for row in rows)
        precisions = {name: precision for name, _, precision in self._fields if name in there}
        return Verification(kept if precisions else (), precisions)

    def _row(self, cells: list[tuple[str, str]]) -> dict[str, str | None]:
        """The values by field. Columns whose names an exporter made equal are told apart by their order."""
        left: defaultdict[str, deque[str]] = defaultdict(deque)
        for tag, value in cells:
            left[tag].append(value)
        return {name: left[column].popleft() if left[column] else None for name, column, _ in self._fields}


def _number(text: str | None, default: float) -> float:
    try:
        return float(text) if text is not None else default
    except ValueError:
        return default
