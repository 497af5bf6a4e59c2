"""The feeds of a model, by the names that it declares: from the tensors of a request, or zeros for warm-up."""

from collections.abc import Mapping

import numpy as np

from migrate.server.errors import bad_request
from migrate.server.model import Field, Model
from migrate.server.tensors import DTYPES, NUMERIC, TYPELESS, Array, Tensor, check_type, roll, shaped

_WIDTH = ("integer", "long", "float", "double")


def feeds_of(model: Model, tensors: Mapping[str, Tensor], *, strict_nulls: bool = False) -> dict[str, Array]:
    """One array for each declared input; other names are ignored.

    Raises:
        migrate.server.errors.HttpError: 400, when a tensor is missing or does not fit.
    """
    return {field.name: _feed(field, tensors, model, strict_nulls) for field in model.inputs}


def _feed(field: Field, tensors: Mapping[str, Tensor], model: Model, strict_nulls: bool) -> Array:
    tensor = tensors.get(field.name)
    if tensor is None:
        tensor = _assembled(field, tensors)
    if tensor.nulls is not None and (strict_nulls or tensor.type == "string"):
        raise bad_request(f"Tensor {field.name} holds a null", f"{tensor.type} values have no default here")
    if model.window > 1 and tensor.type != TYPELESS:
        tensor = Tensor(tensor.type, roll(tensor.data, model.window))
    is_whole = model.guessed and tensor.data.ndim >= len(field.shape or ())
    return shaped(tensor, field.type, None if is_whole else field.shape)


def _assembled(field: Field, tensors: Mapping[str, Tensor]) -> Tensor:
    """The tensor of a field given column by column, by the names of its indexes."""
    if not field.fields:
        raise bad_request(f"Unable to find a tensor with name {field.name}")
    columns = []
    for index in field.fields:
        column = tensors.get(index.name)
        if column is None:
            raise bad_request(f"Unable to find either a tensor with name {field.name} or with name {index.name}")
        if column.type == TYPELESS or column.nulls is not None:
            raise bad_request(f"Tensor {index.name} holds a null", "a column of a table has no default value")
        if column.data.ndim > 1:
            raise bad_request(
                "Only vectors (i.e tensor of rank 1) are supported as indexes. "
                f"Found a tensor of rank {column.data.ndim} for index {index.name}"
            )
        columns.append(column)
        if column.data.size != columns[0].data.size:
            counts = f"{field.fields[0].name}: {columns[0].data.size}, {index.name}: {column.data.size}"
            raise bad_request(
                "When using tensor indexes all vectors should be of the same size; but found different ones", counts
            )
    kind = _common_type(columns)
    data = np.empty((columns[0].data.size, len(columns)), DTYPES[kind])
    filled = set()
    for number, (index, column) in enumerate(zip(field.fields, columns, strict=True)):
        place = number if index.index is None else index.index
        if not 0 <= place < len(columns) or place in filled:
            raise bad_request(f"Index {place} of {index.name} does not fit the {len(columns)} indexes of {field.name}")
        filled.add(place)
        data[:, place] = column.data.reshape(-1)
    return Tensor(kind, data)


def _common_type(columns: list[Tensor]) -> str:
    """The widest numeric type of the columns, or the one type that they all have."""
    kinds = {column.type for column in columns}
    if kinds <= NUMERIC:
        return max(kinds, key=_WIDTH.index)
    first = columns[0].type
    for kind in kinds:
        check_type(kind, first)
    return first


def zeros(field: Field) -> Array:
    """Zeros (or empty strings) of the declared type, every unknown dimension 1."""
    shape = tuple(1 if dim == -1 else dim for dim in field.shape or ())
    dtype = DTYPES[field.type]
    return np.full(shape, "", dtype) if dtype is np.object_ else np.zeros(shape, dtype)
