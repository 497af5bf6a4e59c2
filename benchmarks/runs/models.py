"""Models of mixed sizes, each of other weights: from kilobytes to tens of megabytes."""

from pathlib import Path
from typing import Final

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

MOST: Final = 40_000_000  # bytes

_LEAST: Final = 4_000
_FLOAT: Final = 4


def make_models(folder: Path, number: int, most: int = MOST) -> int:
    """Write models as ``folder/model-NN/model.onnx``, each larger than the one before by one factor.

    Returns:
        The bytes of all of them.
    """
    factor = (most / _LEAST) ** (1 / max(1, number - 1))
    return sum(_write(folder / f"model-{one:02}" / "model.onnx", one, _LEAST * factor**one) for one in range(number))


def _write(file: Path, seed: int, size: float) -> int:
    """A network of four features, two hidden layers and three classes, always the same for a seed and a size."""
    random = np.random.default_rng(seed)
    width = max(4, round((size / _FLOAT) ** 0.5))
    shapes = {"first": (4, width), "second": (width, width), "third": (width, 3)}
    weights = {name: random.normal(size=shape, scale=shape[0] ** -0.5) for name, shape in shapes.items()}
    nodes = [
        helper.make_node("MatMul", ["input", "first"], ["a"]),
        helper.make_node("Tanh", ["a"], ["b"]),
        helper.make_node("MatMul", ["b", "second"], ["c"]),
        helper.make_node("Tanh", ["c"], ["d"]),
        helper.make_node("MatMul", ["d", "third"], ["output"]),
    ]
    graph = helper.make_graph(
        nodes,
        "model",
        [helper.make_tensor_value_info("input", TensorProto.FLOAT, ["n", 4])],
        [helper.make_tensor_value_info("output", TensorProto.FLOAT, ["n", 3])],
        [numpy_helper.from_array(value.astype(np.float32), name) for name, value in weights.items()],
    )
    file.parent.mkdir(parents=True)
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8), file)
    return file.stat().st_size
