"""Area averaging as ``java.awt.image.AreaAveragingScaleFilter`` does it: 32-bit floats, summed row by row."""

from functools import lru_cache
from itertools import pairwise
from typing import Final

import numpy as np

from migrate.server.tensors import Array

# Sums of integers up to here are exact in a 32-bit float, whatever their order.
_EXACT: Final = 2**24
_ROWS: Final = 32  # of the new picture at a time, so that what they are made of stays in the CPU's cache


def area_average(colour: Array, alpha: Array | None, width: int, height: int) -> Array:
    """Integers [h, w, 3] of 0..255 averaged over the area that each new pixel covers; with alpha, weighted by it.

    Colours are divided by ``source width * source height`` (coverage is counted in integers), or by the summed alpha
    of pixels that are neither clear nor opaque, and rounded half up. The result is of bytes.
    """
    rows, columns = colour.shape[:2]
    total = np.float32(columns) * np.float32(rows)
    # Band by band: numpy is quick along the last axis only, which would be that of three colours.
    planes = np.ascontiguousarray(np.moveaxis(colour, 2, 0), np.float32)
    if alpha is None:
        return np.moveaxis(_rounded(_sums(planes, width, height, whole=True) / total), 0, 2)
    weight = alpha.astype(np.float32)
    share = np.where(weight == 255, np.float32(1), weight / np.float32(255))
    sums = _sums(planes * share, width, height, whole=False)
    alphas = _sums(weight[np.newaxis], width, height, whole=True)[0]
    opacity = np.floor(alphas / total + np.float32(0.5))
    partly = (opacity > 0) & (opacity < 255)
    divisor = np.where(partly, alphas / np.float32(255), total).astype(np.float32)
    return np.moveaxis(np.where(opacity > 0, _rounded(sums / divisor), 0), 0, 2)


def _rounded(values: Array) -> Array:
    return np.clip(np.floor(values + np.float32(0.5)), 0, 255).astype(np.uint8)


def _sums(planes: Array, width: int, height: int, *, whole: bool) -> Array:
    """Coverage-weighted sums [band, height, width] in the order in which Java adds them.

    Where the values are ``whole`` numbers and few, no order gives another sum: rows are then added up before columns.
    """
    bands, rows, columns = planes.shape
    down, across = _steps(rows, height), _steps(columns, width)
    sums = np.zeros((bands, height, width), np.float32)
    if whole and rows * columns * 255 < _EXACT:
        part = np.empty_like(sums)
        lines = np.zeros((bands, height, columns), np.float32)
        for source_row, weight_down in down:
            lines += planes[:, source_row] * weight_down.astype(np.float32)[:, None]
        for source_column, weight_across in across:
            np.take(lines, source_column, axis=2, out=part, mode="clip")
            part *= weight_across.astype(np.float32)
            sums += part
        return sums
    for start in range(0, height, _ROWS):
        some = slice(start, start + _ROWS)
        first, last = down[0][0][some][0], down[-1][0][some][-1]
        lines = planes[:, first : last + 1]
        chosen = [(np.take(lines, source, axis=2, mode="clip"), weight) for source, weight in across]
        for source_row, weight_down in down:
            for columns_of, weight_across in chosen:
                # Each weight is a whole number; one of no coverage adds zero, which changes no float.
                weight = np.outer(weight_down[some], weight_across).astype(np.float32)
                sums[:, some] += columns_of[:, source_row[some] - first] * weight
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


@lru_cache(maxsize=32)
def _steps(source: int, target: int) -> tuple[tuple[Array, Array], ...]:
    """The coverage turned around: step by step one source pixel for every new pixel, with its weight or zero."""
    coverage = _coverage(source, target)
    longest = max(len(parts) for parts in coverage)
    steps = []
    for number in range(longest):
        chosen = [parts[number] if number < len(parts) else (parts[-1][0], 0) for parts in coverage]
        steps.append((np.array([pixel for pixel, _ in chosen]), np.array([amount for _, amount in chosen])))
    return tuple(steps)
