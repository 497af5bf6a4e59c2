"""Writing models and samples: the same versions of the libraries give the same bytes on one kind of processor."""

import json
from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
from numpy.typing import NDArray
from onnx import helper, numpy_helper

OPSET = {"": 12, "ai.onnx.ml": 1}
IR_VERSION = 7
DECIMALS = 5  # of every fitted number: the last bits of a sum are not exported

Request = dict[str, object]
Answer = dict[str, object]
Doubles = NDArray[np.float64]


def save(out: Path, model_id: str, file: str, model: onnx.ModelProto) -> Path:
    """Write a model as an exporter of 2021 would have and return its path."""
    model.ir_version = IR_VERSION
    opsets = sorted((opset.domain, opset.version) for opset in model.opset_import)  # skl2onnx: in hash order
    del model.opset_import[:]
    model.opset_import.extend(helper.make_opsetid(domain, version) for domain, version in opsets)
    onnx.checker.check_model(model)
    path = out / "models" / model_id / file
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(model.SerializeToString(deterministic=True))
    print(f"{path}  {path.stat().st_size} bytes")
    return path


def save_samples(out: Path, model_id: str, requests: dict[str, Request], answer: Callable[[Request], Answer]) -> None:
    """Write each request with the answer that a client of the old service got."""
    folder = out / "samples" / model_id
    folder.mkdir(parents=True, exist_ok=True)
    for name, request in requests.items():
        text = json.dumps({"request": request, "answer": answer(request)}, ensure_ascii=False)
        (folder / f"{name}.json").write_text(text + "\n", encoding="utf-8")


def simplify(values: NDArray[np.generic]) -> object:
    """Nested lists without the dimensions of size 1, which the old runtime dropped from every answer."""
    if values.dtype == np.float32:  # the shortest text of a float32, not of the double that holds it
        texts = np.array([float(str(value)) for value in values.ravel()], dtype=np.float64)
        return texts.reshape(values.shape).squeeze().tolist()
    return values.squeeze().tolist()


def check(path: Path, feeds: dict[str, object], expected: dict[str, NDArray[np.generic]], relative: float) -> None:
    """Stop unless the exported file computes what the training code computes."""
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    for name, got in zip(expected, session.run(list(expected), feeds), strict=True):
        values = np.array([[row[key] for key in sorted(row)] for row in got]) if isinstance(got, list) else got
        if expected[name].dtype.kind == "f":
            np.testing.assert_allclose(values, expected[name], rtol=relative, atol=relative / 10)
        else:
            np.testing.assert_array_equal(values, expected[name])


def fitted(values: object) -> Doubles:
    """Fitted numbers, rounded."""
    return np.round(np.asarray(values, dtype=np.float64), DECIMALS) + 0.0


def handmade(
    name: str,
    nodes: list[onnx.NodeProto],
    inputs: list[onnx.ValueInfoProto],
    outputs: list[onnx.ValueInfoProto],
    constants: Mapping[str, NDArray[np.generic]],
) -> onnx.ModelProto:
    """A model of these nodes, under the opsets of 2021."""
    initializers = [numpy_helper.from_array(values, key) for key, values in constants.items()]
    graph = helper.make_graph(nodes, name, inputs, outputs, initializers)
    opsets = [helper.make_opsetid(domain, version) for domain, version in OPSET.items()]
    return helper.make_model(graph, opset_imports=opsets, producer_name="make_sample_models")
