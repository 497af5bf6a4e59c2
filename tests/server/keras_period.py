"""Makes HDF5 files as Keras of 2017 to 2020 wrote them. Run with the Python of the runtime ``keras``, and a folder."""

import json
import os
import sys
from pathlib import Path
from typing import Any

os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"

import h5py
import numpy as np
import tf_keras

keras: Any = tf_keras
layers: Any = keras.layers


def save(model: Any, folder: Path, name: str, *, backend: str = "tensorflow", bare: bool = False) -> None:
    """A file, and the answer of the model to the numbers 0, 0.1, 0.2 and so on.

    Args:
        model: The model.
        folder: Where ``NAME.h5`` and ``NAME.json`` go.
        name: The name.
        backend: What the file says that trained it.
        bare: Leave the dtype out of every layer but the first, as Keras 2.2 did.
    """
    path = folder / f"{name}.h5"
    model.save(path, save_format="h5")
    with h5py.File(path, "r+") as file:
        file.attrs["backend"] = backend.encode()
        if backend == "theano":
            file.visititems(theano)
        config = json.loads(file.attrs["model_config"])
        if bare:
            # without the InputLayer, which Keras 2.2 did not write either
            config["config"]["layers"] = config["config"]["layers"][1:]
            for layer in config["config"]["layers"][1:]:
                del layer["config"]["dtype"]
            file.attrs["model_config"] = json.dumps(config)
    shape = [size or 1 for size in model.input_shape]
    sent = (np.arange(np.prod(shape)) / 10).reshape(shape)
    given = np.asarray(model(sent, training=False)).tolist()
    (folder / f"{name}.json").write_text(json.dumps({"sent": sent.tolist(), "given": given}))


def theano(name: str, item: Any) -> None:
    """A kernel as Theano held it: its convolution begins at the kernel's other end."""
    if name.endswith(("/kernel:0", "/recurrent_kernel:0")):
        item[...] = np.flip(item[...], tuple(range(item.ndim - 2)))


def convolution(kind: str, dimensions: int) -> Any:
    """A model of one layer."""
    sizes = [5, 6, 7][-dimensions:]
    return keras.Sequential([layers.Input((*sizes, 2)), getattr(layers, kind)(3, 2)])


def main(folder: Path) -> None:
    """Write every file."""
    keras.utils.set_random_seed(7)
    for kind, dimensions in (("Conv1D", 1), ("Conv2D", 2), ("Conv3D", 3), ("Conv2DTranspose", 2)):
        save(convolution(kind, dimensions), folder, f"theano-{kind}", backend="theano")
    save(convolution("SeparableConv2D", 2), folder, "theano-SeparableConv2D", backend="theano")
    save(convolution("Conv1D", 1), folder, "plain-Conv1D")
    inner = keras.Sequential([layers.Input((5, 2)), layers.Conv1D(2, 3), layers.Flatten()])
    nested = keras.Sequential([layers.Input((3, 5, 2)), layers.TimeDistributed(inner)])
    save(nested, folder, "theano-nested", backend="theano")
    images = layers.Bidirectional(layers.ConvLSTM2D(2, 2))
    save(keras.Sequential([layers.Input((3, 4, 4, 2)), images]), folder, "theano-ConvLSTM2D", backend="theano")
    save(keras.Sequential([layers.Input((4, 3)), layers.Permute((2, 1))]), folder, "permuted")
    lstm = layers.Bidirectional(layers.LSTM(4, stateful=True))
    save(keras.Sequential([layers.Input(batch_shape=(2, 5, 3)), lstm, layers.Dense(2)]), folder, "stateful")
    keras.backend.set_floatx("float64")
    double = keras.Sequential([layers.Dense(3, activation="tanh", input_shape=(4,)), layers.Dense(2)])
    save(double, folder, "double", bare=True)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
