"""Reference answers of an ONNX model, from onnxruntime called directly.

Run in the runtime's container, as ``python onnx.py [FOLDER]``: standard input holds one JSON object a line, standard
output gets one JSON object a line, in the same order. The script stands alone and shares no code with the inference
server, so that agreement between the two means something.

A request line has ``entry`` (the model's path, from FOLDER or the working directory), ``inputs`` (fields as
``/describe`` prints them) and ``request`` (the JSON body of ``/eval``); further, where they apply, ``outputs``,
``manifest``, ``rolling_windows_size``, ``zipmap`` and ``embedded`` as in ``model.json``. The answer line is
``{"outputs": {name: nested lists}}``, what ``/eval`` answers before it drops dimensions of size 1, or
``{"error": text}`` where the engine or the rules refuse the request.
"""

import base64
import functools
import json
import math
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
from numpy.typing import NDArray

Array = NDArray[Any]

DTYPES: dict[str, np.dtype[Any]] = {
    "float": np.dtype(np.float32),
    "double": np.dtype(np.float64),
    "integer": np.dtype(np.int32),
    "long": np.dtype(np.int64),
    "boolean": np.dtype(np.bool_),
    "string": np.dtype(object),
}


FOLDED: dict[str, type[Any]] = {
    "tensor(float16)": np.float16,
    "tensor(uint32)": np.uint32,
    "tensor(uint64)": np.uint64,
}
"""What the engine declares by other words than ``/describe`` has."""


class RefusedError(Exception):
    """The request does not fit the model's inputs."""


@functools.lru_cache(maxsize=1)
def open_session(path: str, embedded: bool) -> Any:
    """The engine with a model loaded; ``embedded`` means base64 in the ``binary`` of a manifest."""
    engine: Any = onnxruntime
    options = engine.SessionOptions()
    options.log_severity_level = 4
    model = base64.b64decode(json.loads(Path(path).read_bytes())["binary"]) if embedded else path
    return engine.InferenceSession(model, options, providers=["CPUExecutionProvider"])


def answer(line: Mapping[str, Any], root: Path) -> dict[str, Any]:
    """The tensors that one request gives."""
    session = open_session(str(root / line["entry"]), bool(line.get("embedded")))
    window = max(1, int(line.get("rolling_windows_size", 1)))
    feed = {field["name"]: input_array(field, line["request"], window) for field in line["inputs"]}
    for node in session.get_inputs():
        if node.type in FOLDED and node.name in feed:
            feed[node.name] = feed[node.name].astype(FOLDED[node.type])
    names = [node.name for node in session.get_outputs() if not node.type.startswith("map(")]
    raw = dict(zip(names, session.run(names, feed), strict=True))
    zipmap = line.get("zipmap", {})
    tensors = {name: output_array(value, zipmap.get(name, {}).get("labels")) for name, value in raw.items()}
    result: dict[str, Any] = {}
    for field in line.get("outputs") or [{"name": name} for name in names]:
        tensor = tensors[field["name"]]
        if line.get("manifest"):
            tensor = tensor.reshape(wanted_shape(tensor.shape, field["shape"])).astype(DTYPES[field["type"]])
        if not field.get("fields"):
            result[field["name"]] = tensor
        for column in field.get("fields") or ():
            result[column["name"]] = tensor if column["index"] is None else tensor[:, column["index"]]
    return {name: plain(tensor) for name, tensor in result.items()}


def input_array(field: Mapping[str, Any], request: Mapping[str, Any], window: int) -> Array:
    """The tensor of one declared input, taken from a request by its own name or by its columns' names."""
    array = np.asarray(named_or_columns(field, request), dtype=object)
    kinds = {kind(value) for value in array.ravel() if value is not None}
    if any(isinstance(value, list) for value in array.ravel()) or len(kinds) > 1:
        raise RefusedError(f"{field['name']}: ragged or mixed values")
    if kinds and kinds != {kind_of_type(field["type"])}:
        raise RefusedError(f"{field['name']}: {kinds.pop()} values for a tensor of type {field['type']}")
    if window > 1:
        rows = [array[start : start + window] for start in range(len(array) - window + 1)]
        if not rows:
            raise RefusedError(f"{field['name']}: fewer rows than one window of {window}")
        array = np.stack(rows)
    return converted(array, field["type"]).reshape(wanted_shape(array.shape, field["shape"]))


