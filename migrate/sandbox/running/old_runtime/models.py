"""ONNX models as the old runtime found, described and ran them."""

import base64
import json
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from onnxruntime.capi.onnxruntime_inference_collection import InferenceSession
from onnxruntime.capi.onnxruntime_pybind11_state import (
    EPFail,
    Fail,
    InvalidArgument,
    InvalidGraph,
    InvalidProtobuf,
    NoSuchFile,
    NotImplemented,  # noqa: A004 - the name is the engine's
    RuntimeException,
)

from .tensors import DTYPES, NUMERIC, RefusalError, Tensor, columns, fit, internal, read_tensors, roll
from .texts import hash_map_order

if TYPE_CHECKING:
    from collections.abc import Sequence

Array = NDArray[Any]
Field = dict[str, Any]
TYPES = {
    "float": "float",
    "float16": "float",
    "double": "double",
    "int32": "integer",
    "uint32": "integer",
    "int64": "long",
    "uint64": "long",
    "bool": "boolean",
    "string": "string",
}
ENGINE_ERRORS = (
    EPFail,
    Fail,
    InvalidArgument,
    InvalidGraph,
    InvalidProtobuf,
    NoSuchFile,
    NotImplemented,
    RuntimeException,
)


class NotLoadableError(Exception):
    """Nothing in the folder is a model that the old runtime could have served."""


class Model:
    """A loaded model.

    Args:
        folder: Holds the model's file, and perhaps a manifest.

    Raises:
        NotLoadableError: The old runtime would not have started on this folder.
    """

    def __init__(self, folder: Path) -> None:
        manifest, source = _find(folder)
        try:
            self._session = InferenceSession(source, providers=["CPUExecutionProvider"])
            self._graph_inputs = {entry.name: _input(entry) for entry in self._session.get_inputs()}
            names = hash_map_order(self._graph_inputs)
            results = self._session.run(None, {name: _dummy(self._graph_inputs[name]) for name in names})
        except ENGINE_ERRORS as error:
            raise NotLoadableError(str(error)) from error
        self.window = int(manifest.get("batch_size", 1)) if manifest else 1
        self._manifest = manifest is not None
        if manifest is not None:
            self.inputs = [_declared(field) for field in manifest["inputs"]]
            self.outputs = [_declared(field) for field in manifest["outputs"]]
        else:
            self.inputs = [self._graph_inputs[name] for name in names]
            batched = self.inputs[-1]["shape"][:1] == [-1]
            self.outputs = [
                _with_image(_output(entry, result, batched=batched))
                for entry, result in zip(self._session.get_outputs(), results, strict=True)
                if not entry.type.startswith("map(")
            ]

    def describe(self) -> dict[str, Any]:
        """The document of ``/describe``."""
        return {"inputs": self.inputs, "outputs": self.outputs, "rolling_windows_size": self.window}

    def evaluate(self, body: bytes, step: str | None) -> dict[str, Array]:
        """The tensors that answer a JSON body, before dimensions are dropped."""
        given = read_tensors(body)
        stop = _stop(step)
        feeds = {field["name"]: self._feed(field, given) for field in self.inputs}
        if stop == "input":
            return feeds
        names = [field["name"] for field in self.outputs]
        try:
            results = self._session.run(names, feeds)
        except ENGINE_ERRORS as error:
            raise RefusalError(400, f"ai.onnxruntime.OrtException: {error}") from error
        tensors = {name: _flat(result) for name, result in zip(names, results, strict=True)}
        if stop == "output":
            return tensors
        answer: dict[str, Array] = {}
        for field in self.outputs:
            answer.update(_split(field, _refit(tensors[field["name"]], field)))
        return answer

    def _feed(self, field: Field, given: dict[str, Tensor]) -> Array:
        tensor = given.get(field["name"])
        if tensor is None:
            if not field.get("fields"):
                if self._manifest:
                    raise internal()
                raise RefusalError(400, f"Unable to find a tensor with name {field['name']}")
            tensor = columns(field, given)
        return fit(roll(tensor, self.window), field["type"], field["shape"])


def _find(folder: Path) -> tuple[dict[str, Any] | None, Path | bytes]:
    """The manifest and the model's file, or its bytes where the manifest holds them."""
    for file in sorted(folder.glob("*.json")):
        try:
            document = json.loads(file.read_bytes())
        except ValueError:
            continue
        if isinstance(document, dict) and document.get("type") == "onnx":
            if document.get("binary") is not None:
                return document, base64.b64decode(document["binary"])
            if "onnx_model_uri" in document:
                return document, folder / document["onnx_model_uri"]
    for file in sorted(folder.glob("*.onnx")):
        return None, file
    raise NotLoadableError(f"No manifest or direct binary found or valid from {folder.name}")


