"""What TensorFlow's two engines share: its settings, its words for types, and strings to it and back.

The package itself is deferred: what a SavedModel takes is imported from its modules.
"""

import os
import re

# Read when TensorFlow is imported. With oneDNN the sums of the old runtime do not come out to the last digit.
os.environ["TF_ENABLE_ONEDNN_OPTS"] = "0"
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
os.environ.setdefault("CUDA_VISIBLE_DEVICES", "-1")
os.environ["TF2_BEHAVIOR"] = "1"  # as the package itself has it

import logging
from importlib import import_module
from types import SimpleNamespace
from typing import Any

import numpy as np

from migrate.server.engines.deferred import defer
from migrate.server.errors import HttpError
from migrate.server.model import Field
from migrate.server.model_engine import ContradictionError
from migrate.server.tensors import Array, type_of

defer("tensorflow")

from tensorflow.core.protobuf.config_pb2 import ConfigProto
from tensorflow.python.client.session import Session
from tensorflow.python.compat import v2_compat
from tensorflow.python.framework import dtypes, errors
from tensorflow.python.framework.ops import Graph
from tensorflow.python.platform import tf_logging
from tensorflow.python.saved_model import loader

import_module("tensorflow.python.training.queue_runner_impl")  # known to the collections of old graphs, and not used
v2_compat.enable_v2_behavior()  # as the package does when it is imported
tf_logging.get_logger().setLevel(logging.ERROR)
REFUSALS: tuple[type[Exception], ...] = (errors.OpError, ValueError, TypeError)
"""What TensorFlow raises when a graph cannot be run on some tensors."""
parts: Any = SimpleNamespace(ConfigProto=ConfigProto, Graph=Graph, Session=Session, load=loader.load)
"""What a SavedModel takes of the package; it must be imported after what is above."""

STRING = "object"


def dtype_of(name: str, dtype: Any) -> str:
    """Numpy's word for a TensorFlow dtype; strings are ``object``.

    Raises:
        ContradictionError: For a dtype that has no numbers, such as a resource.
    """
    if dtype == dtypes.string:
        return STRING
    if not (dtype.is_floating or dtype.is_integer or dtype.is_bool) or dtype.is_quantized or dtype == dtypes.bfloat16:
        raise ContradictionError(f"{name} is a tensor of {dtype.name}, which cannot be served")
    return str(np.dtype(dtype.as_numpy_dtype))


def check_type(field: Field, dtype: str) -> None:
    """Compare a declared type with the model's own.

    Raises:
        ContradictionError: They are not of one kind: numbers, texts or truth values.
    """
    actual = type_of(np.empty(0, dtype))
    if _KINDS.get(field.type, field.type) != _KINDS.get(actual, actual):
        raise ContradictionError(f"{field.name} is declared as {field.type}, the model has {actual}")


_KINDS = dict.fromkeys(("integer", "long", "float", "double"), "number")


def to_tensorflow(data: Array, dtype: str) -> Array:
    """Values as the graph takes them."""
    if dtype == STRING:
        return data
    with np.errstate(all="ignore"):
        return data if data.dtype == dtype else data.astype(dtype)


def from_tensorflow(data: Any) -> Array:
    """Values as they came; byte strings as text, what is no UTF-8 in them replaced."""
    array: Array = np.asarray(data)
    if array.dtype.kind not in "OS":
        return array
    texts = np.empty(array.size, np.object_)
    texts[:] = [value.decode("utf-8", "replace") if isinstance(value, bytes) else value for value in array.flat]
    return texts.reshape(array.shape)


def failed(error: Exception) -> HttpError:
    """What the old runtime answered when TensorFlow refused, with the cause."""
    return HttpError(500, "Internal error", (_cause(str(error)) or type(error).__name__)[:500])


def _cause(text: str) -> str:
    """The line of TensorFlow's message that says what went wrong.

    Before it there may be a heading and the nodes that were met, after it the nodes again.
    """
    lines = [line.strip() for line in text.splitlines()]
    said = [line for line in lines if line and not _AROUND.match(line)]
    return _NUMBERED.sub("", said[0]) if said else next(filter(None, lines), "")


_AROUND = re.compile(r"Graph execution error:|Detected at node|Node: |<stack traces|\d+ root error|\[\[\{\{|File \"")
_NUMBERED = re.compile(r"^\(\d+\) (?:[A-Z_]+: +)?")
