"""From the engine's outputs to the tensors of an answer, in the order of a Java HashMap."""

from collections.abc import Mapping
from math import prod

from migrate.server.errors import bad_request
from migrate.server.java import hash_order
from migrate.server.model import Field, Model
from migrate.server.tensors import DTYPES, Array, Tensor, fits, shaped, type_of


class AnswerPlan:
    """How a model's outputs become its answer: each declared output, or only its indexes where it declares some."""

    def __init__(self, model: Model) -> None:
        self._fields = model.outputs
        self._guessed = model.guessed
        names = [
            name
            for field in model.outputs
            for name in ([i.name for i in field.fields] if field.fields else [field.name])
        ]
        self._order = hash_order(names)

    def answer(self, outputs: Mapping[str, Array]) -> dict[str, Array]:
        """The answer's tensors in the order of its keys.

        Raises:
            migrate.server.errors.HttpError: 400, when an output does not have its declared type, shape or columns.
        """
        found: dict[str, Array] = {}
        for field in self._fields:
            data = _declared(field, outputs[field.name], guessed=self._guessed)
            if field.fields:
                found.update(_columns(field, data))
            else:
                found[field.name] = data
        return {name: found[name] for name in self._order}


def raw_answer(tensors: Mapping[str, Array]) -> dict[str, Array]:
    """Tensors as they are, in the order of the answer's keys (``Step``)."""
    return {name: tensors[name] for name in hash_order(tensors)}


def _declared(field: Field, data: Array, *, guessed: bool) -> Array:
    shape = None if guessed else field.shape
    if shape is None or fits(data.shape, shape):
        if data.dtype == DTYPES[field.type]:
            return data
        shape = None
    if shape == () and prod(data.shape) != 1:
        # The file does not say the shape of this output at all.
        shape = None
    return shaped(Tensor(type_of(data), data), field.type, shape)


def _columns(field: Field, data: Array) -> dict[str, Array]:
    columns = {}
    for index in field.fields:
        if data.ndim > 2:
            raise bad_request(f"Unable to split tensor {field.name} of {data.ndim} dimensions into its fields")
        if index.index is None:
            if data.ndim > 1:
                raise bad_request(f"Field {index.name} needs an index in tensor {field.name}")
            columns[index.name] = data
        elif data.ndim == 2 and 0 <= index.index < data.shape[1]:
            columns[index.name] = data[:, index.index]
        else:
            raise bad_request(f"Tensor {field.name} has no column {index.index} for field {index.name}")
    return columns
