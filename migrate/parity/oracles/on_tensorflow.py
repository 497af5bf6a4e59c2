"""TensorFlow, called directly: one signature of a SavedModel in a session."""

import os
import tempfile
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

# Read when TensorFlow is imported; with oneDNN the last digits are not those of the old runtime.
os.environ |= {"TF_ENABLE_ONEDNN_OPTS": "0", "TF_CPP_MIN_LOG_LEVEL": "2", "CUDA_VISIBLE_DEVICES": "-1"}

import numpy as np
import tensorflow  # noqa: ICN001 - the package does not declare what it exports

from .rules import Array, Loaded, Request, answered, declared_array, feed

tf: Any = tensorflow


def load(settings: Mapping[str, Any], root: Path) -> Loaded:
    """A folder, or a zip, with ``saved_model.pb`` in it."""
    own = settings["tensorflow"]
    session = tf.compat.v1.Session(graph=tf.Graph())
    with tempfile.TemporaryDirectory() as scratch:
        folder = root / own["saved_model"]
        if not folder.is_dir():
            with zipfile.ZipFile(folder) as packed:
                packed.extractall(scratch)
            folder = Path(scratch, own.get("root", ""))
        meta = tf.compat.v1.saved_model.load(session, own.get("tags", ["serve"]), str(folder))
    signature = meta.signature_def[own["signature"]]
    sources = {name: session.graph.get_tensor_by_name(info.name) for name, info in signature.inputs.items()}
    targets = {one["name"]: signature.outputs[one["name"]].name for one in settings["outputs"]}

    def answer(request: Request) -> dict[str, Any]:
        sent = {name: cast(array, sources[name].dtype) for name, array in feed(settings, request).items()}
        feeds = {sources[name]: ranked(array, sources[name].shape) for name, array in sent.items()}
        tensors = {name: texts(value) for name, value in session.run(targets, feeds).items()}
        if any(feeds[sources[name]].ndim > array.ndim for name, array in sent.items()):
            tensors = {name: value.reshape(()) if value.size == 1 else value for name, value in tensors.items()}
        if settings.get("manifest"):
            tensors |= {one["name"]: declared_array(one, tensors[one["name"]]) for one in settings["outputs"]}
        return answered(settings["outputs"], tensors)

    return Loaded(answer)


def cast(array: Array, dtype: Any) -> Array:
    """An array in the graph's own dtype."""
    return array if dtype == tf.string else array.astype(dtype.as_numpy_dtype)


def ranked(array: Array, shape: Any) -> Array:
    """One value in the rank of its placeholder: the old runtime fed a scalar where the signature tells no shape."""
    if array.ndim or not shape.rank or any(size not in (None, 1) for size in shape):
        return array
    return array.reshape([1] * shape.rank)


def texts(value: Any) -> Array:
    """An output as an array; byte strings as text."""
    array = np.asarray(value)
    if array.dtype.kind not in "OS":
        return array
    decode = np.frompyfunc(lambda one: one.decode("utf-8", "replace") if isinstance(one, bytes) else one, 1, 1)
    return np.asarray(decode(array), dtype=object)
