"""One example as a request to each route, and the answer back as arrays."""

import json
import math
import struct
from collections.abc import Callable
from dataclasses import dataclass
from http.client import HTTPConnection
from typing import Any, Final
from urllib.parse import quote

import numpy as np
from conformance_onnx_cases import Array, Example, differing, same

TIMEOUT_SECONDS: Final = 60
OLD_ROUTE: Final = "/eval"
_DATATYPES: Final = {
    "bool": "BOOL",
    "int8": "INT8",
    "int16": "INT16",
    "int32": "INT32",
    "int64": "INT64",
    "uint8": "UINT8",
    "uint16": "UINT16",
    "uint32": "UINT32",
    "uint64": "UINT64",
    "float16": "FP16",
    "float32": "FP32",
    "float64": "FP64",
    "text": "BYTES",
}
_DTYPES: Final = {word: dtype for dtype, word in _DATATYPES.items()}
# What the old runtime's Java binding could read: contract, section 6.1.
_OLD_TYPES: Final = {"bool", "int32", "int64", "uint32", "uint64", "float16", "float32", "float64", "text"}
_OLD_INTEGERS: Final = range(-(2**63), 2**63)
_WORDS: Final = {"NaN": math.nan, "Infinity": math.inf, "-Infinity": -math.inf}
# Direct answers come from the same engine: what differs is only the order of sums in several threads.
_DIRECT: Final = {"float16": 1e-3, "float32": 1e-5, "float64": 1e-12}


class MissError(Exception):
    """The route does not give the answer; the text says why."""


class OutsideError(Exception):
    """The old contract has no way to say this; the text says what."""


@dataclass(frozen=True)
class Route:
    """A way to ask: what it sends, and how its answer is held against an example."""

    name: str
    ask: Callable[[HTTPConnection, str, Example, float, float], None]


def dtype_word(array: Array) -> str:
    """Numpy's word for a dtype; ``text`` for strings of any kind."""
    return "text" if array.dtype.kind in "OSUT" else array.dtype.name


def _texts(array: Array) -> list[str]:
    return [value.decode() if isinstance(value, bytes) else str(value) for value in array.flat]


def _leaves(array: Array) -> list[Any]:
    """Values in row-major order as JSON has them; NaN and infinities as words."""
    if dtype_word(array) == "text":
        return _texts(array)
    values = array.reshape(-1).tolist()
    if array.dtype.kind != "f":
        return list(values)
    names = {math.inf: "Infinity", -math.inf: "-Infinity"}
    return [value if math.isfinite(value) else names.get(value, "NaN") for value in values]


def _datatype(name: str, array: Any) -> str:
    word = dtype_word(array) if isinstance(array, np.ndarray) else type(array).__name__
    if word not in _DATATYPES:
        raise MissError(f"input {name}: the protocol has no datatype for {word}")
    return _DATATYPES[word]


def _post(connection: HTTPConnection, path: str, headers: dict[str, str], body: bytes) -> tuple[dict[str, str], bytes]:
    connection.request("POST", path, body, headers)
    response = connection.getresponse()
    content = response.read()
    if response.status != 200:
        raise MissError(f"{response.status}: {content.decode(errors='replace')[:200]}")
    return {name.lower(): value for name, value in response.getheaders()}, content


def _hold(actual: dict[str, Array], example: Example, rtol: float, atol: float) -> None:
    """Compare with the suite's outputs, and more closely with what onnxruntime answers directly."""
    for name, wanted in example.expected.items():
        if name not in actual:
            raise MissError(f"output {name} is missing")
        difference = same(actual[name], wanted, rtol, atol)
        if difference:
            raise MissError(f"output {name}: {difference}")
        if example.direct is not None:
            near = _DIRECT.get(dtype_word(wanted), 0.0)
            difference = same(actual[name], example.direct[name], near, near)
            if difference:
                raise MissError(f"output {name} is not what onnxruntime answers directly: {difference}")


def ask_v2_json(connection: HTTPConnection, model: str, example: Example, rtol: float, atol: float) -> None:
    """``/v2/models/{m}/infer``, all values in JSON."""
    inputs = [
        {"name": name, "shape": list(array.shape), "datatype": _datatype(name, array), "data": _leaves(array)}
        for name, array in example.inputs.items()
    ]
    body = json.dumps({"inputs": inputs}).encode()
    headers = {"Content-Type": "application/json"}
    _, content = _post(connection, f"/v2/models/{quote(model, safe='')}/infer", headers, body)
    outputs = json.loads(content)["outputs"]
    _hold({entry["name"]: _of_json(entry) for entry in outputs}, example, rtol, atol)


def _of_json(entry: dict[str, Any]) -> Array:
    dtype = _DTYPES[entry["datatype"]]
    if dtype == "text":
        return np.array(entry["data"], np.object_).reshape(entry["shape"])
    leaves = [_WORDS[value] if isinstance(value, str) else value for value in entry["data"]]
    return np.array(leaves, dtype).reshape(entry["shape"])


