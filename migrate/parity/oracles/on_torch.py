"""PyTorch, called directly: TorchScript by its manifest, and pickled modules."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch

from . import old_torch
from .rules import (
    DTYPES,
    Array,
    Loaded,
    Request,
    answered,
    converted,
    declared_array,
    feed,
    named_or_columns,
    typed,
    wanted_shape,
)

# Sizes that a module without a manifest may want where its structure leaves them open: a few, then those of pictures.
SIZES = (1, 2, 8, 32, 28, 64, 16, 4, 224, 96, 128, 48, 24, 14, 7, 5, 3, 6, 10, 12, 20, 40, 50, 56, 60, 80, 84, 100, 112,
         150, 160, 192, 200, 227, 240, 256, 299, 300, 320, 384, 512)  # fmt: skip
SAMPLED = (4, 8)
"""Sizes that samples have in dimensions that are open."""


def load_script(settings: Mapping[str, Any], root: Path) -> Loaded:
    """A TorchScript module: the k-th element of its answer is the k-th declared output."""
    module: Any = old_torch.script(root / settings["entry"])
    fields: Sequence[Mapping[str, Any]] = settings["outputs"]

    def answer(request: Request) -> dict[str, Any]:
        found = called(module, feed(settings, request))
        elements = list(found) if isinstance(found, tuple) else [found]
        pairs = list(zip(fields, elements, strict=False))
        if len(pairs) < len(fields):
            raise ValueError(f"{len(elements)} tensors for {len(fields)} outputs")
        return answered(fields, {one["name"]: declared_array(one, numbers(e).ravel()) for one, e in pairs})

    return Loaded(answer)


def load_module(settings: Mapping[str, Any], root: Path) -> Loaded:
    """A pickled module in evaluation mode; without a manifest it has the outputs that a call on zeros has."""
    module: Any = old_torch.module(root / settings["entry"])
    inputs: Sequence[Mapping[str, Any]] = settings["inputs"]
    if not settings.get("manifest"):
        numbers_of = [each.dtype for each in (*module.parameters(), *module.buffers()) if each.dtype.is_floating_point]
        return bare_module(module, inputs, numbers_of[0] if numbers_of else None, settings)
    fields: Sequence[Mapping[str, Any]] = settings["outputs"]

    def answer(request: Request) -> dict[str, Any]:
        found = parts(called(module, feed(settings, request)))
        if not all(one["name"] in found for one in fields):
            found = dict(zip([one["name"] for one in fields], found.values(), strict=False))
        return answered(fields, {one["name"]: declared_array(one, numbers(found[one["name"]])) for one in fields})

    return Loaded(answer)


def bare_module(
    module: Any, inputs: Sequence[Mapping[str, Any]], kind: torch.dtype | None, settings: Mapping[str, Any]
) -> Loaded:
    """A module that no manifest describes: tensors go in and come out as they are, in the module's own precision."""
    size = next((size for size in SIZES if tried(module, inputs, size, kind)), None)
    names = [one["name"] for one in settings["outputs"][:1]] if size is None else tried(module, inputs, size, kind)

    def answer(request: Request) -> dict[str, Any]:
        feeds = {}
        for one in inputs:
            array = typed(one["name"], one["type"], named_or_columns(one, request))
            shape = array.shape if array.ndim >= len(one["shape"]) else wanted_shape(array.shape, one["shape"])
            feeds[one["name"]] = converted(array, one["type"]).reshape(shape)
        found = parts(called(module, feeds, kind))
        if not all(name in found for name in names):
            found = dict(zip(names, found.values(), strict=False))
        return {name: numbers(found[name]).tolist() for name in names}

    if size is None or any(tried(module, inputs, other, kind) for other in SAMPLED):
        return Loaded(answer)
    # What is asked has a size that the module takes.
    sized = [{**one, "shape": [one["shape"][0], *(size if n == -1 else n for n in one["shape"][1:])]} for one in inputs]
    return Loaded(answer, {"inputs": sized})


def tried(module: Any, inputs: Sequence[Mapping[str, Any]], size: int, kind: torch.dtype | None) -> list[str]:
    """The names of what a module answers to zeros of one row; none where it refuses them, or they are very many."""
    shapes = {one["name"]: [1, *(size if n == -1 else n for n in one["shape"][1:])] for one in inputs}
    if any(np.prod(shape) > 1 << 20 for shape in shapes.values()):
        return []
    feeds = {one["name"]: np.zeros(shapes[one["name"]], DTYPES[one["type"]]) for one in inputs}
    try:
        return list(parts(called(module, feeds, kind)))
    except Exception:  # noqa: BLE001 - whatever it is: no input for this module
        return []


def called(module: Any, feeds: Mapping[str, Array], kind: torch.dtype | None = None) -> Any:
    """What a module answers to its inputs by position, those of fractions in the module's precision."""
    tensors = [torch.tensor(array) for array in feeds.values()]
    with torch.inference_mode():
        return module(*[each.to(kind) if kind and each.dtype.is_floating_point else each for each in tensors])


def parts(found: Any) -> dict[str, Any]:
    """The tensors of an answer by name: a dictionary's own, else by place; tuples in tuples are laid out in a row."""
    if isinstance(found, Mapping):
        rows = {str(name): flat(value) for name, value in found.items()}
        named = {
            (name if len(row) == 1 else f"{name}_{place}"): leaf
            for name, row in rows.items()
            for place, leaf in enumerate(row)
        }
    else:
        named = {f"output_{place}": leaf for place, leaf in enumerate(flat(found))}
    return {name: leaf for name, leaf in named.items() if torch.is_tensor(leaf)}


def flat(value: Any) -> list[Any]:
    """What is in lists and tuples, however deep, in its order."""
    return [leaf for one in value for leaf in flat(one)] if isinstance(value, (list, tuple)) else [value]


def numbers(tensor: Any) -> Array:
    """A tensor as an array; half precision widened."""
    wide = tensor.float() if tensor.dtype in (torch.float16, torch.bfloat16) else tensor
    return np.asarray(wide.cpu().numpy())
