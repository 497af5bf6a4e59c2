"""The golden vectors of flows: chains of real ONNX models with the vectors' signatures, inspected and evaluated."""

import json
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from conformance_artifacts import artifact_of
from onnx import TensorProto, helper, numpy_helper

from migrate.core.model_json import Field, content_of
from migrate.core.values import Inspection
from migrate.formats import inspect
from migrate.server.engines import load
from migrate.server.errors import HttpError
from migrate.server.evaluator import evaluator_of
from migrate.server.model_files import read_model
from migrate.server.parsing.json import build_tensor

Vector = dict[str, Any]
_ONNX = {
    "double": TensorProto.DOUBLE,
    "float": TensorProto.FLOAT,
    "integer": TensorProto.INT32,
    "long": TensorProto.INT64,
    "boolean": TensorProto.BOOL,
}
_ROWS = 8


def flow(vector: Vector) -> tuple[object, object]:
    """What the vector expects of a flow, and what is so."""
    expect = vector["expect"]
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch, "files")
        folder.mkdir()
        steps = [_step(folder, number, one) for number, one in enumerate(vector["evaluators"])]
        found = _inspect(folder, steps, vector["outputs"])
        default = _inspect(folder, steps, None)
        wrong = _inspect(folder, steps, [["no such output", "double"]])
        result: dict[str, object] = {
            "inputs_set": _set(found.settings.inputs),
            "outputs_set": _set(found.settings.outputs),
            "default_outputs_set": _set(default.settings.outputs),
            "rolling_windows_size": found.settings.rolling_windows_size,
            "unknown_output": "loads" if wrong.verdict == "ready" else "load error",
            **_evaluate(Path(scratch), found),
        }
    sets = ("inputs_set", "outputs_set", "default_outputs_set")
    return {**expect, **{name: sorted(map(tuple, expect[name])) for name in sets}}, result


def validator(vector: Vector) -> tuple[object, object]:
    """Which input types an evaluator of numbers may have inside a flow, and which it has here."""
    found: dict[str, list[str]] = {"ok": [], "fail": []}
    with tempfile.TemporaryDirectory() as scratch:
        for kind in (*vector["ok"], *vector["fail"]):
            step = {
                "type": "pi",
                "residuals_std": {"x": 1.0},
                "inputs": [{"name": "x", "type": kind}],
                "outputs": [{"name": "x_quantile_inf", "type": "double"}],
            }
            ready = _inspect(Path(scratch), [step], None).verdict == "ready"
            found["ok" if ready else "fail"].append(kind)
    return {"ok": vector["ok"], "fail": vector["fail"]}, found


def _set(fields: tuple[Field, ...]) -> list[tuple[str, str]]:
    return sorted((field.name, field.type) for field in fields)


def _inspect(folder: Path, steps: list[Vector], outputs: Any) -> Inspection:
    manifest = {"type": "flow", "evaluator_manifests": steps}
    if outputs is not None:
        manifest["outputs"] = [{"name": name, "type": kind} for name, kind in outputs]
    (folder / "manifest.json").write_text(json.dumps(manifest))
    return inspect(artifact_of(folder), framework=None)


def _step(folder: Path, number: int, one: Vector) -> Vector:
    """An ONNX model of rolling windows, each of whose outputs is made of its first input."""
    window = one["batch_size"]
    sources = [helper.make_tensor_value_info(name, _ONNX[kind], ["n", window]) for name, kind in one["inputs"]]
    targets = [helper.make_tensor_value_info(name, _ONNX[kind], ["n", 1]) for name, kind in one["outputs"]]
    first = one["inputs"][0][0]
    nodes = [
        helper.make_node("Cast", [first], ["number"], to=TensorProto.DOUBLE),
        helper.make_node("ReduceSum", ["number", "axis"], ["sum"], keepdims=1),
        *(helper.make_node("Cast", ["sum"], [name], to=_ONNX[kind]) for name, kind in one["outputs"]),
    ]
    axis = numpy_helper.from_array(np.array([1], np.int64), "axis")
    graph = helper.make_graph(nodes, "step", sources, targets, [axis])
    onnx.save(
        helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8), folder / f"{number}.onnx"
    )
    return {
        "type": "onnx",
        "onnx_model_uri": f"{number}.onnx",
        "batch_size": window,
        "inputs": [{"name": name, "type": kind, "shape": [-1, window]} for name, kind in one["inputs"]],
        "outputs": [{"name": name, "type": kind, "shape": [-1, 1]} for name, kind in one["outputs"]],
    }


def _evaluate(folder: Path, found: Inspection) -> Mapping[str, object]:
    (folder / "model.json").write_text(json.dumps({"id": "flow", **content_of(found.settings)}))
    model = read_model(folder)
    evaluator = evaluator_of(model, load(model, threads=1))

    def ask(rows: int) -> list[str]:
        tensors = {field.name: build_tensor([0.5] * rows) for field in model.inputs}
        return list(evaluator.evaluate(tensors, None, strict_nulls=False).tensors)

    try:
        one_row = f"200 {ask(1)}"
    except HttpError as error:
        one_row = f"EvaluationException -> {error.status}"
    return {"one_row": one_row, "kept_tensors": sorted(ask(_ROWS))}
