"""The scaler and the prediction interval: every tensor of a request is a column of one table of numbers."""

from collections.abc import Callable
from statistics import NormalDist
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .tensors import NUMERIC, RefusalError, Tensor, read_tensors

Array = NDArray[Any]
Field = dict[str, Any]
Column = Callable[[float], np.float64]


class Table:
    """What scaler and interval share.

    Args:
        manifest: The processor's manifest; ``self.columns`` says, for each output, what it is computed from and how.

    Raises:
        KeyError: It lacks something.
    """

    columns: dict[str, tuple[str, Column]]

    def __init__(self, manifest: dict[str, Any]) -> None:
        self.inputs: list[Field] = [_plain(field) for field in manifest["inputs"]]
        self.outputs: list[Field] = [_plain(field) for field in manifest["outputs"]]

    def describe(self) -> dict[str, Any]:
        """The document of ``/describe``; fields without a shape."""
        return {"inputs": self.inputs, "outputs": self.outputs, "rolling_windows_size": 1}

    def evaluate(self, body: bytes, step: str | None) -> dict[str, Array]:
        """The columns that answer a JSON body; a null stays a null."""
        given = read_tensors(body)
        if len({len(tensor.values) for tensor in given.values()}) > 1:
            raise RefusalError(400, "Impossible to convert the given input as a 2 dimensional array.")
        if not all(_is_column(given.get(field["name"])) for field in self.inputs):
            wanted = ",".join(f"({field['name']},{field['type']})" for field in self.inputs)
            raise RefusalError(400, f"Required fields {wanted} not found or not compatible in the Table")
        if step == "input:0":
            return {field["name"]: _column(given[field["name"]].values, np.float64) for field in self.inputs}
        return {name: _column(given[source].values, compute) for name, (source, compute) in self.columns.items()}


class Scaler(Table):
    """``(x - mean) / std``, the k-th output from the k-th input."""

    def __init__(self, manifest: dict[str, Any]) -> None:
        super().__init__(manifest)
        scales = manifest["mean_std_map"]
        self.columns = {
            target["name"]: (source["name"], _scale(float(scale["mean"]), float(scale["std"])))
            for source, target in zip(self.inputs, self.outputs, strict=True)
            for scale in [scales[source["name"]]]
        }


class Interval(Table):
    """The quantiles 0.05 and 0.95 of the normal distribution around each value."""

    def __init__(self, manifest: dict[str, Any]) -> None:
        super().__init__(manifest)
        sides = {"inf": NormalDist().inv_cdf(0.05), "sup": NormalDist().inv_cdf(0.95)}
        known = {
            f"{field['name']}_quantile_{side}": (
                field["name"],
                _move(quantile * float(manifest["residuals_std"][field["name"]])),
            )
            for field in self.inputs
            for side, quantile in sides.items()
        }
        self.columns = {field["name"]: known[field["name"]] for field in self.outputs}


def _plain(field: Field) -> Field:
    return {"name": field["name"], "type": field["type"].lower()}


def _is_column(tensor: Tensor | None) -> bool:
    return tensor is not None and tensor.type in NUMERIC


def _column(values: list[Any], compute: Column) -> Array:
    with np.errstate(all="ignore"):
        computed = [None if value is None else compute(float(value)) for value in values]
    return np.array(computed, object if None in values else np.float64)


def _scale(mean: float, std: float) -> Column:
    return lambda value: (np.float64(value) - mean) / np.float64(std)


def _move(distance: float) -> Column:
    return lambda value: np.float64(value) + distance
