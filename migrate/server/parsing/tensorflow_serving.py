"""TensorFlow Serving's forms beside the old one.

They are ``{"instances": [...]}``, one entry for each row, and ``{"inputs": {...}}``, one for each tensor. A body is
read so only where the old form could not have been meant: it holds nothing but ``instances`` or ``inputs``, and
``signature_name``, and the model takes no tensor and no column of the names that it holds. The old runtime refused each
such body, for all that the model does take is missing.

The forms are TensorFlow Serving's REST API, "Specifying input tensors in row format" and "in column format".
"""

from collections.abc import Iterator, Mapping
from typing import Any, Final

from msgspec import Struct

from migrate.server.errors import bad_request
from migrate.server.model import Field, Model, ModelJson
from migrate.server.negotiation import Form
from migrate.server.tensors import Array

INSTANCES: Final = "instances"
INPUTS: Final = "inputs"
_SIGNATURE: Final = "signature_name"
_ROWS: Final = frozenset({INSTANCES, _SIGNATURE})
_COLUMNS: Final = frozenset({INPUTS, _SIGNATURE})
B64: Final = "b64"


class Body(Struct, frozen=True):
    """A request in the old form: each name with its value. ``rows`` counts its instances where it had the row form."""

    tensors: Mapping[str, Any]
    form: Form = "named"
    rows: int = 0


class ServingForms:
    """Reads the forms of TensorFlow Serving for one model; the values are not looked at."""

    def __init__(self, model: Model) -> None:
        self._names = [field.name for field in model.inputs]
        steps = [*_steps(model)]
        taken = {name for step in steps for field in step.inputs for name in _names_of(field)}
        # A tokenizer takes words of one text, and has no rows.
        self._by_row = not _ROWS & taken and all(step.engine != "tokenizers" for step in steps)
        self._by_column = not _COLUMNS & taken

    def body(self, root: Mapping[str, Any]) -> Body:
        """The old form of a body, whichever it has.

        Args:
            root: The decoded body.

        Raises:
            HttpError: 400, when there are no instances, they differ in their names, or a value without a name is sent
                to a model that takes several.
        """
        if self._by_row and root.keys() <= _ROWS and type(root.get(INSTANCES)) is list:
            return Body(self._of_rows(root[INSTANCES]), "rows", len(root[INSTANCES]))
        if self._by_column and root.keys() <= _COLUMNS and root.get(INPUTS) is not None:
            return Body(self._of_columns(root[INPUTS]), "columns")
        return Body(root)

    def _of_columns(self, inputs: Any) -> dict[str, Any]:
        if _is_named(inputs):
            return dict(inputs)
        return {self._only_name("inputs is an object"): inputs}

    def _of_rows(self, rows: list[Any]) -> dict[str, Any]:
        if not rows:
            raise bad_request("instances is empty", "it holds one entry for each row")
        names = [set(row) if _is_named(row) else None for row in rows]
        if any(found != names[0] for found in names):
            raise bad_request("The instances differ in their names", "each must have the same inputs")
        if names[0] is not None:
            return {name: [row[name] for row in rows] for name in rows[0]}
        return {self._only_name("each instance is an object"): rows}

    def _only_name(self, wanted: str) -> str:
        if len(self._names) != 1:
            raise bad_request("The model takes several inputs", f"{wanted} with the names {', '.join(self._names)}")
        return self._names[0]


def _is_named(value: Any) -> bool:
    return isinstance(value, dict) and value.keys() != {B64}


def _steps(model: ModelJson) -> Iterator[ModelJson]:
    """The model and all that a flow runs: a step may take what the flow's own inputs do not name."""
    yield model
    for step in model.flow.steps if model.flow else ():
        yield from _steps(step)


def _names_of(field: Field) -> tuple[str, ...]:
    return (field.name, *(index.name for index in field.fields))


def check_rows(tensors: Mapping[str, Array], rows: int, *, window: int) -> None:
    """Refuse an answer that has no row for each instance; rolling windows have fewer.

    Raises:
        HttpError: 400.
    """
    counts = {name: data.shape[0] if data.ndim else 0 for name, data in tensors.items()}
    if window > 1:
        rows = next(iter(counts.values()))
    if not rows or any(count != rows for count in counts.values()):
        found = ", ".join(f"{name}: {count}" for name, count in counts.items())
        raise bad_request(
            f"The answer does not have one row for each of the {rows} instances",
            f"rows of {found}; send the tensors by their names, without instances",
        )
