"""tf_keras, called directly, layer by layer."""

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from .on_tensorflow import cast, texts, tf  # first: it makes TensorFlow's settings
from .rules import Loaded, Request, answered, feed


def load(settings: Mapping[str, Any], root: Path) -> Loaded:
    """A model in HDF5, of one input and one output."""
    import h5py  # noqa: PLC0415 - is not in every runtime
    import tf_keras  # noqa: PLC0415 - after TensorFlow's settings

    hdf5: Any = h5py
    path = str(root / settings["entry"])
    with hdf5.File(path, "r") as file:
        backend, described = file.attrs.get("backend", ""), json.loads(file.attrs["model_config"])
    first = first_type(described)
    if first in ("float16", "float64"):
        # Keras up to 2.2 wrote the type of the first layer alone
        tf_keras.backend.set_floatx(first)
    model: Any = tf_keras.models.load_model(path, compile=False)
    # a layer that is used twice is one
    for layer in {id(layer): layer for layer in parts(model)}.values():
        if hasattr(layer, "cell") and getattr(layer, "stateful", False):
            layer.stateful = False  # a request sees nothing of the one before
        if backend in ("theano", b"theano"):
            turn(layer)
    (source,), (target,) = settings["inputs"], settings["outputs"]

    def answer(request: Request) -> dict[str, Any]:
        data = cast(feed(settings, request)[source["name"]], model.inputs[0].dtype)
        return answered([target], {target["name"]: texts(model(tf.constant(data), training=False).numpy())})

    return Loaded(answer)


def first_type(described: Any) -> str | None:
    """The type that the first layer of a configuration names, in whatever models it lies."""
    config = described.get("config") if isinstance(described, dict) else None
    layers = config.get("layers") if isinstance(config, dict) else config
    if isinstance(layers, list) and layers:
        return first_type(layers[0])
    return config.get("dtype") if isinstance(config, dict) and isinstance(config.get("dtype"), str) else None


def parts(layer: Any) -> Iterator[Any]:
    """A layer and all that are in it: the layers of a model, and what a wrapper wraps."""
    inner = [*getattr(layer, "layers", [])]
    inner += [getattr(layer, name) for name in ("layer", "forward_layer", "backward_layer") if hasattr(layer, name)]
    yield layer
    for one in inner:
        yield from parts(one)


def turn(layer: Any) -> None:
    """Put the kernels of a convolution that Theano trained the way round that TensorFlow reads them."""
    kind = type(layer).__name__
    if kind in ("Conv1D", "Conv2D", "Conv3D", "Conv2DTranspose", "ConvLSTM2D"):
        for kernel in layer.weights[: 2 if kind == "ConvLSTM2D" else 1]:
            kernel.assign(tf.reverse(kernel, list(range(len(kernel.shape) - 2))))
