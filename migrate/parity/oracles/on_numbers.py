"""Scaler and prediction interval, by the formulas of their definition."""

from collections.abc import Mapping
from pathlib import Path
from statistics import NormalDist
from typing import Any

import numpy as np

from .rules import Loaded, RefusedError, Request, typed


def load_scaler(settings: Mapping[str, Any], _: Path) -> Loaded:
    """The k-th output is the k-th input in units of its standard deviation from its mean."""
    scales = settings["scaler"]["mean_std_map"]
    pairs = list(zip(settings["inputs"], settings["outputs"], strict=True))

    def answer(request: Request) -> dict[str, Any]:
        columns = numbers(settings, request)
        found = {}
        for source, target in pairs:
            scale = scales[source["name"]]
            found[target["name"]] = each(columns[source["name"]], -scale["mean"], scale["std"])
        return found

    return Loaded(answer)


def load_interval(settings: Mapping[str, Any], _: Path) -> Loaded:
    """The quantiles 0.05 and 0.95 of a normal distribution around each value."""
    residuals = settings["pi"]["residuals_std"]
    wanted = [one["name"] for one in settings["outputs"]]

    def answer(request: Request) -> dict[str, Any]:
        found = {}
        for name, column in numbers(settings, request).items():
            for side, part in (("inf", 0.05), ("sup", 0.95)):
                distance = NormalDist().inv_cdf(part) * residuals[name]
                found[f"{name}_quantile_{side}"] = each(column, distance, 1.0)
        return {name: found[name] for name in wanted}

    return Loaded(answer)


def numbers(settings: Mapping[str, Any], request: Request) -> dict[str, list[Any]]:
    """The columns of the inputs; every tensor of the request, used or not, must have as many values."""
    if len({np.asarray(value, dtype=object).size for value in request.values()}) != 1:
        raise RefusedError("the tensors of the request are no table")
    names = [one["name"] for one in settings["inputs"]]
    if any(name not in request for name in names):
        raise RefusedError(f"the request needs all of {', '.join(names)}")
    columns = {name: typed(name, "double", request[name]).ravel().tolist() for name in names}
    if any(all(value is None for value in column) for column in columns.values()):
        raise RefusedError("a column of nulls has no type")
    return columns


def each(column: list[Any], distance: float, unit: float) -> list[float | None]:
    """Each value of a column moved by a distance, in a unit; a null stays one."""
    with np.errstate(all="ignore"):
        return [None if value is None else float((np.float64(value) + distance) / np.float64(unit)) for value in column]
