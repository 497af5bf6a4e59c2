"""Modules pickled whole and scripts of PyTorch 1.7, as they answered then."""

import io
import zipfile

import torch
from torch import nn
from writing import describe, keep, place

torch.manual_seed(4)
torch.set_num_threads(1)


def no_source(*_):
    """The older serialization keeps the text of each class where it finds it: here PyTorch's own, which is not ours."""
    raise OSError


def pickled(kind, module, *inputs, legacy=False):
    """A module as ``torch.save`` wrote it, without a manifest: its inputs and outputs are numbered."""
    module.eval()
    found, torch.serialization.get_source_lines_and_file = torch.serialization.get_source_lines_and_file, no_source
    torch.save(module, str(place(kind) / "model.pt"), _use_new_zipfile_serialization=not legacy)
    torch.serialization.get_source_lines_and_file = found
    answer(kind, module, inputs)


def scripted(kind, module, *inputs):
    """A script, and the manifest that it needs."""
    module = torch.jit.script(module)
    whole = io.BytesIO()
    torch.jit.save(module, whole)
    with zipfile.ZipFile(whole) as source, zipfile.ZipFile(place(kind) / "model.pt", "w") as target:
        for entry in source.infolist():
            if not entry.filename.endswith(".debug_pkl"):  # where the code came from: paths of this machine
                target.writestr(entry, source.read(entry))
    found = answer(kind, module, inputs)
    described = [
        [
            {"name": f"{word}_{number}", "type": "float", "shape": [-1, *one.shape[1:]]}
            for number, one in enumerate(some)
        ]
        for word, some in (("input", inputs), ("output", found))
    ]
    describe(kind, type="torch_script", saved_model_uri="model.pt", inputs=described[0], outputs=described[1])


def answer(kind, module, inputs):
    """Keeps the answer to the tensors, and gives it as a flat list."""
    with torch.no_grad():
        found = list(flattened(module(*inputs)))
    request = {f"input_{number}": tensor.numpy() for number, tensor in enumerate(inputs)}
    keep(kind, (request, {f"output_{number}": tensor.numpy() for number, tensor in enumerate(found)}))
    return found


def flattened(found):
    """The tensors of an answer that may be nested."""
    if isinstance(found, torch.Tensor):
        yield found
        return
    for part in found:
        yield from flattened(part)


class Halves(nn.Module):
    """A script of one line."""

    def forward(self, x: torch.Tensor):
        """Divides as ``//`` did: towards zero."""
        return x // 2


class Spectrum(nn.Module):
    """Another."""

    def forward(self, x: torch.Tensor):
        """A short-time Fourier transform: pairs of real and imaginary parts."""
        return torch.stft(x, 4, 2, center=False)


pickled("pictures", nn.Sequential(nn.Conv2d(1, 3, 3, padding=1), nn.BatchNorm2d(3), nn.ReLU()), torch.randn(2, 1, 5, 7))
pickled("legacy", nn.Sequential(nn.Linear(4, 3), nn.Softmax(1)), torch.randn(2, 4), legacy=True)
pickled("recurrent", nn.LSTM(3, 4), torch.randn(2, 5, 3))
pickled("words", nn.Sequential(nn.EmbeddingBag(9, 4), nn.Linear(4, 2)), torch.tensor([[1, 2, 3], [4, 8, 0]]))
pickled("attention", nn.TransformerEncoder(nn.TransformerEncoderLayer(4, 2, 8), 1), torch.randn(3, 2, 4))
pickled("enlarged", nn.Sequential(nn.Conv2d(1, 2, 1), nn.Upsample(scale_factor=1.7)), torch.randn(1, 1, 5, 5))
pickled("circular", nn.Sequential(nn.Conv1d(2, 3, 3, padding=1, padding_mode="circular")), torch.randn(2, 2, 6))
scripted("halves", Halves(), torch.tensor([[-5.0, 5.0, -3.0], [7.0, -7.0, 1.0]]))
scripted("spectrum", Spectrum(), torch.randn(2, 12))
