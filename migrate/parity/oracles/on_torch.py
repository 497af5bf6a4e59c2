"""PyTorch, called directly: TorchScript by its manifest, and pickled modules."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch

from .rules import DTYPES, Array, Loaded, Request, answered, declared_array, feed

# What these classes read today and modules pickled before had not: a class's attribute stands in for an instance's.
_LATER: tuple[tuple[str, str, object], ...] = (
    ("GELU", "approximate", "none"),
    ("Upsample", "recompute_scale_factor", None),
    ("MultiheadAttention", "batch_first", False),
    ("TransformerEncoderLayer", "norm_first", False),
    ("TransformerDecoderLayer", "norm_first", False),
)


def load_script(settings: Mapping[str, Any], root: Path) -> Loaded:
    """A TorchScript module: the k-th element of its answer is the k-th declared output."""
    module: Any = torch.jit.load(str(root / settings["entry"]), map_location="cpu")
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
    """A pickled module in evaluation mode; without a manifest, it has the outputs that a call on zeros has."""
    for name, attribute, value in _LATER:
        setattr(getattr(torch.nn, name), attribute, value)
    module: Any = torch.load(root / settings["entry"], map_location="cpu", weights_only=False).eval()
    fields: Sequence[Mapping[str, Any]] = settings["outputs"]
    if not settings.get("manifest"):
        try:
            fields = [{"name": name} for name in parts(called(module, zeros(settings["inputs"])))]
        except Exception:  # noqa: BLE001 - whatever it is: zeros are no input for this module
            fields = settings["outputs"]

    def answer(request: Request) -> dict[str, Any]:
        found = parts(called(module, feed(settings, request)))
        if not all(one["name"] in found for one in fields):
            found = dict(zip([one["name"] for one in fields], found.values(), strict=False))
        tensors = {one["name"]: numbers(found[one["name"]]) for one in fields}
        if settings.get("manifest"):
            tensors |= {one["name"]: declared_array(one, tensors[one["name"]]) for one in fields}
        return answered(fields, tensors)

    return Loaded(answer)


def called(module: Any, feeds: Mapping[str, Array]) -> Any:
    """What a module answers to its inputs by position."""
    with torch.inference_mode():
        return module(*[torch.tensor(array) for array in feeds.values()])


def parts(found: Any) -> dict[str, Any]:
    """The tensors of an answer by name: a dictionary's own, else by place."""
    if isinstance(found, Mapping):
        return {str(name): value for name, value in found.items()}
    elements = found if isinstance(found, tuple | list) else (found,)
    return {f"output_{place}": value for place, value in enumerate(elements)}


def zeros(fields: Sequence[Mapping[str, Any]]) -> dict[str, Array]:
    """The smallest tensors of the declared shapes."""
    return {
        one["name"]: np.zeros([1 if size == -1 else size for size in one["shape"]], DTYPES[one["type"]])
        for one in fields
    }


def numbers(tensor: Any) -> Array:
    """A tensor as an array; half precision widened."""
    wide = tensor.float() if tensor.dtype in (torch.float16, torch.bfloat16) else tensor
    return np.asarray(wide.cpu().numpy())
