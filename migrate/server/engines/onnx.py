"""ONNX Runtime: the session, its words for types, and ZipMaps as tensors."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import msgspec
import numpy as np
import onnxruntime
from msgspec import Struct

from migrate.server.errors import bad_request
from migrate.server.inputs import zeros
from migrate.server.model import Field, Model, OnnxSettings, with_classes, with_output_shape
from migrate.server.model_engine import ContradictionError
from migrate.server.tensors import DTYPES, Array, type_of

# The package does not declare what it exports.
ort: Any = onnxruntime
_SIMPLE: Final = {
    "float": "float32",
    "double": "float64",
    "float16": "float16",
    "int8": "int8",
    "int16": "int16",
    "int32": "int32",
    "int64": "int64",
    "uint8": "uint8",
    "uint16": "uint16",
    "uint32": "uint32",
    "uint64": "uint64",
    "bool": "bool",
    "string": "object",
}
_ERROR: Final = 3
_INTEGER_BYTES: Final = 4
_EXCEPTION_TEXT: Final = "ai.onnxruntime.OrtException: "


class _Manifest(Struct):
    """The part of a manifest that holds its model."""

    binary: bytes


def _embedded(manifest: Path) -> bytes:
    return msgspec.json.decode(manifest.read_bytes(), type=_Manifest).binary


class OnnxEngine:
    """A session on the CPU, safe to run from several threads at once."""

    def __init__(self, model: Model, *, threads: int) -> None:
        ort.disable_telemetry_events()
        ort.set_default_logger_severity(_ERROR)
        own = model.onnx or OnnxSettings()
        options = ort.SessionOptions()
        options.intra_op_num_threads = 1 if own.one_thread else threads
        options.inter_op_num_threads = 1
        options.log_severity_level = _ERROR
        # Spinning threads burn a CPU that the container pays for, and gain nothing.
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        options.add_session_config_entry("session.inter_op.allow_spinning", "0")
        try:
            source = _embedded(model.entry_path) if own.embedded else str(model.entry_path)
            self._session = ort.InferenceSession(source, options, providers=["CPUExecutionProvider"])
        except Exception as error:
            raise ContradictionError(f"ONNX Runtime cannot load {model.entry}: {error}") from error
        self._inputs = {node.name: _dtype(node.type) for node in self._session.get_inputs()}
        self._shapes = {node.name: node.shape for node in self._session.get_inputs()}
        self._kinds = {node.name: node.type for node in self._session.get_outputs()}
        self._names = [field.name for field in model.outputs]
        self._labels = {name: labels.labels for name, labels in own.zipmap.items()}
        self._check(model)
        self._casts = {
            field.name: np.dtype(self._inputs[field.name])
            for field in model.inputs
            if np.dtype(self._inputs[field.name]) != DTYPES[field.type]
        }

    @property
    def inputs(self) -> Mapping[str, str]:
        """Numpy's word for the dtype of each input."""
        return self._inputs

    @property
    def outputs(self) -> Mapping[str, str]:
        """Numpy's word for the dtype of each output that is used."""
        return {name: "float32" if _is_zipmap(self._kinds[name]) else _dtype(self._kinds[name]) for name in self._names}

    def run(self, feeds: Mapping[str, Array]) -> dict[str, Array]:
        """Compute every declared output; a ZipMap becomes one column for each label."""
        values = self._call(feeds)
        return {
            name: self._columns(name, value) if isinstance(value, list) else value
            for name, value in zip(self._names, values, strict=True)
        }

    def complete(self, model: Model) -> Model:
        """Fill in the width of ZipMaps of unknown labels, by one run on zeros with every unknown dimension 1."""
        unknown = [
            field for field in model.outputs if _is_zipmap(self._kinds[field.name]) and field.name not in self._labels
        ]
        if not unknown:
            return model
        feeds = {field.name: zeros(field) for field in model.inputs}
        try:
            values = dict(zip(self._names, self._call(feeds), strict=True))
        except Exception as error:
            raise ContradictionError(f"the widths of its outputs are unknown, and it cannot run: {error}") from error
        for field in unknown:
            labels = tuple(sorted(values[field.name][0]))
            self._labels[field.name] = labels
            model = with_classes(model, field.name, labels)
            if field.shape is not None:
                model = with_output_shape(model, field.name, (*field.shape[:-1], len(labels)))
        return model

    def _call(self, feeds: Mapping[str, Array]) -> list[Any]:
        if self._casts:
            feeds = {name: _cast(name, data, self._casts.get(name, data.dtype)) for name, data in feeds.items()}
        try:
            values: list[Any] = self._session.run(self._names, feeds)
        except Exception as error:
            raise bad_request(_EXCEPTION_TEXT + str(error)) from error
        return values

    def _columns(self, name: str, rows: list[dict[int | str, float]]) -> Array:
        labels = self._labels[name]
        try:
            return np.array([[row[label] for label in labels] for row in rows], np.float32).reshape(-1, len(labels))
        except KeyError as error:
            raise bad_request(f"Output {name} has no value for the label {error}") from error

    def _check(self, model: Model) -> None:
        declared = {field.name for field in model.inputs}
        if declared != set(self._inputs):
            raise ContradictionError(
                f"model.json declares the inputs {sorted(declared)}, the file has {sorted(self._inputs)}"
            )
        for field in model.inputs:
            self._check_input(field)
        for field in model.outputs:
            kind = self._kinds.get(field.name)
            if kind is None:
                raise ContradictionError(f"the file has no output {field.name}, it has {sorted(self._kinds)}")
            if _is_zipmap(kind):
                continue
            _check_type(field, _dtype(kind))

    def _check_input(self, field: Field) -> None:
        _check_type(field, self._inputs[field.name])
        actual = self._shapes[field.name]
        if not actual or field.shape is None:
            return
        fits = len(actual) == len(field.shape) and all(
            want == -1 or not isinstance(have, int) or have == want
            for have, want in zip(actual, field.shape, strict=True)
        )
        if not fits:
            raise ContradictionError(f"input {field.name} is declared as {list(field.shape)}, the file has {actual}")


def _is_zipmap(kind: str) -> bool:
    return kind.startswith("seq(map(")


def _dtype(kind: str) -> str:
    """Numpy's word for ``tensor(...)``.

    Raises:
        ContradictionError: For anything that is no tensor of a known type.
    """
    word = kind.removeprefix("tensor(").removesuffix(")")
    if word not in _SIMPLE or not kind.startswith("tensor("):
        raise ContradictionError(f"a value of type {kind} is no tensor that can be served")
    return _SIMPLE[word]


def _check_type(field: Field, dtype: str) -> None:
    actual = type_of(np.empty(0, dtype))
    if field.type != actual:
        raise ContradictionError(f"{field.name} is declared as {field.type}, the file has {actual}")


def _cast(name: str, data: Array, dtype: Any) -> Array:
    """Values in the dtype of the engine: unsigned ones of 32 and 64 bits take the bits of signed ones, as in Java."""
    if data.dtype == dtype:
        return data
    if dtype.kind in "iu" and dtype.itemsize < _INTEGER_BYTES and data.size:
        limits = np.iinfo(dtype)
        if data.min() < limits.min or data.max() > limits.max:
            raise bad_request(f"Tensor {name} holds a value beyond {dtype}", f"{limits.min} to {limits.max}")
    with np.errstate(all="ignore"):
        return data.astype(dtype)
