"""Run in the environment of the torch runtime: FOLDER/<model>/ with a file in the form of older PyTorch, and answers.

The files are written by this PyTorch and brought to the form of then: attributes that classes had not yet are taken
away, code is written in the operators of then. The answers are those of the whole modules, or of plain formulas.
"""

import io
import json
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from torch import nn
from torch.nn import functional
from torch.nn.modules import linear

ROOT = Path(sys.argv[1])
NEW = {
    "_reversed_padding_repeated_twice",
    "recompute_scale_factor",
    "include_last_offset",
    "padding_idx",
    "batch_first",
    "norm_first",
    "activation_relu_or_gelu",
    "use_nested_tensor",
    "enable_nested_tensor",
    "mask_check",
    "approximate",
}
"""Attributes that modules of 1.4 had not."""


class LinearWithBias(linear.NonDynamicallyQuantizableLinear):
    """The layer of attention, by the name that it had in 1.5 to 1.8."""


LinearWithBias.__name__ = LinearWithBias.__qualname__ = "_LinearWithBias"
LinearWithBias.__module__ = "torch.nn.modules.linear"
linear._LinearWithBias = LinearWithBias


def lists(value: Any) -> Any:
    """A tensor as nested lists."""
    return value.tolist() if torch.is_tensor(value) else [lists(one) for one in value]


def expect(name: str, request: dict[str, Any], answer: dict[str, Any]) -> Path:
    """The folder of a model, with a request and what it must be answered with."""
    folder = ROOT / name
    folder.mkdir(parents=True)
    content = {"request": {key: lists(value) for key, value in request.items()}}
    content["answer"] = {key: lists(value) for key, value in answer.items()}
    (folder / "expected.json").write_text(json.dumps(content))
    return folder


def pickled(
    name: str, module: nn.Module, x: torch.Tensor, want: Any = None, *, gone: set[str] = NEW, **how: Any
) -> None:
    """A module without the attributes of later versions."""
    with torch.no_grad():
        found = module.eval()(x) if want is None else want
    answer = {"output_0": found} if torch.is_tensor(found) else {f"output_{k}": one for k, one in enumerate(found)}
    folder = expect(name, {"input_0": x}, answer)
    for part in module.modules():
        for attribute in gone & set(part.__dict__):
            del part.__dict__[attribute]
    torch.save(how.pop("wrapped", lambda one: one)(module), folder / "model.pt", **how)


def scripted(name: str, module: nn.Module, rewrite: Callable[[str], str], request: dict[str, Any], answer: Any) -> None:
    """A TorchScript module whose code is in the operators of then, in an archive of before 2.1."""
    folder = expect(name, request, {"output_0": answer})
    buffer = io.BytesIO()
    torch.jit.save(torch.jit.script(module), buffer)
    with zipfile.ZipFile(buffer) as source, zipfile.ZipFile(folder / "model.ts", "w") as target:
        for entry in source.namelist():
            content = source.read(entry)
            if entry.endswith("__torch__.py"):
                content = rewrite(content.decode()).encode()
            if not entry.endswith(("byteorder", "debug_pkl")):
                target.writestr(entry, content)