def _input(entry: Any) -> Field:
    kind = re.fullmatch(r"tensor\((\w+)\)", entry.type)
    if kind is None or kind[1] not in TYPES:
        raise NotLoadableError(f"inputs of type {entry.type} are not supported")
    return _with_image({"name": entry.name, "type": TYPES[kind[1]], "shape": _shape(entry)})


def _shape(entry: Any) -> list[int]:
    return [size if isinstance(size, int) and size >= 0 else -1 for size in entry.shape]


def _output(entry: Any, result: Any, *, batched: bool) -> Field:
    inner = re.search(r"tensor\((\w+)\)\)*$", entry.type)
    if inner is None or inner[1] not in TYPES or (entry.type.startswith("seq") and "map" not in entry.type):
        raise NotLoadableError(f"outputs of type {entry.type} are not supported")
    # A run tells how many classes there are; everything else is told by the graph.
    shape = [*([-1] if batched else []), len(result[0])] if isinstance(result, list) else _shape(entry)
    if batched:
        if not shape:
            raise NotLoadableError(f"output {entry.name} has no dimension for the batch")
        shape[0] = -1
    return {"name": entry.name, "type": TYPES[inner[1]], "shape": shape}


def _declared(field: Field) -> Field:
    shown: Field = {"name": field["name"], "type": field["type"].lower()}
    if field.get("values"):
        shown["values"] = field["values"]
    if field.get("continuous_domain"):
        shown["continuous_domain"] = [
            {"lowerBound": part.get("lower_bound"), "upperBound": part.get("upper_bound")}
            for part in field["continuous_domain"]
        ]
    shown["shape"] = field["shape"]
    if field.get("fields"):
        shown["fields"] = [
            {
                "name": index["name"],
                "type": index.get("type", field["type"]).lower(),
                **({"values": index["values"]} if index.get("values") else {}),
                "index": index.get("index"),
                "key": index.get("key"),
            }
            for index in field["fields"]
        ]
    if "image_transformer" in field:
        shown["image_transformer"] = field["image_transformer"]
    return shown


def _with_image(field: Field) -> Field:
    """The field with an ``image_transformer`` where its shape is that of images."""
    shape = field["shape"]
    if field["type"] not in NUMERIC or not 2 <= len(shape) <= 4:
        return field
    channel = max((place for place, size in enumerate(shape) if size in (1, 3)), default=None)
    if channel is None:
        return field
    others = ["BATCH_SIZE", "HEIGHT", "WIDTH"][4 - len(shape) :]
    if len(others) < 2:
        return field
    names = [*others[:channel], "CHANEL", *others[channel:]]
    colours = ["GRAY_SCALE"] if shape[channel] == 1 else ["RED", "GREEN", "BLUE"]
    return field | {"image_transformer": {"image_shape": names, "property_chanel": colours}}


def _dummy(field: Field) -> Array:
    shape = [1 if size < 0 else size for size in field["shape"]]
    return np.full(shape, "" if field["type"] == "string" else 0, DTYPES[field["type"]])


def _flat(result: Any) -> Array:
    if not isinstance(result, list):
        return np.asarray(result)
    rows: Sequence[dict[Any, float]] = result
    if not all(isinstance(key, int) for key in rows[0]):
        raise RefusalError(400, "Only sequence of maps with INT64 keys are supported for now...")
    if any(set(row) != set(range(len(rows[0]))) for row in rows):
        raise internal()
    return np.array([[row[key] for key in range(len(row))] for row in rows], np.float32)


def _refit(values: Array, field: Field) -> Array:
    kinds = {
        "f4": "float",
        "f8": "double",
        "i4": "integer",
        "u4": "integer",
        "i8": "long",
        "u8": "long",
        "b1": "boolean",
    }
    kind = kinds.get(values.dtype.str[1:], "float" if values.dtype.kind == "f" else "string")
    return fit(Tensor(kind, values.shape, values.ravel().tolist()), field["type"], field["shape"])


def _split(field: Field, values: Array) -> dict[str, Array]:
    if not field.get("fields"):
        return {field["name"]: values}
    parts: dict[str, Array] = {}
    for index in field["fields"]:
        if index["index"] is None and values.ndim == 1:
            parts[index["name"]] = values
        elif index["index"] is not None and values.ndim == 2:
            parts[index["name"]] = values[:, index["index"]]
        else:
            raise RefusalError(400, f"The tensor {field['name']} cannot be divided into its fields")
    return parts


def _stop(step: str | None) -> str | None:
    """The side of the model at which a ``Step`` header stops; only number 0 exists."""
    found = re.fullmatch(r"(input|output):(.*)", step or "")
    if found is None:
        return None
    if not re.fullmatch(r"[+-]?\d+", found[2]):
        raise internal()
    return found[1] if int(found[2]) == 0 else None
