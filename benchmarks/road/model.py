"""A model of any size whose weights are random bytes, which no compressor makes smaller."""

from pathlib import Path
from typing import Final

import numpy as np
from onnx import TensorProto, helper

TABLE: Final = "table.bin"
MODEL: Final = "model.onnx"
_COLUMNS: Final = 64
_AT_ONCE: Final = 1 << 24  # bytes, a multiple of the columns


def write_table(file: Path, size: int, seed: int = 1) -> int:
    """Write about that many bytes, always the same for a seed, and return how many."""
    random = np.random.default_rng(seed)
    size -= size % _COLUMNS
    with file.open("wb") as stream:
        for start in range(0, size, _AT_ONCE):
            stream.write(random.bytes(min(_AT_ONCE, size - start)))
    return size


def write_model(file: Path, size: int) -> None:
    """Write a graph that looks rows up in a table of so many bytes and multiplies its input by them."""
    table = TensorProto(name="table", data_type=TensorProto.UINT8, dims=[size // _COLUMNS, _COLUMNS])
    table.data_location = TensorProto.EXTERNAL
    for key, value in {"location": TABLE, "offset": "0", "length": str(size)}.items():
        table.external_data.add(key=key, value=value)
    rows = helper.make_tensor("rows", TensorProto.INT64, [4], [0, 1, 2, 3])
    graph = helper.make_graph(
        [
            helper.make_node("Gather", ["table", "rows"], ["bytes"]),
            helper.make_node("Cast", ["bytes"], ["weights"], to=TensorProto.FLOAT),
            helper.make_node("MatMul", ["x", "weights"], ["y"]),
        ],
        "model",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["n", 4])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, ["n", _COLUMNS])],
        [table, rows],
    )
    made = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8)
    file.write_bytes(made.SerializeToString())