class One(nn.Module):
    """One input, whose code is written anew."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """The input."""
        return torch.relu(x)


def as_code(expression: str) -> Callable[[str], str]:
    """The code with another expression."""
    return lambda code: code.replace("torch.relu(x)", expression)


torch.manual_seed(0)
picture = torch.randn(1, 2, 5, 5)
pickled("conv", nn.Sequential(nn.Conv2d(2, 3, 3, padding=1)), picture)
recurrent, steps = nn.LSTM(4, 6), torch.randn(2, 5, 4)
with torch.no_grad():
    hidden, (last, cell) = recurrent(steps)
pickled("recurrent", recurrent, steps, (hidden, last, cell), gone=set())
pickled("indices", nn.Sequential(nn.Conv2d(2, 3, 1), nn.MaxPool2d(2, return_indices=True)), torch.randn(1, 2, 4, 4))
digits = nn.Sequential(nn.Conv2d(1, 2, 3), nn.MaxPool2d(2), nn.Flatten(), nn.Linear(2 * 13 * 13, 3))
pickled("digits", digits, torch.randn(2, 1, 28, 28))
pickled("transposed", nn.Sequential(nn.ConvTranspose2d(2, 3, 2, stride=2)), picture)
pickled("words", nn.Sequential(nn.EmbeddingBag(20, 4), nn.Linear(4, 2)), torch.tensor([[1, 2, 3], [4, 5, 6]]))
encoder = nn.TransformerEncoder(nn.TransformerEncoderLayer(8, 2, 16, activation="gelu"), 2, enable_nested_tensor=False)
for layer in encoder.layers:
    layer.self_attn.out_proj.__class__ = LinearWithBias
pickled("encoder", encoder, torch.randn(3, 2, 8))
pickled("double", nn.Sequential(nn.Linear(3, 2)).double(), torch.randn(2, 3).double())
pickled("checkpoint", nn.Linear(3, 2), torch.randn(2, 3), wrapped=lambda one: {"model": one, "epoch": 3})
# From 1.6 to 1.10 with the scale as given; 1.5 and older with the scale of the sizes.
for version, recomputed in (("1.6", False), ("1.4", True)):
    upsample = nn.Sequential(nn.Conv2d(2, 2, 1), nn.Upsample(scale_factor=1.7, mode="bilinear", align_corners=False))
    with torch.no_grad():
        inner = upsample[0](picture)
        wide = functional.interpolate(
            inner, scale_factor=1.7, mode="bilinear", align_corners=False, recompute_scale_factor=recomputed
        )
    gone = NEW | ({"_non_persistent_buffers_set"} if recomputed else set())
    pickled(f"upsample-{version}", upsample, picture, wide, gone=gone, _use_new_zipfile_serialization=not recomputed)
# Up to 1.4 half of a circular padding went to each side.
circular = nn.Conv2d(2, 3, 3, padding=2, padding_mode="circular")
with torch.no_grad():
    half = functional.conv2d(functional.pad(picture, (1, 1, 1, 1), "circular"), circular.weight, circular.bias)
pickled("circular", circular, picture, half)

numbers = torch.tensor([[7.0, -7.0, 5.0, -1.0]])
scripted(
    "divided", One(), as_code("torch.floor_divide(torch.floor_divide(x, 1), 2)"), {"x": numbers}, (numbers / 2).trunc()
)
signal = torch.randn(1, 16)
spectrum = torch.view_as_real(torch.stft(signal, 8, 4, 8, None, center=False, return_complex=True))
scripted("stft", One(), as_code("torch.stft(x, 8, 4, 8, None, False, True)"), {"x": signal}, spectrum)
# As the function of PyTorch does that scripts call: whether complex numbers are wanted is a variable.
for name, said in (("unsaid", "None"), ("true", "True")):
    call = f"torch.stft(x, 8, 4, 8, None, False, True, annotate(Optional[bool], {said}))"
    code = f"torch.view_as_real({call})" if said == "True" else call
    scripted(f"stft-{name}", One(), as_code(code), {"x": signal}, spectrum)
scripted(
    "rfft", One(), as_code("torch.rfft(x, 1, False, True)"), {"x": signal}, torch.view_as_real(torch.fft.rfft(signal))
)
again = "torch.irfft(torch.rfft(x, 1, True, True), 1, True, True, [16])"
scripted("irfft", One(), as_code(again), {"x": signal}, signal)
left = torch.tensor([[2.0, 1.0], [1.0, 3.0]])
solved = "(torch.solve(torch.mm(x, x), x))[0]"
scripted("solved", One(), as_code(solved), {"x": left}, left)
scripted("eigenvalues", One(), as_code("(torch.symeig(x, False, True))[0]"), {"x": left}, torch.linalg.eigvalsh(left))
