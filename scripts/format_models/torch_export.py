"""Run in the environment of the PyTorch runtime: a scripted module with its manifest beside it, or a pickled one."""

import json
import sys
from pathlib import Path

import torch


class Species(torch.nn.Module):
    """Logistic regression that answers with a class and the probabilities of all."""

    def __init__(self, weights: list[list[float]], bias: list[float]) -> None:
        super().__init__()
        self.linear = linear(weights, bias)

    def forward(self, measurements: torch.Tensor, temperature: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Measurements ``[n, 4]`` and one temperature to ``[n]`` classes and ``[n, 3]`` probabilities."""
        probabilities = torch.softmax(self.linear(measurements) / temperature, 1)
        return probabilities.argmax(1), probabilities


def linear(weights: list[list[float]], bias: list[float]) -> torch.nn.Linear:
    """A layer of given numbers; weights are ``[inputs][outputs]``."""
    layer = torch.nn.Linear(len(weights), len(bias))
    with torch.no_grad():
        layer.weight.copy_(torch.tensor(weights).T)
        layer.bias.copy_(torch.tensor(bias))
    return layer


class Bag(torch.nn.Module):
    """The mean of a weight for each token, as a probability."""

    def __init__(self, weights: list[float], bias: float) -> None:
        super().__init__()
        self.weights = torch.nn.Parameter(torch.tensor(weights))
        self.bias = bias

    def forward(self, ids: torch.Tensor) -> torch.Tensor:
        """Ids ``[n, tokens]`` to ``[n]`` probabilities."""
        return torch.sigmoid(self.weights[ids].mean(1) + self.bias)


def without_debug(source: Path, target: Path) -> None:
    """Copy an archive without its records for debuggers, which name the folders of this machine."""
    reader = torch._C.PyTorchFileReader(str(source))
    writer = torch._C.PyTorchFileWriter(str(target))
    for name in reader.get_all_records():
        if not name.endswith(".debug_pkl") and not name.startswith(".data/") and name != "version":
            record = reader.get_record(name)
            writer.write_record(name, record, len(record))
    writer.write_end_of_file()


content = json.load(sys.stdin)
folder = Path(sys.argv[1])
if content["model"] in ("script", "bag"):
    made = Species if content["model"] == "script" else Bag
    scripted = torch.jit.script(made(content["weights"], content["bias"]).eval())
    whole = folder / "whole.ts"
    torch.jit.save(scripted, str(whole))
    without_debug(whole, folder / content.get("file", "species.ts"))
    whole.unlink()
else:
    module = torch.nn.Sequential(linear(content["weights"], content["bias"]), torch.nn.Softmax(1))
    torch.save(module.eval(), folder / "species.pt")
