"""Learners of tables exported by fastai 2.5, as they predict."""

import numpy as np
from fastai.tabular.all import (
    Categorify,
    CategoryBlock,
    FillMissing,
    Normalize,
    RegressionBlock,
    TabularDataLoaders,
    set_seed,
    tabular_learner,
)
from pandas import DataFrame
from writing import keep, place

set_seed(6, reproducible=True)
random = np.random.RandomState(6)
TABLE = DataFrame(
    {
        "town": random.choice(["Lyon", "Paris", "Lille"], 80),
        "sold": random.rand(80) > 0.4,
        "age": np.where(np.arange(80) % 7 == 0, np.nan, random.rand(80) * 90),
        "size": random.normal(size=80),
        "price": random.normal(size=80) * 20,
    }
)
TABLE["good"] = np.where(TABLE["size"] > 0, "bon", "mauvais")
ASKED = [
    {"town": "Paris", "sold": True, "age": 31.5, "size": 0.25},
    {"town": "Lille", "sold": False, "age": None, "size": -1.5},
]


def write(kind, target, block):
    """A learner that was trained for a moment, and its predictions."""
    loaders = TabularDataLoaders.from_df(
        TABLE,
        procs=[Categorify, FillMissing, Normalize],
        cat_names=["town", "sold"],
        cont_names=["age", "size"],
        y_names=target,
        y_block=block,
        bs=16,
        seed=6,
    )
    learner = tabular_learner(loaders, layers=[8], path=".")
    with learner.no_bar(), learner.no_logging():
        learner.fit(2)
    folder = place(kind)
    learner.path = folder
    learner.export("export.pkl")
    predicted = [learner.predict(DataFrame([row]).iloc[0])[2].numpy() for row in ASKED]
    keep(
        kind,
        *(
            ({name: [value] for name, value in row.items()}, {"*": predicted[number]})
            for number, row in enumerate(ASKED)
        ),
        shaped=False,
    )


write("table-class", "good", CategoryBlock())
write("table-number", "price", RegressionBlock())
