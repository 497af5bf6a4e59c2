"""An HDF5 file of any Keras 2 as the old runtime's converter loaded it (contract: Old TensorFlow).

``tf_keras`` leaves out three things that TensorFlow 1.15 did for these files.
"""

import json
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from threading import Lock
from typing import Any, Final

import numpy as np

from migrate.server.model_engine import ContradictionError

# Theano convolves, and TensorFlow correlates: the number of kernels among a layer's weights, which come first.
_THEANO: Final = {"Conv1D": 1, "Conv2D": 1, "Conv3D": 1, "Conv2DTranspose": 1, "ConvLSTM2D": 2}
_turn: Final = Lock()  # Keras has one precision for the whole process, and several models may be loaded at once


@contextmanager
def loaded(path: Path) -> Iterator[Any]:
    """The model, without its training; what is traced inside of the context computes in the file's own precision.

    Only one thread at a time is inside; others wait.

    Raises:
        ContradictionError: ``tf_keras`` cannot load the file.
    """
    # Its own use of old interfaces is no news to the people who read this log.
    warnings.filterwarnings("ignore", module=r"(tf_keras|keras|tensorflow)\b")
    import tf_keras  # noqa: PLC0415 - reads the settings that tf_runtime makes when it is imported

    with _turn:
        before = tf_keras.backend.floatx()
        try:
            try:
                config, backend = _attributes(path)
                tf_keras.backend.set_floatx(_floatx(config))
                model: Any = tf_keras.models.load_model(str(path), compile=False)
            except Exception as error:
                raise ContradictionError(f"tf_keras cannot load {path.name}: {error}") from error
            _without_state(model, tf_keras)
            if backend == "theano":
                _turn_kernels(model)
            yield model
        finally:
            tf_keras.backend.set_floatx(before)


def _attributes(path: Path) -> tuple[Any, str]:
    """The model's configuration, and the backend of the Keras that wrote it; empty where it does not say."""
    import h5py  # noqa: PLC0415 - is not in every runtime

    hdf5: Any = h5py
    with hdf5.File(path, "r") as file:
        config, backend = file.attrs["model_config"], file.attrs.get("backend", "")
    return json.loads(config), backend.decode() if isinstance(backend, bytes) else str(backend)


def _floatx(config: Any) -> str:
    """The precision of layers that name none: Keras up to 2.2 wrote it for the first layer only, and all took it."""
    waiting = [config]
    while waiting:
        value = waiting.pop()
        if isinstance(value, Mapping):
            given = value.get("batch_input_shape") or value.get("batch_shape")
            if given is not None and isinstance(value.get("dtype"), str):
                return value["dtype"] if value["dtype"] in ("float16", "float64") else "float32"
            waiting += reversed(list(value.values()))
        elif isinstance(value, list):
            waiting += reversed(value)
    return "float32"


def _without_state(model: Any, tf_keras: Any) -> None:
    """Every request starts from nothing: the old converter's graph never ran the updates of the states."""
    for layer in model.submodules:
        if isinstance(layer, tf_keras.layers.Layer) and not isinstance(layer, tf_keras.Model) and layer.stateful:
            layer.stateful = False


def _turn_kernels(model: Any) -> None:
    """Reverse the kernels of convolutions that Theano trained, in space and not in their channels."""
    for layer in model.submodules:
        kernels = _THEANO.get(type(layer).__name__, 0)
        for variable in layer.weights[:kernels] if kernels else ():
            kernel = variable.numpy()
            variable.assign(np.flip(kernel, tuple(range(kernel.ndim - 2))))
