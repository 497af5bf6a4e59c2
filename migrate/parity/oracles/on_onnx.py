"""onnxruntime, called directly."""

import base64
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime

from .rules import Array, Loaded, Request, answered, declared_array, feed

FOLDED: dict[str, type[Any]] = {
    "tensor(float16)": np.float16,
    "tensor(int8)": np.int8,
    "tensor(uint8)": np.uint8,
    "tensor(int16)": np.int16,
    "tensor(uint16)": np.uint16,
    "tensor(uint32)": np.uint32,
    "tensor(uint64)": np.uint64,
}
"""What the engine declares by other words than ``/describe`` has."""


def load(settings: Mapping[str, Any], root: Path) -> Loaded:
    """A model file, or with ``embedded`` the base64 in the ``binary`` of its manifest."""
    own: Mapping[str, Any] = settings.get("onnx") or {}
    path = root / settings["entry"]
    engine: Any = onnxruntime
    options = engine.SessionOptions()
    options.log_severity_level = 4
    if own.get("one_thread"):
        options.intra_op_num_threads = 1
    model = base64.b64decode(json.loads(path.read_bytes())["binary"]) if own.get("embedded") else str(path)
    session = engine.InferenceSession(model, options, providers=["CPUExecutionProvider"])
    names = [node.name for node in session.get_outputs() if not node.type.startswith("map(")]
    zipmap: Mapping[str, Any] = own.get("zipmap", {})

    def answer(request: Request) -> dict[str, Any]:
        feeds = feed(settings, request)
        for node in session.get_inputs():
            if node.type in FOLDED and node.name in feeds:
                feeds[node.name] = feeds[node.name].astype(FOLDED[node.type])
        raw = dict(zip(names, session.run(names, feeds), strict=True))
        tensors = {name: output_array(value, zipmap.get(name, {}).get("labels")) for name, value in raw.items()}
        fields: Any = settings.get("outputs") or [{"name": name} for name in names]
        if settings.get("manifest"):
            tensors |= {one["name"]: declared_array(one, tensors[one["name"]]) for one in fields}
        return answered(fields, tensors)

    return Loaded(answer)


def output_array(value: Any, labels: Sequence[Any] | None) -> Array:
    """An output as an array; a sequence of maps (ZipMap) has one column per class label."""
    if isinstance(value, list) and (not value or isinstance(value[0], dict)):
        order = labels or sorted(value[0] if value else ())
        return np.array([[row[label] for label in order] for row in value], dtype=np.float32).reshape(-1, len(order))
    return np.asarray(value)
