"""The compared models and the requests that they are asked, made anew and always alike."""

import hashlib
import io
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import onnx
import onnxruntime
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper
from PIL import Image

from migrate.core.model_json import content_of
from migrate.core.values import Artifact, ArtifactFile, to_json
from migrate.formats import inspect
from migrate.parity.comparison import recorded_json
from migrate.parity.recording import record_reference

Array = NDArray[Any]
Node = tuple[list[onnx.NodeProto], list[onnx.TensorProto]]

INPUT: Final = "input"
OUTPUT: Final = "output"
ROWS: Final = 64
SIDE: Final = 224
_OPSET: Final = 13
_IR_VERSION: Final = 8


@dataclass(frozen=True)
class Payload:
    """A request: its tensor as an array, and in the form that it is sent in.

    Attributes:
        name: What a case calls it.
        array: The tensor, where it is the only one.
        text: The tensor as nested lists of JSON numbers.
        png: The tensor as a file, where it is an image.
        binary: Whether values are sent and answered as they lie in memory.
        body: The whole body as JSON, where there are several tensors, or no numbers.
        output: The output that is compared.
        wanted: What has to be answered, where it is not asked of onnxruntime.
        tolerance: How far an answer may be from it, relative.
    """

    name: str
    array: Array
    text: str
    png: bytes | None = None
    binary: bool = False
    body: bytes | None = None
    output: str = OUTPUT
    wanted: Array | None = None
    tolerance: float = 1e-6


def mlp() -> onnx.ModelProto:
    """Four features, sixteen hidden units, the probabilities of three classes."""
    random = np.random.default_rng(20211214)
    weights = {
        "w1": random.normal(scale=0.5, size=(4, 16)),
        "b1": random.normal(size=16),
        "w2": random.normal(scale=0.3, size=(16, 3)),
        "b2": random.normal(size=3),
    }
    nodes = [
        helper.make_node("Gemm", [INPUT, "w1", "b1"], ["sums"]),
        helper.make_node("Relu", ["sums"], ["hidden"]),
        helper.make_node("Gemm", ["hidden", "w2", "b2"], ["logits"]),
        helper.make_node("Softmax", ["logits"], [OUTPUT], axis=-1),
    ]
    return _model("mlp", nodes, weights, ["n", 4], ["n", 3])


def image() -> onnx.ModelProto:
    """An RGB image of 224 x 224 to ten classes; small, so that what carries the image is what is measured."""
    random = np.random.default_rng(20211215)
    weights = {
        "kernels": random.normal(scale=0.002, size=(8, 3, 7, 7)),
        "w": random.normal(size=(8, 10)),
        "b": random.normal(size=10),
    }
    nodes = [
        helper.make_node("Conv", [INPUT, "kernels"], ["planes"], strides=[8, 8]),
        helper.make_node("Relu", ["planes"], ["positive"]),
        helper.make_node("GlobalAveragePool", ["positive"], ["means"]),
        helper.make_node("Flatten", ["means"], ["features"]),
        helper.make_node("Gemm", ["features", "w", "b"], ["logits"]),
        helper.make_node("Softmax", ["logits"], [OUTPUT], axis=-1),
    ]
    return _model("image", nodes, weights, ["n", 3, SIDE, SIDE], ["n", 10])


MODELS: Final = {"mlp": mlp, "image": image}


def _model(
    name: str, nodes: list[onnx.NodeProto], weights: dict[str, Array], taken: list[str | int], given: list[str | int]
) -> onnx.ModelProto:
    graph = helper.make_graph(
        nodes,
        name,
        [helper.make_tensor_value_info(INPUT, TensorProto.FLOAT, taken)],
        [helper.make_tensor_value_info(OUTPUT, TensorProto.FLOAT, given)],
        [numpy_helper.from_array(value.astype(np.float32), key) for key, value in weights.items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", _OPSET)], ir_version=_IR_VERSION)
    onnx.checker.check_model(model, full_check=True)
    return model


def write_model(name: str, folder: Path) -> Path:
    """Write the model's file, and around it what this server's image holds of it; gives the file."""
    place = folder / name
    file = place / "files" / "model.onnx"
    file.parent.mkdir(parents=True)
    onnx.save(MODELS[name](), file)
    content = ArtifactFile(path=file.name, size=file.stat().st_size, digest=sha256(file.read_bytes()))
    artifact = Artifact(folder=str(file.parent), files=(content,), size=content.size, digest=content.digest)
    inspection = inspect(artifact, framework="onnx")
    if inspection.verdict != "ready":
        raise SystemExit(f"the model {name} cannot be served: {inspection.text}")
    settings = {"id": name, "title": name, "artifact": artifact.digest, **content_of(inspection.settings)}
    (place / "model.json").write_bytes(to_json(settings))
    session = open_session(file)
    shape = (-1, *session.get_inputs()[0].shape[1:])

    def ask(line: Mapping[str, Any]) -> dict[str, Any]:
        if "model" in line:
            return {"known": {}}
        rows = np.array(line["request"][INPUT], np.float32).reshape(shape)
        return {"outputs": {OUTPUT: run(session, rows).tolist()}}

    recorded = recorded_json(record_reference(inspection.settings, ask, "onnxruntime", seed=1), inspection.settings)
    if recorded is None:
        raise SystemExit(f"no answers could be recorded for {name}")
    (place / "recorded.json").write_bytes(recorded)
    return file


def open_session(file: Path) -> Any:
    """The engine, called directly."""
    engine: Any = onnxruntime
    return engine.InferenceSession(str(file), providers=["CPUExecutionProvider"])


def run(session: Any, array: Array) -> Array:
    """What every compared server has to answer."""
    (answer,) = session.run([OUTPUT], {INPUT: array})
    result: Array = answer
    return result


def payloads(model: str) -> dict[str, Payload]:
    """The tensors that are sent, by name."""
    random = np.random.default_rng(7)
    if model == "mlp":
        rows = random.uniform(0.1, 8.0, size=(ROWS, 4)).round(1)
        return {
            "row": Payload("row", np.array([[5.1, 3.5, 1.4, 0.2]], np.float32), "[[5.1, 3.5, 1.4, 0.2]]"),
            "rows": Payload("rows", rows.astype(np.float32), json.dumps(rows.tolist())),
            "binary": Payload("binary", rows.astype(np.float32), "", binary=True),
        }
    pixels = _picture(random)
    planes = pixels.astype(np.float32).transpose(2, 0, 1)[np.newaxis]
    scaled = planes / np.float32(255)
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "PNG")
    return {
        "tensor": Payload("tensor", scaled, json.dumps(scaled.astype(np.float64).tolist())),
        "picture": Payload("picture", planes, "", buffer.getvalue()),
    }


def sha256(data: bytes) -> str:
    """The digest as `migrate` writes it."""
    return "sha256:" + hashlib.sha256(data).hexdigest()


def _picture(random: np.random.Generator) -> NDArray[np.uint8]:
    """Soft shapes with a little noise, which compress about as a photograph does."""
    coarse = Image.fromarray(random.integers(0, 255, size=(8, 8, 3), dtype=np.uint8))
    smooth = np.asarray(coarse.resize((SIDE, SIDE), Image.Resampling.BICUBIC)).astype(np.int16)
    noisy = smooth + random.integers(-6, 7, size=smooth.shape)
    pixels: NDArray[np.uint8] = noisy.clip(0, 255).astype(np.uint8)
    return pixels
