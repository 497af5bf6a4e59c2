"""Run in the environment of the runtime fastai27: FOLDER/<model>/export.pkl of fastai 2.7, with what it predicts."""

import json
import sys
from pathlib import Path
from typing import Any

import torch
from fastai.tabular.all import (
    Categorify,
    CategoryBlock,
    FillMissing,
    Normalize,
    TabularDataLoaders,
    set_seed,
    tabular_learner,
)
from fastai.text.all import AWD_LSTM, TextDataLoaders, text_classifier_learner
from pandas import DataFrame, Series

ROOT = Path(sys.argv[1])
ROWS = 24


def kept(name: str, learner: Any, items: list[dict[str, Any]], probabilities: list[Any]) -> None:
    """Export a learner, and what it predicts for some items."""
    folder = ROOT / name
    folder.mkdir(parents=True)
    learner.export(folder / "export.pkl")
    asked = {key: [item[key] for item in items] for key in items[0]}
    content = {"request": asked, "probabilities": [one.tolist() for one in probabilities]}
    (folder / "expected.json").write_text(json.dumps(content))


def table(name: str, procs: list[Any]) -> None:
    """A learner of a table with words, whole numbers, truths and fractions, some of them missing."""
    fractions = [None if name == "table" and row % 7 == 3 else row / 3 for row in range(ROWS)]
    columns = {
        "town": [("Lille", "Paris", "Nantes")[row % 3] for row in range(ROWS)],
        "zone": [row % 4 for row in range(ROWS)],
        "sold": [row % 5 < 2 for row in range(ROWS)],
        "age": fractions,
        "y": [("good", "bad")[row % 2] for row in range(ROWS)],
    }
    loaders = TabularDataLoaders.from_df(
        DataFrame(columns),
        path=ROOT,
        procs=procs,
        cat_names=["town", "zone", "sold"],
        cont_names=["age"],
        y_names="y",
        y_block=CategoryBlock(),
        valid_idx=[0, 1, 2],
        bs=8,
        num_workers=0,
        device=torch.device("cpu"),
    )
    learner = tabular_learner(loaders, layers=[8])
    with learner.no_bar(), learner.no_logging():
        learner.fit(1, lr=0.1)
        items = [
            {"town": "Paris", "zone": 2, "sold": True, "age": 4.5},
            {"town": "Paris", "zone": 2, "sold": False, "age": 4.5},
            {"town": "Brest", "zone": 1, "sold": True, "age": 2.0},
        ]
        kept(name, learner, items, [learner.predict(Series(item, dtype=object))[2] for item in items])


def texts() -> None:
    """A classifier of texts, whose tokenizer is spaCy's."""
    words = DataFrame(
        {"text": ["it's good, don't stop"] * 8 + ["a bad, bad day"] * 8, "label": ["pos"] * 8 + ["neg"] * 8}
    )
    loaders = TextDataLoaders.from_df(words, path=ROOT, text_col="text", label_col="label", bs=4, n_workers=1, seed=1)
    learner = text_classifier_learner(loaders, AWD_LSTM, pretrained=False)
    with learner.no_bar(), learner.no_logging():
        items = [{"text": "It's a GOOD day, isn't it?"}, {"text": "bad"}]
        kept("texts", learner, items, [learner.predict(item["text"])[2] for item in items])


set_seed(7, reproducible=True)
torch.set_num_threads(1)
table("table", [Categorify, FillMissing, Normalize])
table("no-fill", [Categorify, Normalize])
texts()
