"""The simplest input that a model can have, for warm-up."""

import numpy as np

from migrate.server.model import Field
from migrate.server.tensors import DTYPES, Array


def zeros(field: Field) -> Array:
    """Zeros (or empty strings) of the declared type, every unknown dimension 1."""
    shape = tuple(1 if dim == -1 else dim for dim in field.shape or ())
    dtype = DTYPES[field.type]
    return np.full(shape, "", dtype) if dtype is np.object_ else np.zeros(shape, dtype)
