"""Models of tables: fitted here, exported by TensorFlow or Keras in an environment of their own."""

from pathlib import Path

import numpy as np
from format_models.writing import Doubles, export, fitted, write_json, write_sample
from sklearn.datasets import load_diabetes, load_digits, load_wine
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.preprocessing import StandardScaler


def softmax(logits: Doubles) -> Doubles:
    """Probabilities of each row."""
    powers = np.exp(logits - logits.max(axis=1, keepdims=True))
    return np.asarray(powers / powers.sum(axis=1, keepdims=True))


def make_wine(folder: Path, samples: Path) -> None:
    """Three cultivars told apart by 13 measurements: a SavedModel of TensorFlow 2, one of its outputs a string."""
    data, target = load_wine(return_X_y=True)
    scaler = StandardScaler().fit(data)
    model = LogisticRegression(max_iter=1000, C=0.1).fit(scaler.transform(data), target)
    weights = fitted((model.coef_ / scaler.scale_).T)
    bias = fitted(model.intercept_ - model.coef_ @ (scaler.mean_ / scaler.scale_))
    labels = ["barolo", "grignolino", "barbera"]
    content = {"model": "wine", "weights": weights.tolist(), "bias": bias.tolist(), "labels": labels}
    export("tensorflow_export", "tensorflow", folder, content)
    for name, rows in {"one": [0], "three": [10, 80, 150]}.items():
        probabilities = softmax(data[rows] @ weights + bias)
        cultivars = [labels[place] for place in probabilities.argmax(axis=1)]
        answer = {
            "cultivar": cultivars if len(rows) > 1 else cultivars[0],
            "probabilities": probabilities.squeeze().tolist(),
        }
        write_sample(samples, name, {"measurements": data[rows].tolist()}, answer)


def make_diabetes(folder: Path, samples: Path) -> None:
    """The progression of a disease: a SavedModel of TensorFlow 1 that passes the patient's name on."""
    data, target = load_diabetes(return_X_y=True)
    model = LinearRegression().fit(data, target)
    weights, bias = fitted(model.coef_.reshape(-1, 1)), fitted(model.intercept_.reshape(1))
    content = {"model": "diabetes", "weights": weights.tolist(), "bias": bias.tolist()}
    export("tensorflow_export", "tensorflow", folder, content)
    for name, rows in {"one": [3], "two": [100, 200]}.items():
        progression = (data[rows] @ weights + bias).reshape(-1).tolist()
        names = [f"patient {row} é" for row in rows]
        request = {"patient": data[rows].tolist(), "name": names}
        single = len(rows) == 1
        answer = {
            "progression": progression[0] if single else progression,
            "name_out": names[0] if single else names,
        }
        write_sample(samples, name, request, answer)


def make_load(folder: Path, samples: Path) -> None:
    """The next load of a machine from its last two: a zip with a manifest of rolling windows and named columns."""
    steps = np.arange(400)
    load = 50 + 30 * np.sin(steps / 9) + 5 * np.sin(steps / 2.3)
    rows = np.stack([np.sin(steps / 9), load], axis=1)
    windows = np.concatenate([rows[:-2], rows[1:-1]], axis=1)
    model = LinearRegression().fit(windows, load[2:])
    weights, bias = fitted(model.coef_.reshape(-1, 1)), fitted(model.intercept_.reshape(1))
    content = {"model": "load", "weights": weights.tolist(), "bias": bias.tolist()}
    export("tensorflow_export", "tensorflow", folder, content)
    columns = [{"name": name, "index": place} for place, name in enumerate(("phase", "load"))]
    write_json(
        folder / "manifest.json",
        {
            "type": "tensorflow",
            "saved_model_uri": "load.zip",
            "batch_size": 2,
            "inputs": [{"name": "history", "type": "float", "shape": [-1, 4], "fields": columns}],
            "outputs": [
                {"name": "next", "type": "float", "shape": [-1, 1], "fields": [{"name": "load_predicted", "index": 0}]}
            ],
        },
    )
    for name, length in {"one-window": 2, "three-windows": 4}.items():
        taken = np.round(rows[40 : 40 + length], 3)
        predicted = (np.concatenate([taken[:-1], taken[1:]], axis=1) @ weights + bias).reshape(-1).tolist()
        request = {"phase": taken[:, 0].tolist(), "load": taken[:, 1].tolist()}
        write_sample(samples, name, request, {"load_predicted": predicted[0] if length == 2 else predicted})


def make_digits(folder: Path, samples: Path) -> None:
    """Handwritten digits of 8 x 8 pixels, 0 to 16: HDF5 as Keras 2 wrote it."""
    data, target = load_digits(return_X_y=True)
    model = LogisticRegression(max_iter=2000, C=0.01).fit(data, target)
    weights, bias = fitted(model.coef_.T), fitted(model.intercept_)
    export("keras_export", "keras", folder, {"weights": weights.tolist(), "bias": bias.tolist()})
    for name, rows in {"one": [7], "two": [0, 9]}.items():
        probabilities = softmax(data[rows] @ weights + bias)
        write_sample(samples, name, {"inputs": data[rows].tolist()}, {"prediction": probabilities.squeeze().tolist()})
