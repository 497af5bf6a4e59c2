"""What a module takes and answers, from trial calls: for modules that no manifest describes."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from math import prod
from typing import Any, Final

import numpy as np

from migrate.server.engines.torch_calls import to_numpy
from migrate.server.errors import HttpError
from migrate.server.model import Field
from migrate.server.tensors import DTYPES, Array, Shape, type_of

Call = Callable[[Mapping[str, Array]], dict[str, Any]]
"""Tensors in, tensors out by name."""

# Sizes of a free dimension, tried until one is taken: small ones, and those of pictures.
_SIZES: Final = (
    *(1, 2, 8, 32, 28, 64, 16, 4, 224, 96, 128, 48, 24, 14, 7, 5, 3, 6, 10, 12, 20, 40, 50, 56, 60, 80, 84, 100),
    *(112, 150, 160, 192, 200, 227, 240, 256, 299, 300, 320, 384, 512),
)
_MOST_VALUES: Final = 1 << 20


def trial_outputs(call: Call, inputs: Sequence[Field]) -> tuple[Field, ...]:
    """The outputs of a module; -1 stands where a size moves with that of an input. Empty where it takes no trial.

    The shapes are what trials showed and no more, so that answers go out as they are.
    """
    for sizes in _trials(inputs):
        found = _shapes(call, inputs, sizes)
        if found is not None:
            break
    else:
        return ()
    answers, types = found
    for name, sizes_of_one in sizes.items():
        field = next(field for field in inputs if field.name == name)
        for place, size in enumerate(sizes_of_one):
            if (field.shape or ())[place] == -1:
                answers = _compared(answers, _moved(call, inputs, sizes, (name, place, size)))
    return tuple(Field(name, types[name], shape) for name, shape in answers.items())


def _trials(inputs: Sequence[Field]) -> Iterator[dict[str, list[int]]]:
    """The sizes of every input's dimensions: one row, and the same size in each other dimension that is free."""
    for size in _SIZES:
        sizes = {
            field.name: [
                declared if declared != -1 else size if place else 1 for place, declared in enumerate(field.shape or ())
            ]
            for field in inputs
        }
        if all(prod(each) <= _MOST_VALUES for each in sizes.values()):
            yield sizes


def _shapes(
    call: Call, inputs: Sequence[Field], sizes: Mapping[str, Sequence[int]]
) -> tuple[dict[str, Shape | None], dict[str, str]] | None:
    """The shapes and types of the answer to zeros; None where the module refuses them."""
    feeds = {field.name: np.zeros(sizes[field.name], DTYPES[field.type]) for field in inputs}
    try:
        arrays = {name: to_numpy(value) for name, value in call(feeds).items()}
    except HttpError:
        return None
    if not arrays:
        return None
    return {name: array.shape for name, array in arrays.items()}, {name: type_of(a) for name, a in arrays.items()}


def _moved(
    call: Call, inputs: Sequence[Field], sizes: Mapping[str, list[int]], moved: tuple[str, int, int]
) -> Mapping[str, Shape | None] | None:
    """The shapes when one dimension of one input has another size; None where the module takes no other."""
    name, place, size = moved
    for other in (size + 31, 2 * size, size + 1):
        changed = {**sizes, name: [*sizes[name][:place], other, *sizes[name][place + 1 :]]}
        if prod(changed[name]) > _MOST_VALUES:
            continue
        found = _shapes(call, inputs, changed)
        if found is not None:
            return found[0]
    return None


def _compared(known: dict[str, Shape | None], other: Mapping[str, Shape | None] | None) -> dict[str, Shape | None]:
    if other is None:
        return known
    found: dict[str, Shape | None] = {}
    for name, shape in known.items():
        new = other.get(name)
        if shape is None or new is None or len(shape) != len(new):
            found[name] = None  # not even the number of dimensions is the same
        else:
            found[name] = tuple(a if a in (b, -1) else -1 for a, b in zip(shape, new, strict=True))
    return found