def named_or_columns(field: Mapping[str, Any], request: Mapping[str, Any]) -> Any:
    """The JSON value of an input; columns become rows of one table, each at its index."""
    if field["name"] in request:
        return request[field["name"]]
    columns = sorted(field.get("fields") or (), key=lambda column: column["index"])
    if not columns or any(column["name"] not in request for column in columns):
        raise RefusedError(f"no value for {field['name']}")
    vectors = [request[column["name"]] for column in columns]
    vectors = [vector if isinstance(vector, list) else [vector] for vector in vectors]
    if len({len(vector) for vector in vectors}) != 1:
        raise RefusedError(f"{field['name']}: columns of different lengths")
    return [list(row) for row in zip(*vectors, strict=True)]


def kind(value: object) -> str:
    """The family of a JSON value."""
    if isinstance(value, bool):
        return "boolean"
    return "number" if isinstance(value, int | float) else "string"


def kind_of_type(word: str) -> str:
    """The family of a declared type."""
    return word if word in ("boolean", "string") else "number"


def converted(array: Array, word: str) -> Array:
    """Values in the declared type, narrowed as Java narrows: truncated, saturated, null as zero."""
    if word == "string":
        return array
    flat = [0 if value is None else value for value in array.ravel()]
    if word in ("integer", "long"):
        bits = 32 if word == "integer" else 64
        flat = [narrow(value, bits) for value in flat]
    with np.errstate(over="ignore"):
        return np.array(flat, dtype=DTYPES[word]).reshape(array.shape)


def narrow(value: float, bits: int) -> int:
    """A number as a signed integer of so many bits, by Java's rules."""
    low, high = -(1 << bits - 1), (1 << bits - 1) - 1
    if isinstance(value, int):
        return (value - low) % (1 << bits) + low
    if math.isnan(value):
        return 0
    return max(low, min(high, int(max(-1e300, min(1e300, value)))))


def wanted_shape(sent: Sequence[int], wanted: Sequence[int]) -> list[int]:
    """The declared shape with its free sizes filled in for what was sent."""
    free = [position for position, size in enumerate(wanted) if size == -1]
    shape = list(wanted)
    if len(free) == 1:
        fixed = math.prod(size for size in wanted if size != -1)
        shape[free[0]] = math.prod(sent) // fixed
    elif free:
        padded = [*sent, *[1] * len(wanted)]
        shape = [padded[position] if size == -1 else size for position, size in enumerate(wanted)]
    if math.prod(shape) != math.prod(sent):
        raise RefusedError(f"shape {list(sent)} does not fit {list(wanted)}")
    return shape


def output_array(value: Any, labels: Sequence[Any] | None) -> Array:
    """An output as an array; a sequence of maps (ZipMap) has one column per class label."""
    if isinstance(value, list) and (not value or isinstance(value[0], dict)):
        order = labels or sorted(value[0] if value else ())
        return np.array([[row[label] for label in order] for row in value], dtype=np.float32).reshape(-1, len(order))
    return np.asarray(value)


def plain(array: Array) -> Any:
    """Nested lists that JSON can hold."""
    if array.dtype.kind != "f":
        return array.tolist()
    if np.isfinite(array).all():
        return array.tolist()
    names = {"nan": "NaN", "inf": "Infinity", "-inf": "-Infinity"}
    flat = [value if math.isfinite(value) else names[str(value)] for value in array.ravel().tolist()]
    quoted = np.empty(len(flat), dtype=object)
    quoted[:] = flat
    return quoted.reshape(array.shape).tolist()


def main() -> None:
    """Answer every line of standard input."""
    root = Path(sys.argv[1]) if len(sys.argv) > 1 else Path()
    for text in sys.stdin:
        if not text.strip():
            continue
        try:
            result: dict[str, Any] = {"outputs": answer(json.loads(text), root)}
        except Exception as error:  # noqa: BLE001 - whatever the engine raises is the answer to this line
            result = {"error": f"{type(error).__name__}: {error}"}
        sys.stdout.write(json.dumps(result) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
