"""Scaler and prediction interval: columns of numbers in, columns of doubles out (contract: Old processors)."""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Final

import numpy as np

from migrate.server.errors import bad_request
from migrate.server.evaluator import INPUT, OUTPUT, Evaluated, Stop, array_of
from migrate.server.model import Field, Model
from migrate.server.model_engine import ContradictionError
from migrate.server.tensors import DTYPES, NUMERIC, Array, Tensor

# The quantile of 0.95 of the standard normal distribution.
_QUANTILE: Final = 1.6448536269514729
_NO_TABLE: Final = "Impossible to convert the given input as a 2 dimensional array."


class TableEngine(ABC):
    """What scaler and interval share: every tensor of a request is a column of one table, whatever its shape."""

    def __init__(self, model: Model) -> None:
        for field in (*model.inputs, *model.outputs):
            if field.type not in NUMERIC:
                raise ContradictionError(f"{field.name} is declared as {field.type}, a {model.engine} takes numbers")
        self._model = model

    @property
    def inputs(self) -> Mapping[str, str]:
        """Numpy's word for the dtype of each input."""
        return {field.name: str(np.dtype(DTYPES[field.type])) for field in self._model.inputs}

    @property
    def outputs(self) -> Mapping[str, str]:
        """Doubles, whatever is declared."""
        return {field.name: "float64" for field in self._model.outputs}

    def complete(self, model: Model) -> Model:
        """The description as it is."""
        return model

    @abstractmethod
    def run(self, feeds: Mapping[str, Array]) -> dict[str, Array]:
        """Compute the outputs of columns; nulls (masked values) stay nulls."""

    def evaluate(self, tensors: Mapping[str, Tensor], stop: Stop | None, *, strict_nulls: bool) -> Evaluated:
        """Make a table of all tensors of the request, and compute.

        Raises:
            migrate.server.errors.HttpError: 400, when it is no table, or lacks a column.
        """
        del strict_nulls  # a null is a value of a column
        sizes = {tensor.data.size for tensor in tensors.values()}
        if len(sizes) > 1:
            counts = ", ".join(f"{name}: {tensor.data.size}" for name, tensor in tensors.items())
            raise bad_request(_NO_TABLE, counts)
        fields = self._model.inputs
        if not all(_fits(field, tensors.get(field.name)) for field in fields):
            wanted = ",".join(f"({field.name},{field.type})" for field in fields)
            raise bad_request(f"Required fields {wanted} not found or not compatible in the Table")
        feeds = {field.name: array_of(tensors[field.name]).reshape(-1) for field in fields}
        if stop == (INPUT, 0):
            return Evaluated(feeds, 0, stopped=True)
        return Evaluated(self.run(feeds), 1, stopped=stop == (OUTPUT, 0))


class ScalerEngine(TableEngine):
    """``(x - mean) / std``; the k-th output belongs to the k-th input."""

    def __init__(self, model: Model, *, threads: int) -> None:
        del threads
        super().__init__(model)
        scales = model.scaler.mean_std_map if model.scaler is not None else {}
        if len(model.inputs) != len(model.outputs):
            raise ContradictionError(f"a scaler of {len(model.inputs)} inputs has {len(model.outputs)} outputs")
        missing = [field.name for field in model.inputs if field.name not in scales]
        if missing:
            raise ContradictionError(f"mean_std_map has nothing for {missing}")
        self._plan = [
            (source.name, target.name, scales[source.name])
            for source, target in zip(model.inputs, model.outputs, strict=True)
        ]

    def run(self, feeds: Mapping[str, Array]) -> dict[str, Array]:
        """The scaled columns; a standard deviation of 0 gives infinities or NaN, as doubles do."""
        with np.errstate(all="ignore"):
            return {
                target: _keep_nulls(feeds[source], (_doubles(feeds[source]) - scale.mean) / np.float64(scale.std))
                for source, target, scale in self._plan
            }


class IntervalEngine(TableEngine):
    """The quantiles 0.05 and 0.95 of the normal distribution around each value."""

    def __init__(self, model: Model, *, threads: int) -> None:
        del threads
        super().__init__(model)
        residuals = model.pi.residuals_std if model.pi is not None else {}
        missing = [field.name for field in model.inputs if field.name not in residuals]
        if missing:
            raise ContradictionError(f"residuals_std has nothing for {missing}")
        sides = {"inf": -_QUANTILE, "sup": _QUANTILE}
        known = {
            f"{field.name}_quantile_{side}": (field.name, quantile * residuals[field.name])
            for field in model.inputs
            for side, quantile in sides.items()
        }
        unknown = [field.name for field in model.outputs if field.name not in known]
        if unknown:
            raise ContradictionError(f"a prediction interval has no outputs {unknown}, it has {sorted(known)}")
        self._plan = [(field.name, *known[field.name]) for field in model.outputs]

    def run(self, feeds: Mapping[str, Array]) -> dict[str, Array]:
        """The declared quantiles."""
        return {
            target: _keep_nulls(feeds[source], _doubles(feeds[source]) + distance)
            for target, source, distance in self._plan
        }


def _doubles(data: Array) -> Array:
    return np.asarray(np.ma.getdata(data), np.float64)


def _keep_nulls(data: Array, result: Array) -> Array:
    # A computation on masked arrays itself would mask infinities too.
    return np.ma.MaskedArray(result, np.ma.getmaskarray(data)) if isinstance(data, np.ma.MaskedArray) else result


def _fits(field: Field, tensor: Tensor | None) -> bool:
    return tensor is not None and (tensor.type == field.type or tensor.type in NUMERIC)
