"""A model of any size, made on the spot: ONNX with its weights in a file of their own."""

from pathlib import Path
from typing import Final

import numpy as np
import onnx
from onnx import TensorProto, helper

TABLE: Final = "table.bin"
MODEL: Final = "model.onnx"
_COLUMNS: Final = 64
_ROWS_AT_ONCE: Final = 1 << 17  # 32 MiB


def write_table(file: Path, size: int, seed: int) -> int:
    """Write pseudo-random numbers of about that many bytes, always the same for a seed, and return how many."""
    random = np.random.default_rng(seed)
    rows = max(4, size // (4 * _COLUMNS))
    with file.open("wb") as stream:
        for start in range(0, rows, _ROWS_AT_ONCE):
            stream.write(random.random((min(_ROWS_AT_ONCE, rows - start), _COLUMNS), dtype=np.float32).tobytes())
    return 4 * _COLUMNS * rows


def write_model(file: Path, size: int) -> None:
    """Write a graph that looks rows up in a table of so many bytes and adds them to its input."""
    table = TensorProto(name="table", data_type=TensorProto.FLOAT, dims=[size // (4 * _COLUMNS), _COLUMNS])
    table.data_location = TensorProto.EXTERNAL
    for key, value in {"location": TABLE, "offset": "0", "length": str(size)}.items():
        table.external_data.add(key=key, value=value)
    rows = helper.make_tensor("rows", TensorProto.INT64, [4], [0, 1, 2, 3])
    graph = helper.make_graph(
        [
            helper.make_node("Gather", ["table", "rows"], ["weights"]),
            helper.make_node("MatMul", ["x", "weights"], ["y"]),
        ],
        "model",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["n", 4])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, ["n", _COLUMNS])],
        [table, rows],
    )
    made = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8)
    file.write_bytes(made.SerializeToString())


def check(folder: Path) -> None:
    """Load the model from its files, as ONNX's own checker sees it.

    Raises:
        onnx.checker.ValidationError: It is no valid model.
    """
    onnx.checker.check_model(str(folder / MODEL))