def ask_v2_binary(connection: HTTPConnection, model: str, example: Example, rtol: float, atol: float) -> None:
    """``/v2/models/{m}/infer`` with the binary tensor extension in both directions."""
    inputs, tails = [], []
    for name, array in example.inputs.items():
        datatype = _datatype(name, array)
        tails.append(_to_bytes(array))
        size = {"binary_data_size": len(tails[-1])}
        inputs.append({"name": name, "shape": list(array.shape), "datatype": datatype, "parameters": size})
    head = json.dumps({"inputs": inputs, "parameters": {"binary_data_output": True}}).encode()
    headers = {"Content-Type": "application/octet-stream", "Inference-Header-Content-Length": str(len(head))}
    path = f"/v2/models/{quote(model, safe='')}/infer"
    answered, content = _post(connection, path, headers, b"".join([head, *tails]))
    length = int(answered["inference-header-content-length"])
    rest = memoryview(content)[length:]
    actual = {}
    for entry in json.loads(content[:length])["outputs"]:
        size = entry["parameters"]["binary_data_size"]
        actual[entry["name"]] = _of_bytes(rest[:size], entry)
        rest = rest[size:]
    if len(rest):
        raise MissError(f"{len(rest)} bytes follow the last output")
    _hold(actual, example, rtol, atol)


def _to_bytes(array: Array) -> bytes:
    if dtype_word(array) != "text":
        return np.ascontiguousarray(array, array.dtype.newbyteorder("<")).tobytes()
    encoded = [text.encode() for text in _texts(array)]
    return b"".join(struct.pack("<I", len(text)) + text for text in encoded)


def _of_bytes(data: memoryview, entry: dict[str, Any]) -> Array:
    dtype = _DTYPES[entry["datatype"]]
    if dtype != "text":
        return np.frombuffer(data, np.dtype(dtype).newbyteorder("<")).astype(dtype).reshape(entry["shape"])
    texts, place = [], 0
    while place < len(data):
        (length,) = struct.unpack_from("<I", data, place)
        texts.append(bytes(data[place + 4 : place + 4 + length]).decode())
        place += 4 + length
    return np.array(texts, np.object_).reshape(entry["shape"])


def check_old(example: Example) -> None:
    """Whether the old contract can say the example at all.

    Raises:
        OutsideError: It cannot.
    """
    for role, values in (("input", example.inputs), ("output", example.expected)):
        for value in values.values():
            if not isinstance(value, np.ndarray):
                raise OutsideError(f"an {role} that is no tensor")
            if dtype_word(value) not in _OLD_TYPES:
                raise OutsideError(f"an {role} of type {value.dtype}")
            if value.dtype == np.uint64 and value.size and int(value.max()) not in _OLD_INTEGERS:
                raise OutsideError(f"an {role} with integers above 64 bits with a sign")
    for array in example.inputs.values():
        if array.size == 0:
            raise OutsideError("an input without values, for an empty list counted as a scalar")
        if array.dtype.kind == "f" and np.isnan(array).any():
            raise OutsideError("an input that is not a number, which JSON cannot say")


def ask_eval(connection: HTTPConnection, model: str, example: Example, rtol: float, atol: float) -> None:
    """The old route: nested JSON lists; answers come without dimensions of size 1 and in fewer types."""
    check_old(example)
    body = {name: _nested(array) for name, array in example.inputs.items()}
    # JSON's only infinity is a number too large for a double.
    text = json.dumps(body).replace('"\\u221e"', "1e999").replace('"-\\u221e"', "-1e999").encode()
    headers = {"Content-Type": "application/json"}
    _, content = _post(connection, f"/{quote(model, safe='')}/eval", headers, text)
    answer = json.loads(content)
    for name, wanted in example.expected.items():
        if name not in answer:
            raise MissError(f"output {name} is missing")
        _hold_old(name, answer[name], wanted, rtol, atol)


def _nested(array: Array) -> Any:
    if _is_text(array):
        return np.array(_texts(array), np.object_).reshape(array.shape).tolist()
    if array.dtype.kind == "f" and np.isinf(array).any():
        marked = array.astype(np.object_)
        marked[np.isposinf(array)] = "\u221e"
        marked[np.isneginf(array)] = "-\u221e"
        return marked.tolist()
    return array.tolist()


def _is_text(array: Array) -> bool:
    return dtype_word(array) == "text"


def _hold_old(name: str, value: Any, wanted: Array, rtol: float, atol: float) -> None:
    if wanted.size == 0:
        if np.array(value, np.object_).size:
            raise MissError(f"output {name} has values, wanted none")
        return
    shape = tuple(size for size in wanted.shape if size != 1)
    actual = np.array(value, np.object_)
    if actual.shape != shape:
        raise MissError(f"output {name} has the shape {list(actual.shape)}, wanted {list(shape)}")
    if not _is_text(wanted):
        numbers = [_WORDS[leaf] if isinstance(leaf, str) else leaf for leaf in actual.flat]
        actual = np.array(numbers).astype(wanted.dtype).reshape(shape)
    difference = differing(actual, wanted.reshape(shape), rtol, atol)
    if difference:
        raise MissError(f"output {name}: {difference}")


ROUTES: Final = (
    Route("v2 JSON", ask_v2_json),
    Route("v2 binary", ask_v2_binary),
    Route(OLD_ROUTE, ask_eval),
)
