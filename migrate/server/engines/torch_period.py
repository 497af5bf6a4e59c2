"""Modules that PyTorch 1.0 to 1.12 pickled, in the PyTorch that is here: names that are gone, attributes that are new.

A module computes as in the PyTorch that pickled it. An attribute that its class reads today and that it has not gets
the default of the constructor, which PyTorch keeps at the behaviour of before; what constructors compute is below.
"""

import inspect
from pathlib import Path
from typing import Any, Final

import torch
from torch import nn
from torch.nn.modules import linear, upsampling

# Which way encoders and attention compute, with equal results.
_WITHOUT_DEFAULT: Final[dict[type, dict[str, object]]] = {
    nn.TransformerEncoder: {"enable_nested_tensor": False, "use_nested_tensor": False},
    nn.MultiheadAttention: {"_qkv_same_embed_dim": True},
}
_RELU, _GELU, _OTHER = 1, 2, 0


def load(path: Path) -> Any:
    """What a pickle holds, its modules complete. Runs what the file says."""
    # The name of 1.5 to 1.8 for the layer inside of MultiheadAttention.
    linear._LinearWithBias = linear.NonDynamicallyQuantizableLinear
    upsampling.Upsample.__setstate__ = _upsample_as_saved
    return torch.load(path, map_location="cpu", weights_only=False)


def completed(module: nn.Module) -> nn.Module:
    """A module with the attributes that its classes read today, in evaluation mode."""
    for part in module.modules():
        if type(part).__module__.startswith("torch.nn."):
            for name, value in (_computed(part) | _defaults(type(part))).items():
                if not hasattr(part, name):
                    part.__dict__[name] = value
    return module.eval()


def _upsample_as_saved(self: nn.Upsample, state: dict[str, Any]) -> None:
    """1.6 to 1.10 computed with the scale as given, 1.5 and older with that of the sizes, and none kept which."""
    is_older = "_non_persistent_buffers_set" not in state  # which every module has since 1.6
    nn.Module.__setstate__(self, {"recompute_scale_factor": True if is_older else None, **state})


def _circular_padding(part: Any) -> list[int]:
    """What a convolution of 1.5 or older pads, from the last dimension to the first, before and after.

    Up to 1.4 half of the padding went to each side, and none at all where nothing was left for the end
    (torch/nn/modules/conv.py and torch/nn/functional.py, _pad_circular, of 1.4).
    """
    kept = part.__dict__.get("_padding_repeated_twice")  # of 1.5
    if kept is not None:
        return list(kept)
    halves = [((size + 1) // 2, size // 2) for size in reversed(part.padding)]
    return [size for before, after in halves for size in (before if after else 0, after)]


def _defaults(kind: type) -> dict[str, object]:
    parameters = inspect.signature(kind).parameters.values()
    return {
        one.name: one.default
        for one in parameters
        if one.default is not one.empty and one.name not in ("device", "dtype", "bias")
    }


def _computed(part: nn.Module) -> dict[str, object]:
    found = dict(next((values for kind, values in _WITHOUT_DEFAULT.items() if isinstance(part, kind)), {}))
    if isinstance(part, nn.modules.conv._ConvNd):
        found["_reversed_padding_repeated_twice"] = _circular_padding(part)
    if isinstance(part, nn.TransformerEncoderLayer):
        activation = part.__dict__.get("activation")
        kinds = {nn.functional.relu: _RELU, nn.functional.gelu: _GELU}
        found["activation_relu_or_gelu"] = kinds.get(activation, _OTHER)
    if isinstance(part, nn.DataParallel):
        found |= {"dim": 0, "device_ids": []}
    return found
