"""TensorFlow Serving's row form beside the old one: ``{"instances": [...]}``, one entry for each row.

A body is read so only where the old form could not have been meant: it holds nothing but ``instances`` and
``signature_name``, and the model takes no tensor and no column of these names. The old runtime refused each such body,
for all that the model does take is missing.

The form is TensorFlow Serving's REST API, "Specifying input tensors in row format".
"""

from collections.abc import Iterator, Mapping
from typing import Any, Final

from migrate.server.errors import bad_request
from migrate.server.model import Field, Model, ModelJson
from migrate.server.tensors import Array

INSTANCES: Final = "instances"
_KEYS: Final = frozenset({INSTANCES, "signature_name"})
B64: Final = "b64"


class RowForm:
    """Reads the row form of one model; the values are not looked at."""

    def __init__(self, model: Model) -> None:
        self._names = [field.name for field in model.inputs]
        # A tokenizer takes words of one text, and has no rows.
        steps = [*_steps(model)]
        taken = {name for step in steps for field in step.inputs for name in _names_of(field)}
        self._applies = not _KEYS & taken and all(step.engine != "tokenizers" for step in steps)

    def rows(self, root: Mapping[str, Any]) -> list[Any] | None:
        """The instances; None where the body has the old form."""
        if not self._applies or not root.keys() <= _KEYS or type(root.get(INSTANCES)) is not list:
            return None
        return list(root[INSTANCES])

    def named(self, rows: list[Any]) -> dict[str, Any]:
        """The old form of the instances: each name with the values of all rows.

        Raises:
            HttpError: 400, when there are none, they differ in their names, or have none and the model takes several.
        """
        if not rows:
            raise bad_request("instances is empty", "it holds one entry for each row")
        names = [set(row) if _is_named(row) else None for row in rows]
        if any(found != names[0] for found in names):
            raise bad_request("The instances differ in their names", "each must have the same inputs")
        if names[0] is not None:
            return {name: [row[name] for row in rows] for name in rows[0]}
        if len(self._names) != 1:
            takes = ", ".join(self._names)
            raise bad_request("The model takes several inputs", f"each instance is an object with the names {takes}")
        return {self._names[0]: rows}


def _is_named(row: Any) -> bool:
    return isinstance(row, dict) and row.keys() != {B64}


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
