"""The models that the fuzzed server serves: every type, images, columns with windows, rows, a ZipMap, a hostile id."""

import json
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import onnx
from conformance_artifacts import artifact_of
from onnx import TensorProto, helper, numpy_helper

from migrate.core.model_json import content_of
from migrate.formats import inspect
from migrate.parity.generate import generate

IRIS: Final = Path(__file__).parents[1] / "examples" / "models" / "iris" / "iris.onnx"
_TYPES: Final = {
    "f": (TensorProto.FLOAT, ["n", 3]),
    "d": (TensorProto.DOUBLE, ["n"]),
    "i": (TensorProto.INT32, [2]),
    "l": (TensorProto.INT64, ["n", 2]),
    "b": (TensorProto.BOOL, ["n"]),
    "s": (TensorProto.STRING, ["n"]),
    "h": (TensorProto.FLOAT16, ["n", "m"]),
}


@dataclass(frozen=True)
class Target:
    """A served model: its id, its settings as in ``model.json``, and requests that it must answer with 200."""

    id: str
    settings: dict[str, Any]
    good: tuple[dict[str, Any], ...]


def _save(graph: onnx.GraphProto, path: Path) -> None:
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8)
    onnx.checker.check_model(model, full_check=True)
    path.parent.mkdir(parents=True, exist_ok=True)
    onnx.save(model, path)


def _types(folder: Path) -> None:
    """Gives every input back."""
    nodes = [helper.make_node("Identity", [name], [f"{name}_out"]) for name in _TYPES]
    inputs = [helper.make_tensor_value_info(name, *kind) for name, kind in _TYPES.items()]
    outputs = [helper.make_tensor_value_info(f"{name}_out", *kind) for name, kind in _TYPES.items()]
    _save(helper.make_graph(nodes, "types", inputs, outputs), folder / "model.onnx")


def _picture(shape: list[Any]) -> onnx.GraphProto:
    nodes = [
        helper.make_node("Identity", ["image"], ["same"]),
        helper.make_node("ReduceMean", ["image"], ["mean"], keepdims=0),
    ]
    image = helper.make_tensor_value_info("image", TensorProto.FLOAT, shape)
    same = helper.make_tensor_value_info("same", TensorProto.FLOAT, shape)
    mean = helper.make_tensor_value_info("mean", TensorProto.FLOAT, [])
    return helper.make_graph(nodes, "picture", [image], [same, mean])


def _rgb(folder: Path) -> None:
    """Images of any size, channels first."""
    _save(_picture(["n", 3, "h", "w"]), folder / "model.onnx")


def _gray(folder: Path) -> None:
    """Gray images of one size, to which others are resized."""
    _save(_picture(["n", 8, 8, 1]), folder / "model.onnx")


def _windows(folder: Path) -> None:
    """A manifest with named columns and rolling windows of two rows."""
    weight = numpy_helper.from_array(np.ones((3, 2), np.float32), "w")
    node = helper.make_node("MatMul", ["x", "w"], ["y"])
    taken = helper.make_tensor_value_info("x", TensorProto.FLOAT, ["n", 2, 3])
    given = helper.make_tensor_value_info("y", TensorProto.FLOAT, ["n", 2, 2])
    _save(helper.make_graph([node], "windows", [taken], [given], [weight]), folder / "net.onnx")
    columns = [{"type": "float", "name": name, "index": place} for place, name in enumerate(("a", "b", "c"))]
    manifest = {
        "type": "onnx",
        "onnx_model_uri": "net.onnx",
        "batch_size": 2,
        "inputs": [{"type": "float", "name": "x", "shape": [-1, 2, 3], "fields": columns}],
        "outputs": [{"type": "float", "name": "y", "shape": [-1, 2, 2]}],
    }
    (folder / "manifest.json").write_text(json.dumps(manifest))


def _iris(folder: Path) -> None:
    """A classifier with a ZipMap."""
    folder.mkdir(parents=True, exist_ok=True)
    shutil.copy(IRIS, folder / "iris.onnx")


def _table(folder: Path) -> None:
    """Rows of three numbers, each computed apart and exactly."""
    weight = numpy_helper.from_array(np.array([[1, 0], [0, 2], [0.5, -0.5]], np.float32), "w")
    node = helper.make_node("MatMul", ["x", "w"], ["y"])
    taken = helper.make_tensor_value_info("x", TensorProto.FLOAT, ["n", 3])
    given = helper.make_tensor_value_info("y", TensorProto.FLOAT, ["n", 2])
    _save(helper.make_graph([node], "table", [taken], [given], [weight]), folder / "model.onnx")


_TABLE_ANSWER: Final = {"name": "one", "request": {"x": [[1.0, 2.0, 3.0]]}, "answer": {"y": [2.5, 2.5]}}
_MAKERS: Final = {"types": _types, "rgb": _rgb, "gray": _gray, "windows": _windows, "table": _table, "iris/1 %ü": _iris}


def write_targets(root: Path) -> list[Target]:
    """Write every model below a folder as an image holds it."""
    targets = []
    for number, (model_id, maker) in enumerate(_MAKERS.items()):
        folder = root / f"m{number}"
        maker(folder / "files")
        inspection = inspect(artifact_of(folder / "files"), framework=None)
        if inspection.verdict != "ready":
            raise SystemExit(f"{model_id} is not ready: {inspection.text}")
        settings = {"id": model_id, "title": model_id, **content_of(inspection.settings)}
        (folder / "model.json").write_text(json.dumps(settings))
        good = tuple(sample.request for sample in generate(inspection.settings, seed=number, count=4))
        if maker is _rgb:
            # The usual samples are large pictures, and most of the time would go into writing them.
            good = tuple({"image": np.full((rows, 3, 2, rows + 1), 7.5).tolist()} for rows in (1, 2, 5))
        if maker is _table:
            # With an answer that it knows, the server merges what comes together: that is attacked, too.
            (folder / "recorded.json").write_text(json.dumps({"samples": [_TABLE_ANSWER]}))
        targets.append(Target(model_id, settings, good))
    return targets
