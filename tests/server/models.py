"""Models for the tests of the inference server: real ONNX files, each with the ``model.json`` that belongs to it."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

WORDS = {
    TensorProto.FLOAT: "float",
    TensorProto.FLOAT16: "float",
    TensorProto.DOUBLE: "double",
    TensorProto.INT8: "integer",
    TensorProto.UINT8: "integer",
    TensorProto.INT16: "integer",
    TensorProto.UINT16: "integer",
    TensorProto.INT32: "integer",
    TensorProto.INT64: "long",
    TensorProto.BOOL: "boolean",
    TensorProto.STRING: "string",
}
GRAY = {"image_shape": ["BATCH_SIZE", "HEIGHT", "WIDTH", "CHANEL"], "property_chanel": ["GRAY_SCALE"]}
RGB = {**GRAY, "property_chanel": ["RED", "GREEN", "BLUE"]}
Shape = Sequence[int]


def value(name: str, kind: int, shape: Shape) -> onnx.ValueInfoProto:
    """A tensor of a graph; -1 is a dimension without a size."""
    return helper.make_tensor_value_info(name, kind, [f"{name}_{i}" if d == -1 else d for i, d in enumerate(shape)])


def field(name: str, kind: int, shape: Shape, **more: Any) -> dict[str, Any]:
    """A field as ``/describe`` prints it."""
    return {"name": name, "type": WORDS[kind], "shape": list(shape), **more}


def write_model(
    folder: Path,
    graph: onnx.GraphProto,
    *,
    inputs: Sequence[Mapping[str, Any]],
    outputs: Sequence[Mapping[str, Any]],
    model_id: str | None = None,
    **settings: Any,
) -> Path:
    """A model folder as an image holds it; returns it."""
    model = helper.make_model(
        graph,
        opset_imports=[helper.make_opsetid("", 17), helper.make_opsetid("ai.onnx.ml", 1)],
        ir_version=8,
    )
    onnx.checker.check_model(model)
    (folder / "files").mkdir(parents=True, exist_ok=True)
    onnx.save(model, folder / "files" / "model.onnx")
    content = {
        "schema": 1,
        "id": model_id or folder.name,
        "title": f"Model {folder.name}",
        "engine": "onnx",
        "files": "files",
        "entry": "model.onnx",
        "inputs": list(inputs),
        "outputs": list(outputs),
        "rolling_windows_size": 1,
        **settings,
    }
    (folder / "model.json").write_text(json.dumps(content))
    return folder


def identity(
    folder: Path,
    kind: int,
    shape: Shape,
    *,
    out_shape: Shape | None = None,
    more: Mapping[str, Any] | None = None,
    name: str = "x",
    **rest: Any,
) -> Path:
    """A model that gives back its input, ``x`` or of another ``name``, as ``y``."""
    graph = helper.make_graph(
        [helper.make_node("Identity", [name], ["y"])],
        "identity",
        [value(name, kind, shape)],
        [value("y", kind, out_shape or shape)],
    )
    return write_model(
        folder,
        graph,
        inputs=[field(name, kind, shape, **(more or {}))],
        outputs=[field("y", kind, out_shape or shape)],
        **rest,
    )


def linear(folder: Path, **rest: Any) -> Path:
    """``scores = x @ w`` for x [-1, 3], w [3, 2], and the label of the larger score."""
    weights = numpy_helper.from_array(np.array([[1, 0], [0, 2], [0.5, -0.5]], np.float32), "w")
    graph = helper.make_graph(
        [
            helper.make_node("MatMul", ["x", "w"], ["scores"]),
            helper.make_node("ArgMax", ["scores"], ["label"], axis=1, keepdims=0),
        ],
        "linear",
        [value("x", TensorProto.FLOAT, [-1, 3])],
        [value("label", TensorProto.INT64, [-1]), value("scores", TensorProto.FLOAT, [-1, 2])],
        [weights],
    )
    return write_model(
        folder,
        graph,
        inputs=[field("x", TensorProto.FLOAT, [-1, 3])],
        outputs=[field("label", TensorProto.INT64, [-1]), field("scores", TensorProto.FLOAT, [-1, 2])],
        **rest,
    )


def table(folder: Path, **rest: Any) -> Path:
    """The rows of x [-1, 3], given column by column and answered column by column."""
    names = [{"name": name, "type": "float", "index": place, "key": None} for place, name in enumerate("abc")]
    results = [{"name": f"{name}2", "type": "float", "index": place, "key": None} for place, name in enumerate("abc")]
    graph = helper.make_graph(
        [helper.make_node("Add", ["x", "x"], ["y"])],
        "table",
        [value("x", TensorProto.FLOAT, [-1, 3])],
        [value("y", TensorProto.FLOAT, [-1, 3])],
    )
    return write_model(
        folder,
        graph,
        inputs=[field("x", TensorProto.FLOAT, [-1, 3], fields=names)],
        outputs=[field("y", TensorProto.FLOAT, [-1, 3], fields=results)],
        manifest=True,
        **rest,
    )


def windows(folder: Path) -> Path:
    """Rolling windows of two rows of columns a and b, given back as rows of four."""
    columns = [{"name": name, "type": "integer", "index": place, "key": None} for place, name in enumerate("ab")]
    return identity(folder, TensorProto.INT32, [-1, 4], more={"fields": columns}, rolling_windows_size=2, manifest=True)


def every_type(folder: Path) -> Path:
    """One input and one output of each type, each given back."""
    kinds = {
        "f": TensorProto.FLOAT,
        "h": TensorProto.FLOAT16,
        "d": TensorProto.DOUBLE,
        "i": TensorProto.INT32,
        "l": TensorProto.INT64,
        "b": TensorProto.BOOL,
        "s": TensorProto.STRING,
    }
    graph = helper.make_graph(
        [helper.make_node("Identity", [name], [f"{name}_out"]) for name in kinds],
        "every_type",
        [value(name, kind, [-1]) for name, kind in kinds.items()],
        [value(f"{name}_out", kind, [-1]) for name, kind in kinds.items()],
    )
    return write_model(
        folder,
        graph,
        inputs=[field(name, kind, [-1]) for name, kind in kinds.items()],
        outputs=[field(f"{name}_out", kind, [-1]) for name, kind in kinds.items()],
    )


def slow(folder: Path) -> Path:
    """A model that multiplies a matrix of 256 x 256 with itself ``rounds`` times; each round takes its time."""
    body = helper.make_graph(
        [
            helper.make_node("MatMul", ["state", "m"], ["product"]),
            helper.make_node("Identity", ["more"], ["go_on"]),
        ],
        "round",
        [
            helper.make_tensor_value_info("number", TensorProto.INT64, []),
            helper.make_tensor_value_info("more", TensorProto.BOOL, []),
            helper.make_tensor_value_info("state", TensorProto.FLOAT, [256, 256]),
        ],
        [
            helper.make_tensor_value_info("go_on", TensorProto.BOOL, []),
            helper.make_tensor_value_info("product", TensorProto.FLOAT, [256, 256]),
        ],
    )
    graph = helper.make_graph(
        [
            helper.make_node("Squeeze", ["rounds"], ["count"]),
            helper.make_node("Loop", ["count", "yes", "m"], ["result"], body=body),
            helper.make_node("ReduceSum", ["result"], ["total"], keepdims=0),
            helper.make_node("Reshape", ["total", "one"], ["y"]),
        ],
        "slow",
        [value("rounds", TensorProto.INT64, [1])],
        [value("y", TensorProto.FLOAT, [1])],
        [
            numpy_helper.from_array(np.eye(256, dtype=np.float32), "m"),
            numpy_helper.from_array(np.array(True), "yes"),
            numpy_helper.from_array(np.array([1], np.int64), "one"),
        ],
    )
    return write_model(
        folder,
        graph,
        inputs=[field("rounds", TensorProto.INT64, [1])],
        outputs=[field("y", TensorProto.FLOAT, [1])],
    )
