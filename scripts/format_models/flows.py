"""Flows: models one after another."""

import json
from pathlib import Path

import numpy as np
from format_models.processors import QUANTILE
from format_models.tokenizer import CORPUS, URGENT, train
from format_models.writing import export, fitted, write_json, write_sample
from sklearn.datasets import load_diabetes
from sklearn.linear_model import LinearRegression, LogisticRegression

COLUMNS = {"bmi": 2, "pressure": 3}


def make_progression(folder: Path, samples: Path) -> None:
    """A scaler, a SavedModel that takes the scaled columns, and the interval around its prediction."""
    everything, target = load_diabetes(return_X_y=True, scaled=False)
    data = everything[:, list(COLUMNS.values())]
    means, deviations = fitted(data.mean(axis=0)), fitted(data.std(axis=0))
    scaled = (data - means) / deviations
    model = LinearRegression().fit(scaled, target)
    weights, bias = fitted(model.coef_.reshape(-1, 1)), fitted(model.intercept_.reshape(1))
    residual = float(fitted(np.std(target - scaled @ weights[:, 0] - bias)))
    content = {"model": "progression", "weights": weights.tolist(), "bias": bias.tolist()}
    export("tensorflow_export", "tensorflow", folder, content)
    names = list(COLUMNS)
    fields = [{"name": f"scaled_{name}", "index": place} for place, name in enumerate(names)]
    steps = [
        {
            "type": "standard_scaler",
            "mean_std_map": {
                name: {"mean": float(means[place]), "std": float(deviations[place])} for place, name in enumerate(names)
            },
            "inputs": [{"name": name, "type": "double"} for name in names],
            "outputs": [{"name": f"scaled_{name}", "type": "double"} for name in names],
        },
        {
            "type": "tensorflow",
            "saved_model_uri": "model",
            "inputs": [{"name": "scaled", "type": "float", "shape": [-1, 2], "fields": fields}],
            "outputs": [
                {"name": "output", "type": "float", "shape": [-1, 1], "fields": [{"name": "progression", "index": 0}]}
            ],
        },
        {
            "type": "pi",
            "residuals_std": {"progression": residual},
            "inputs": [{"name": "progression", "type": "double"}],
            "outputs": [{"name": f"progression_quantile_{side}", "type": "double"} for side in ("inf", "sup")],
        },
    ]
    write_json(folder / "manifest.json", {"type": "flow", "evaluator_manifests": steps})
    for name, rows in {"one": [5], "three": [0, 50, 250]}.items():
        progression = (scaled[rows] @ weights + bias).reshape(-1)
        answer = {
            f"progression_quantile_{side}": (progression + sign * QUANTILE * residual).squeeze().tolist()
            for side, sign in (("inf", -1), ("sup", 1))
        }
        write_sample(samples, name, {c: data[rows, place].tolist() for place, c in enumerate(names)}, answer)


def make_urgency(folder: Path, samples: Path) -> None:
    """A tokenizer, and a TorchScript module that takes its ids: how urgent a message to a support desk is."""
    encodings = train(folder)
    size = 1 + max(max(ids) for ids in encodings)
    shares = np.stack([np.bincount(ids, minlength=size) / len(ids) for ids in encodings])
    model = LogisticRegression(C=300.0).fit(shares, [place in URGENT for place in range(len(CORPUS))])
    weights, bias = fitted(model.coef_[0]), float(fitted(model.intercept_)[0])
    vocabulary = json.loads((folder / "tokenizer.json").read_text(encoding="utf-8"))["model"]["vocab"]
    weights = np.concatenate([weights, np.zeros(max(vocabulary.values()) + 1 - size)])
    content = {"model": "bag", "file": "urgency.ts", "weights": weights.tolist(), "bias": bias}
    export("torch_export", "torch", folder, content)
    steps = [
        {"type": "huggingface_tokenizer", "saved_model_uri": "tokenizer.json", "add_special_tokens": False},
        {
            "type": "torch_script",
            "saved_model_uri": "urgency.ts",
            "inputs": [{"name": "ids", "shape": [1, -1], "type": "long"}],
            "outputs": [{"name": "urgency", "shape": [-1], "type": "float"}],
        },
    ]
    write_json(folder / "manifest.json", {"type": "flow", "evaluator_manifests": steps})
    for name, place in {"urgent": 0, "calm": 5}.items():
        urgency = 1 / (1 + np.exp(-(weights[encodings[place]].mean() + bias)))
        write_sample(samples, name, {"input1": [CORPUS[place]]}, {"urgency": float(urgency)})
