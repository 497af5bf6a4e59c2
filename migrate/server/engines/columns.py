"""Tables given column by column, for the engines that know missing values."""

from collections.abc import Mapping, Sequence

import numpy as np

from migrate.server.errors import bad_request
from migrate.server.model import Field
from migrate.server.tensors import DTYPES, TYPELESS, Array, Tensor, check_type, convert, resolve_shape


def columns_of(fields: Sequence[Field], tensors: Mapping[str, Tensor]) -> dict[str, Array]:
    """The columns that a request has, nulls masked; one that is not there is missing in every row.

    Raises:
        migrate.server.errors.HttpError: 400, when no column is there, or one has another type.
    """
    columns = {field.name: _column(field, tensors[field.name]) for field in fields if field.name in tensors}
    if not columns:
        raise bad_request(f"Unable to find a tensor with name {fields[0].name}")
    return columns


def row_count(columns: Mapping[str, Array]) -> int:
    """The rows of a table.

    Raises:
        migrate.server.errors.HttpError: 400, when its columns differ.
    """
    sizes = {column.size for column in columns.values()}
    if len(sizes) != 1:
        counts = ", ".join(f"{name}: {column.size}" for name, column in columns.items())
        raise bad_request("All tensors should have the same size", counts)
    return sizes.pop()


def _column(field: Field, tensor: Tensor) -> Array:
    if tensor.type == TYPELESS:
        return np.ma.MaskedArray(np.zeros(tensor.data.size, DTYPES[field.type]), mask=True)
    check_type(tensor.type, field.type)
    shape = resolve_shape(tensor.data.shape, field.shape) if field.shape is not None else tensor.data.shape
    data = convert(tensor.data, field.type).reshape(shape)
    return data if tensor.nulls is None else np.ma.MaskedArray(data, tensor.nulls.reshape(shape))
