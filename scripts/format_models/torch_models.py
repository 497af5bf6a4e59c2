"""Models of iris: fitted here, exported by PyTorch, transformers and fastai in environments of their own."""

import json
import tempfile
from pathlib import Path

import numpy as np
from format_models.writing import Doubles, export, fitted, write_json, write_sample
from sklearn.datasets import load_iris
from sklearn.linear_model import LogisticRegression

FIELDS = ("sepal_length", "sepal_width", "petal_length", "petal_width")
SPECIES = ("setosa", "versicolor", "virginica")
_TEXT = "the a it is was works broke fast slow well never always my order arrived late early good bad thanks"


def probabilities_of(rows: Doubles, weights: Doubles, bias: Doubles) -> Doubles:
    """Softmax of a linear layer."""
    powers = np.exp(rows @ weights + bias)
    return np.asarray(powers / powers.sum(axis=1, keepdims=True))


def _species() -> tuple[Doubles, Doubles, Doubles]:
    data, target = load_iris(return_X_y=True)
    model = LogisticRegression(max_iter=1000).fit(data, target)
    return data, fitted(model.coef_.T), fitted(model.intercept_)


def make_script(folder: Path, samples: Path) -> None:
    """TorchScript with a manifest: two inputs by position, a tuple back."""
    data, weights, bias = _species()
    export("torch_export", "torch", folder, {"model": "script", "weights": weights.tolist(), "bias": bias.tolist()})
    write_json(
        folder / "manifest.json",
        {
            "type": "torch_script",
            "saved_model_uri": "species.ts",
            "inputs": [
                {"name": "measurements", "shape": [-1, 4], "type": "float"},
                {"name": "temperature", "shape": [1], "type": "float"},
            ],
            "outputs": [
                {"name": "species", "shape": [-1], "type": "long"},
                {"name": "probabilities", "shape": [-1, 3], "type": "float"},
            ],
        },
    )
    for name, rows in {"one": [0], "three": [10, 70, 120]}.items():
        found = probabilities_of(data[rows], weights / 2, bias / 2)
        species = found.argmax(axis=1)
        answer = {"species": species.squeeze().tolist(), "probabilities": found.squeeze().tolist()}
        write_sample(samples, name, {"measurements": data[rows].tolist(), "temperature": 2.0}, answer)


def make_module(folder: Path, samples: Path) -> None:
    """A module as ``torch.save`` pickles it, alone."""
    data, weights, bias = _species()
    export("torch_export", "torch", folder, {"model": "pickle", "weights": weights.tolist(), "bias": bias.tolist()})
    for name, rows in {"one": [0], "three": [10, 70, 120]}.items():
        found = probabilities_of(data[rows], weights, bias)
        write_sample(samples, name, {"input_0": data[rows].tolist()}, {"output_0": found.squeeze().tolist()})


def make_pipeline(folder: Path, samples: Path) -> None:
    """A HuggingFace pipeline that sorts texts, with the manifest of the old guides."""
    words = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *_TEXT.split(), ".", "##s", "##ed"]
    texts = {"one": ["my order arrived late"], "two": ["it works well .", "it never works"]}
    with tempfile.TemporaryDirectory() as scratch:
        answers = Path(scratch, "answers.json")
        content = {
            "words": words,
            "labels": ["praise", "complaint"],
            "texts": [text for group in texts.values() for text in group],
            "answers": str(answers),
        }
        export("pipeline_export", "transformers", folder, content)
        found = json.loads(answers.read_text(encoding="utf-8"))
    write_json(
        folder / "manifest.json",
        {
            "type": "huggingface_pipeline",
            "pipeline_class": "TextClassificationPipeline",
            "tokenizer_class": "DistilBertTokenizer",
            "model_class": "DistilBertForSequenceClassification",
        },
    )
    for name, group in texts.items():
        answer = {key: [found[text][key] for text in group] for key in ("label", "score")}
        single = len(group) == 1
        request = {"inputs": group[0] if single else group}
        write_sample(samples, name, request, {key: v[0] if single else v for key, v in answer.items()})


def make_learner(folder: Path, samples: Path) -> None:
    """A fastai learner of a table with a category in it."""
    data, target = load_iris(return_X_y=True)
    rows = {"one": [0], "three": [10, 70, 120]}
    gardens = [("north", "south")[int(row[1] * 10) % 2] for row in data]
    table = {"garden": gardens, **{name: data[:, place].tolist() for place, name in enumerate(FIELDS)}}
    with tempfile.TemporaryDirectory() as scratch:
        answers = Path(scratch, "answers.json")
        content = {
            "table": {**table, "species": [SPECIES[place] for place in target]},
            "measurements": list(FIELDS),
            "rows": [row for group in rows.values() for row in group],
            "answers": str(answers),
        }
        export("fastai_export", "fastai", folder, content)
        found = json.loads(answers.read_text(encoding="utf-8"))
    place = 0
    for name, group in rows.items():
        chosen = np.array(found["probabilities"][place : place + len(group)])
        place += len(group)
        labels = [found["labels"][best] for best in chosen.argmax(axis=1)]
        single = len(group) == 1
        request = {key: values[group[0]] if single else [values[row] for row in group] for key, values in table.items()}
        answer = {"species": labels[0] if single else labels, "probabilities": chosen.squeeze().tolist()}
        write_sample(samples, name, request, answer)
