"""Area averaging as ``java.awt.image.AreaAveragingScaleFilter`` does it: 32-bit floats, summed row by row."""

from itertools import pairwise
from typing import Final

import numpy as np

from migrate.server.tensors import Array

# Sums of integers up to here are exact in a 32-bit float, whatever their order.
_EXACT: Final = 2**24


def area_average(colour: Array, alpha: Array | None, width: int, height: int) -> Array:
    """Integers [h, w, 3] of 0..255 averaged over the area that each new pixel covers; with alpha, weighted by it.

    Colours are divided by ``source width * source height`` (coverage is counted in integers), or by the summed alpha
    of pixels that are neither clear nor opaque, and rounded half up.
    """
    rows, columns = colour.shape[:2]
    total = np.float32(columns) * np.float32(rows)
    if alpha is None:
        return _rounded(_sums(colour.astype(np.float32), width, height) / total)
    weight = alpha.astype(np.float32)
    share = np.where(weight == 255, np.float32(1), weight / np.float32(255))
    sums = _sums(colour.astype(np.float32) * share[..., None], width, height)
    alphas = _sums(weight[..., None], width, height)
    opacity = np.floor(alphas / total + np.float32(0.5))
    partly = (opacity > 0) & (opacity < 255)
    divisor = np.where(partly, alphas / np.float32(255), total).astype(np.float32)
    return np.where(opacity > 0, _rounded(sums / divisor), 0)


def _rounded(values: Array) -> Array:
    return np.clip(np.floor(values + np.float32(0.5)), 0, 255).astype(np.int32)


def _sums(values: Array, width: int, height: int) -> Array:
    """Coverage-weighted sums [height, width, bands] in the order in which Java adds them."""
    rows, columns = values.shape[:2]
    down, across = _coverage(rows, height), _coverage(columns, width)
    if rows * columns * 255 < _EXACT and np.array_equal(values, np.rint(values)):
        summed: Array = np.einsum(
            "ij,jkc,lk->ilc", _matrix(down, rows), values, _matrix(across, columns), optimize=True
        )
        return summed.astype(np.float32)
    sums = np.zeros((height, width, values.shape[2]), np.float32)
    for source_row, weight_down in _steps(down):
        for source_column, weight_across in _steps(across):
            # Each weight is a whole number; one of no coverage adds zero, which changes no float.
            weight = np.outer(weight_down, weight_across).astype(np.float32)
            sums += weight[..., None] * values[source_row[:, None], source_column[None, :]]
    return sums


def _coverage(source: int, target: int) -> list[list[tuple[int, int]]]:
    """For each new pixel its source pixels and how much of each it covers, on a grid of source * target parts."""
    edges = [index * source for index in range(target + 1)]
    covered = []
    for start, end in pairwise(edges):
        first, last = start // target, (end - 1) // target
        covered.append(
            [(pixel, min(end, (pixel + 1) * target) - max(start, pixel * target)) for pixel in range(first, last + 1)]
        )
    return covered


def _matrix(coverage: list[list[tuple[int, int]]], source: int) -> Array:
    matrix = np.zeros((len(coverage), source), np.float64)
    for target, parts in enumerate(coverage):
        for pixel, amount in parts:
            matrix[target, pixel] = amount
    return matrix


def _steps(coverage: list[list[tuple[int, int]]]) -> list[tuple[Array, Array]]:
    """The coverage turned around: step by step one source pixel for every new pixel, with its weight or zero."""
    longest = max(len(parts) for parts in coverage)
    steps = []
    for number in range(longest):
        chosen = [parts[number] if number < len(parts) else (parts[-1][0], 0) for parts in coverage]
        steps.append((np.array([pixel for pixel, _ in chosen]), np.array([amount for _, amount in chosen])))
    return steps
