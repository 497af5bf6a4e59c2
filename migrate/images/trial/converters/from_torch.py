"""TorchScript to ONNX: inputs by position, the k-th element of the answer as the k-th declared output.

The script stands alone: it is copied into a container of the model's runtime, beside the packages of ``convert``.
"""

import json
import os
import sys
import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import onnx
import onnx.compose
import torch

Fields = Sequence[Mapping[str, Any]]

OPSET: Final = 17
EXAMPLE: Final = 2  # of a size that the manifest leaves open
DTYPES: Final = {
    "float": torch.float32,
    "double": torch.float64,
    "integer": torch.int32,
    "long": torch.int64,
    "boolean": torch.bool,
}
KINDS: Final = {
    "float": onnx.TensorProto.FLOAT,
    "double": onnx.TensorProto.DOUBLE,
    "integer": onnx.TensorProto.INT32,
    "long": onnx.TensorProto.INT64,
    "boolean": onnx.TensorProto.BOOL,
}


def convert(model: Mapping[str, Any], files: Path, target: Path) -> None:
    """Write the model as one ONNX file that takes and gives the tensors that ``model.json`` declares."""
    module = torch.jit.load(str(files / model["entry"]), map_location="cpu")
    names = [f"input_{number}" for number, _ in enumerate(model["inputs"])]
    open_sizes = {
        name: {place: f"{name}_{place}" for place, size in enumerate(field["shape"]) if size == -1}
        for name, field in zip(names, model["inputs"], strict=True)
    }
    with torch.no_grad():
        torch.onnx.export(
            module,
            tuple(example(field) for field in model["inputs"]),
            str(target),
            input_names=names,
            dynamic_axes=open_sizes,
            opset_version=OPSET,
            training=torch.onnx.TrainingMode.PRESERVE,  # a module that was saved in training mode answers in it
            dynamo=False,
        )
    declare(target, model["inputs"], model["outputs"])


def declare(path: Path, inputs: Fields, outputs: Fields) -> None:
    """Give the file the declared inputs and outputs; its own names, which may be the same, get a prefix."""
    prefix = "model/"
    while any(field["name"].startswith(prefix) for field in (*inputs, *outputs)):
        prefix += "/"
    made = onnx.compose.add_prefix(onnx.load(str(path)), prefix)
    graph = made.graph
    results = list(graph.output)
    if len(results) < len(outputs):
        raise ValueError(f"the model answers with {len(results)} tensors, its manifest names {len(outputs)}")
    given = [onnx.helper.make_node("Identity", [f["name"]], [v.name]) for f, v in zip(inputs, graph.input, strict=True)]
    for field, value in zip(inputs, graph.input, strict=True):
        value.name = field["name"]
    nodes = [*given, *graph.node]
    del graph.node[:], graph.output[:]
    graph.node.extend(nodes)
    for field, value in zip(outputs, results, strict=False):
        kind = KINDS[field["type"]]
        graph.node.append(onnx.helper.make_node("Cast", [value.name], [field["name"]], to=kind))
        graph.output.append(onnx.helper.make_tensor_value_info(field["name"], kind, None))
    onnx.save(made, str(path))


def example(field: Mapping[str, Any]) -> torch.Tensor:
    """Ones of the declared type."""
    shape = [EXAMPLE if size == -1 else size for size in field["shape"]]
    return torch.ones(shape, dtype=DTYPES[field["type"]])


def main() -> None:
    """Convert what each line of standard input names."""
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # libraries print
    warnings.simplefilter("ignore")
    for line in sys.stdin:
        asked = json.loads(line)
        convert(asked["model"], Path(asked["files"]), Path(asked["target"]))
        answers.write("{}\n")
        answers.flush()


if __name__ == "__main__":
    main()
