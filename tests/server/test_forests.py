"""A forest's answer to a row is the same bits alone and among others, however many processors there are."""

from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest
from onnx import TensorProto, helper

from migrate.core.model_json import ModelJson, content_of
from migrate.formats.onnx.description import describe
from migrate.server.engines.onnx import OnnxEngine
from migrate.server.model_files import read_model
from tests.formats.models import graph, model, value

TREES = 60  # with more than one thread, onnxruntime shares so many out where there are few rows
ROWS = 200


def forest() -> bytes:
    """Trees with one split each; the sum of their leaves depends on the order in which it is taken."""
    rng = np.random.default_rng(1)
    three: dict[str, list[Any]] = {
        "nodes_nodeids": [0, 1, 2],
        "nodes_featureids": [0, 0, 0],
        "nodes_modes": ["BRANCH_LEQ", "LEAF", "LEAF"],
        "nodes_truenodeids": [1, 0, 0],
        "nodes_falsenodeids": [2, 0, 0],
    }
    nodes = {name: values * TREES for name, values in three.items()}
    splits = np.zeros((TREES, 3))
    splits[:, 0] = rng.normal(size=TREES)
    node = helper.make_node(
        "TreeEnsembleRegressor",
        ["x"],
        ["y"],
        domain="ai.onnx.ml",
        n_targets=1,
        nodes_treeids=np.repeat(np.arange(TREES), 3).tolist(),
        nodes_values=splits.ravel().tolist(),
        target_treeids=np.repeat(np.arange(TREES), 2).tolist(),
        target_nodeids=[1, 2] * TREES,
        target_ids=[0, 0] * TREES,
        target_weights=rng.random(2 * TREES).tolist(),
        **nodes,
    )
    ends = value("x", TensorProto.FLOAT, ("N", 1)), value("y", TensorProto.FLOAT, ("N", 1))
    made: bytes = model(graph([node], [ends[0]], [ends[1]]), opsets={"": 12, "ai.onnx.ml": 1}).SerializeToString()
    return made


@pytest.mark.parametrize("together", [7, 50, ROWS])
def test_a_row_is_answered_alike_alone_and_among_others(tmp_path: Path, together: int) -> None:
    data = forest()
    found = describe(lambda offset, length: data[offset : offset + length], len(data), {})
    settings = ModelJson(
        engine="onnx", id="f", entry="f.onnx", inputs=found.inputs, outputs=found.outputs, onnx=found.engine
    )
    tmp_path.joinpath("files").mkdir()
    tmp_path.joinpath("files/f.onnx").write_bytes(data)
    tmp_path.joinpath("model.json").write_bytes(msgspec.json.encode(content_of(settings)))
    engine = OnnxEngine(read_model(tmp_path), threads=4)
    rows = np.random.default_rng(2).normal(size=(ROWS, 1)).astype(np.float32)
    alone = np.concatenate([engine.run({"x": row[None]})["y"] for row in rows])
    several = [engine.run({"x": rows[start : start + together]})["y"] for start in range(0, ROWS, together)]
    assert np.array_equal(alone, np.concatenate(several))
