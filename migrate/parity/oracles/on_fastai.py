"""fastai, called directly: a learner of a table or of texts, asked row by row."""

import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from fastai.learner import load_learner
from fastai.text.all import TextLearner

from . import old_exports
from .rules import Loaded, RefusedError, Request, table


def load(settings: Mapping[str, Any], root: Path) -> Loaded:
    """An export; its columns, their categories and its target are what it was trained on."""
    warnings.simplefilter("ignore")
    learner: Any = load_learner(root / settings["entry"], cpu=True, pickle_module=old_exports)
    is_text = isinstance(learner, TextLearner)
    for step in (step for each in getattr(learner.dls, "tls", ()) for step in each.tfms.fs):
        old_exports.mend(getattr(step, "tok", None))
    categories = {} if is_text else categories_of(learner)
    inputs = [text_field()] if is_text else columns_of(learner, categories)
    labels = labels_of(learner, is_text=is_text)
    targets = list(getattr(learner.dls, "y_names", ()))
    target = str(targets[0]) if len(targets) == 1 else "prediction"

    def answer(request: Request) -> dict[str, Any]:
        columns = table(inputs, request)
        rows = zip(*columns.values(), strict=True)
        found = [predicted(learner, dict(zip(columns, row, strict=True)), inputs, is_text=is_text) for row in rows]
        if labels is None:
            return {target: [np.atleast_1d(values).tolist() for values in found]}
        return {
            target: [None if np.isnan(values).any() else labels[int(values.argmax())] for values in found],
            "probabilities": [values.tolist() for values in found],
        }

    return Loaded(answer, {"inputs": inputs, "words": {name: words for name, words in categories.items() if words}})


def predicted(learner: Any, row: dict[str, Any], inputs: list[dict[str, Any]], *, is_text: bool) -> Any:
    """The numbers that the learner gives for one row."""
    with learner.no_bar(), learner.no_logging():
        if is_text:
            if row["text"] is None:
                raise RefusedError("a null is no text")
            return learner.predict(row["text"])[2].numpy()
        cells = {one["name"]: row.get(one["name"]) for one in inputs}
        filled = {
            one["name"]: np.nan if cells[one["name"]] is None and one["type"] == "double" else cells[one["name"]]
            for one in inputs
        }
        return learner.predict(pd.Series(filled, dtype=object))[2].numpy()


def text_field() -> dict[str, Any]:
    """The one input of a learner of texts."""
    return {"name": "text", "type": "string", "shape": [-1]}


def categories_of(learner: Any) -> dict[str, list[Any]]:
    """What is known of each column of categories, without the word for a missing value."""
    known = getattr(getattr(learner.dls, "categorify", None), "classes", {})
    own = [f"{name}_na" for name in getattr(getattr(learner.dls, "fill_missing", None), "na_dict", {})]
    return {str(name): [word.item() if isinstance(word, np.generic) else word for word in known.get(name, [])][1:]
            for name in learner.dls.cat_names if str(name) not in own}  # fmt: skip


def columns_of(learner: Any, categories: Mapping[str, list[Any]]) -> list[dict[str, Any]]:
    """The columns that a row needs: categories, which may be numbers, then numbers."""
    found: list[dict[str, Any]] = []
    for name, words in categories.items():
        if words and all(isinstance(word, bool) for word in words):
            found.append({"name": name, "type": "boolean", "shape": [-1]})
            continue
        is_number = bool(words) and all(isinstance(word, int | float) for word in words)
        found.append({"name": name, "type": "double" if is_number else "string", "shape": [-1]})
        if is_number:
            found[-1]["values"] = [str(word) for word in words]
    return found + [{"name": str(name), "type": "double", "shape": [-1]} for name in learner.dls.cont_names]


def labels_of(learner: Any, *, is_text: bool) -> list[str] | None:
    """The words of the classes; None for a learner of numbers."""
    vocabulary = getattr(learner.dls, "vocab", None)
    if is_text:
        vocabulary = vocabulary[1] if vocabulary is not None and len(vocabulary) == 2 else None
    elif getattr(learner.dls, "c", 1) < 2:
        return None
    return [str(word) for word in vocabulary] if vocabulary else None
