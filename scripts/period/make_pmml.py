"""Write PMML files by sklearn2pmml, each with rows and results of its own (``<ModelVerification>``).

Needs an old environment and Java, and is run in no test:

    uv venv -p 3.11 old
    uv pip install -p old/bin/python sklearn2pmml==0.92.0 scikit-learn==1.2.2 'numpy<2' 'pandas<2.1' six 'setuptools<70'
    old/bin/python scripts/period/make_pmml.py FOLDER [TEXT-IN-NAME]

``scripts/period/check_pmml.py`` serves them. The results in the rows are scikit-learn's, not those of a PMML engine.
"""

import sys
import traceback
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from sklearn.cluster import KMeans
from sklearn.compose import ColumnTransformer
from sklearn.ensemble import (
    AdaBoostRegressor,
    BaggingClassifier,
    ExtraTreesClassifier,
    GradientBoostingClassifier,
    GradientBoostingRegressor,
    HistGradientBoostingClassifier,
    IsolationForest,
    RandomForestClassifier,
    RandomForestRegressor,
    VotingClassifier,
)
from sklearn.feature_extraction.text import CountVectorizer, TfidfVectorizer
from sklearn.feature_selection import SelectKBest
from sklearn.impute import SimpleImputer
from sklearn.linear_model import (
    ElasticNet,
    LinearRegression,
    LogisticRegression,
    PoissonRegressor,
    RidgeClassifier,
    SGDClassifier,
)
from sklearn.multioutput import ClassifierChain, MultiOutputClassifier, MultiOutputRegressor
from sklearn.naive_bayes import GaussianNB
from sklearn.neighbors import KNeighborsClassifier, KNeighborsRegressor
from sklearn.neural_network import MLPClassifier, MLPRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import (
    Binarizer,
    KBinsDiscretizer,
    MinMaxScaler,
    OneHotEncoder,
    OrdinalEncoder,
    PolynomialFeatures,
    RobustScaler,
    StandardScaler,
)
from sklearn.svm import SVC, SVR, LinearSVC
from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor
from sklearn2pmml import sklearn2pmml
from sklearn2pmml.decoration import CategoricalDomain, ContinuousDomain, DateDomain, DateTimeDomain, MultiDomain
from sklearn2pmml.ensemble import GBDTLRClassifier, SelectFirstClassifier
from sklearn2pmml.feature_extraction.text import Splitter
from sklearn2pmml.pipeline import PMMLPipeline
from sklearn2pmml.preprocessing import (
    Aggregator,
    ConcatTransformer,
    CutTransformer,
    DaysSinceYearTransformer,
    ExpressionTransformer,
    LookupTransformer,
    MatchesTransformer,
    ReplaceTransformer,
    SecondsSinceMidnightTransformer,
    SecondsSinceYearTransformer,
    StringNormalizer,
    SubstringTransformer,
)

ROWS = 160
VERIFIED = 20


def table() -> pd.DataFrame:
    """Numbers, whole numbers, words, texts and days, some of the numbers and words missing."""
    rng = np.random.default_rng(7)
    frame = pd.DataFrame(
        {
            "a": rng.normal(5, 2, ROWS).round(3),
            "b": rng.normal(0, 1, ROWS).round(3),
            "n": rng.integers(1, 30, ROWS),
            "k": rng.integers(1, 8, ROWS),
            "colour": rng.choice(["red", "green", "blue"], ROWS),
            "code": rng.choice(["AB-12", "CD-345", "E-6", "AB-7"], ROWS),
            # as texts: Java reads no pickled times of this pandas
            "day": (np.datetime64("2019-12-20") + rng.integers(0, 400, ROWS)).astype(str),
            "moment": (np.datetime64("2020-01-01T00:00:00") + rng.integers(0, 90_000_000, ROWS)).astype(str),
            "text": [" ".join(rng.choice(["good", "bad", "fine", "film", "plot", "dull"], 5)) for _ in range(ROWS)],
            "holes": np.where(rng.random(ROWS) < 0.2, np.nan, rng.normal(3, 1, ROWS).round(2)),
        }
    )
    frame["yes"] = np.where(frame.a + frame.b + (frame.colour == "red") > 5, "yes", "no")
    frame["three"] = np.select([frame.a < 4, frame.a < 6], ["low", "mid"], "high")
    frame["level"] = np.select([frame.n < 10, frame.n < 20], [0, 1], 2)
    frame["y"] = (2 * frame.a - frame.b + frame.n / 7 + (frame.colour == "blue")).round(4)
    frame["z"] = (frame.b * 3 + frame.k).round(4)
    return frame


Case = tuple[list[str], Any, Any, Any]  # columns, transformers, estimator, target
NUMBERS = ["a", "b", "n"]


def on(column: str, *steps: Any) -> tuple[list[str], Any]:
    """Steps on one column, besides ``a`` and ``b`` as they are."""
    step = make_pipeline(*steps) if len(steps) > 1 else steps[0]
    rest = [one for one in ("a", "b") if one != column]
    mapped = ColumnTransformer([("own", step, [column]), ("rest", "passthrough", rest)])
    return [column, *rest], mapped


def formula(text: str, columns: list[str], *before: Any) -> tuple[list[str], Any]:
    """A formula over some columns, besides ``b``."""
    own = make_pipeline(*before, ExpressionTransformer(text))
    mapped = ColumnTransformer([("own", own, columns), ("rest", "passthrough", ["b"])])
    return list(dict.fromkeys([*columns, "b"])), mapped


def plain() -> Iterator[tuple[str, Case]]:
    """Estimators on numbers."""
    classifiers = {
        "logistic": LogisticRegression(max_iter=500),
        "tree": DecisionTreeClassifier(max_depth=4, random_state=1),
        "forest": RandomForestClassifier(10, max_depth=5, random_state=1),
        "extra": ExtraTreesClassifier(8, max_depth=4, random_state=1),
        "boosting": GradientBoostingClassifier(n_estimators=8, random_state=1),
        "hist": HistGradientBoostingClassifier(max_iter=6, random_state=1),
        "bayes": GaussianNB(),
        "network": MLPClassifier((5,), max_iter=400, random_state=1),
        "neighbours": KNeighborsClassifier(5),
        "svc": SVC(),
        "linearsvc": LinearSVC(),
        "ridge": RidgeClassifier(),
        "sgd": SGDClassifier(loss="log_loss", random_state=1),
        "bagging": BaggingClassifier(DecisionTreeClassifier(max_depth=3), 5, random_state=1),
    }
    for name, one in classifiers.items():
        yield f"class-{name}", (NUMBERS, StandardScaler() if name in {"network", "sgd"} else None, one, "three")
    regressors = {
        "linear": LinearRegression(),
        "elastic": ElasticNet(0.1),
        "poisson": PoissonRegressor(),
        "tree": DecisionTreeRegressor(max_depth=4, random_state=1),
        "forest": RandomForestRegressor(10, max_depth=5, random_state=1),
        "boosting": GradientBoostingRegressor(n_estimators=8, random_state=1),
        "adaboost": AdaBoostRegressor(n_estimators=5, random_state=1),
        "network": MLPRegressor((5,), max_iter=500, random_state=1),
        "neighbours": KNeighborsRegressor(4),
        "svr": SVR(),
    }
    for name, one in regressors.items():
        target = "n" if name == "poisson" else "y"
        columns = ["a", "b"] if name == "poisson" else NUMBERS
        yield f"reg-{name}", (columns, MinMaxScaler() if name in {"network", "svr"} else None, one, target)
    yield "class-integer", (["a", "b"], RobustScaler(), LogisticRegression(max_iter=500), "level")
    yield "cluster-kmeans", (NUMBERS, StandardScaler(), KMeans(3, n_init=2, random_state=1), None)
    yield "anomaly-forest", (NUMBERS, None, IsolationForest(n_estimators=10, random_state=1), None)


def prepared() -> Iterator[tuple[str, Case]]:
    """A linear model on one prepared column: functions of dates, texts and bins among them."""
    made = {
        "days-since-year": on("day", DateDomain(), DaysSinceYearTransformer(2019)),
        "seconds-since-year": on("moment", DateTimeDomain(), SecondsSinceYearTransformer(2019)),
        "seconds-since-midnight": on("moment", DateTimeDomain(), SecondsSinceMidnightTransformer()),
        "onehot": on("colour", CategoricalDomain(), OneHotEncoder()),
        "ordinal": on("colour", OrdinalEncoder()),
        "lookup": on("colour", LookupTransformer({"red": 1.5, "green": -2.0}, default_value=0.25)),
        "cut": on("n", CutTransformer(bins=[0, 8, 16, 40], labels=["s", "m", "l"]), OneHotEncoder()),
        "cut-numbers": on("n", CutTransformer(bins=[0, 8, 16, 40], labels=False)),
        "bins": on("n", KBinsDiscretizer(4, encode="ordinal")),
        "bins-onehot": on("n", KBinsDiscretizer(3, encode="onehot-dense", strategy="uniform")),
        "replace-empty": on("code", ReplaceTransformer("-[0-9]+", ""), OneHotEncoder()),
        "replace": on("code", ReplaceTransformer("[0-9]", "x"), OneHotEncoder()),
        "matches": on("code", MatchesTransformer("^AB"), OneHotEncoder()),
        "substring": on("code", SubstringTransformer(0, 2), OneHotEncoder()),
        "upper": on("colour", StringNormalizer(function="uppercase"), OneHotEncoder()),
        "trim": on("colour", StringNormalizer(function="lowercase", trim_blanks=True), OneHotEncoder()),
        "binarizer": on("n", Binarizer(threshold=12)),
        "impute": on("holes", SimpleImputer()),
        "domain-holes": on("holes", ContinuousDomain(missing_value_replacement=2.5, with_statistics=False)),
        "divide-integers": formula("X[0] / X[1]", ["n", "k"]),
        "floor-divide": formula("numpy.floor(X[0] / X[1])", ["n", "k"]),
        "modulo": formula("X[0] % X[1]", ["n", "k"]),
        "modulo-equal": formula("1 if X[0] % 2 == 1 else 0", ["n"]),
        "power": formula("numpy.square(X[0]) + numpy.sqrt(X[1])", ["a", "k"]),
        "if": formula("X[0] if X[0] > X[1] else X[1] * 2", ["a", "n"]),
        "in": formula("1 if X[0] in [1, 3, 5] else 0", ["k"]),
        "not-in": formula("1 if X[0] not in ['red', 'blue'] else 2", ["colour"], CategoricalDomain()),
        "missing": formula("-1 if pandas.isnull(X[0]) else X[0]", ["holes"]),
        "numpy": formula("numpy.log1p(X[0]) + numpy.exp(-X[1]) + numpy.floor(X[1])", ["k", "a"]),
        "rounding": formula("numpy.ceil(X[0]) + numpy.rint(X[1]) + numpy.sign(X[1])", ["a", "b"]),
        "trigonometry": formula("numpy.sin(X[0]) + numpy.arctan(X[1])", ["a", "b"]),
        "logic": formula("1 if (X[0] > 4 and X[1] < 10) or not X[1] > 5 else 0", ["a", "n"]),
        "minus": formula("X[0] - X[1] * 2 + 1", ["a", "b"]),
    }
    for name, (columns, mapper) in made.items():
        yield f"prep-{name}", (columns, mapper, LinearRegression(), "y")
    words = MultiDomain([CategoricalDomain(), CategoricalDomain()])
    joined = ColumnTransformer(
        [
            ("most", Aggregator("max"), ["a", "b", "n"]),
            ("mean", Aggregator("mean"), ["a", "k"]),
            (
                "both",
                make_pipeline(words, ConcatTransformer("/"), OneHotEncoder(handle_unknown="ignore")),
                ["colour", "code"],
            ),
        ]
    )
    columns = ["a", "b", "n", "k", "colour", "code"]
    yield "prep-aggregate-concat", (columns, joined, LogisticRegression(max_iter=800), "yes")
    yield "prep-polynomial", (NUMBERS, PolynomialFeatures(2), LinearRegression(), "y")
    yield "prep-select", (NUMBERS, SelectKBest(k=2), LogisticRegression(max_iter=500), "three")


def composed() -> Iterator[tuple[str, Case]]:
    """Texts, ensembles of several kinds, and several targets."""
    for name, made in {"count": CountVectorizer, "tfidf": TfidfVectorizer}.items():
        words = (
            made(tokenizer=Splitter(), token_pattern=None, norm=None) if name == "tfidf" else made(tokenizer=Splitter())
        )
        yield f"text-{name}", (["text"], ColumnTransformer([("t", words, "text")]), LogisticRegression(), "yes")
    numbers = (NUMBERS, None)
    trees = [("t", DecisionTreeClassifier(max_depth=2, random_state=1)), ("l", LogisticRegression(max_iter=500))]
    yield "vote-soft", (*numbers, VotingClassifier(trees, voting="soft"), "yes")
    first = SelectFirstClassifier([("l", LogisticRegression(max_iter=500), "X[0] > 5"), ("t", trees[0][1], "True")])
    yield "select-first", (*numbers, first, "yes")
    forest = GradientBoostingClassifier(n_estimators=4, max_depth=2, random_state=1)
    yield "gbdt-lr", (*numbers, GBDTLRClassifier(forest, LogisticRegression()), "yes")
    yield "multi-regression", (*numbers, MultiOutputRegressor(LinearRegression()), ["y", "z"])
    classes = MultiOutputClassifier(DecisionTreeClassifier(max_depth=3, random_state=1))
    yield "multi-classes", (["a", "b"], None, classes, ["three", "yes"])
    yield "chain", (["a", "b"], None, ClassifierChain(LogisticRegression()), ["level"])
    yield "multi-tree", (*numbers, DecisionTreeRegressor(max_depth=3, random_state=1), ["y", "z"])
    yield "knn-two", (*numbers, KNeighborsRegressor(3), ["y", "z"])


def write(path: Path, case: Case) -> None:
    """Fit one, and write it with its rows.

    Raises:
        Exception: Whatever stands against it.
    """
    columns, mapper, estimator, target = case
    frame = table()
    steps = [("mapper", mapper)] if mapper is not None else []
    pipeline = PMMLPipeline([*steps, ("estimator", estimator)])
    inputs = frame[columns]
    pipeline.fit(inputs) if target is None else pipeline.fit(inputs, frame[target])
    pipeline.verify(inputs.sample(VERIFIED, random_state=2), precision=1e-9, zeroThreshold=1e-9)
    sklearn2pmml(pipeline, str(path), with_repr=False)


def main() -> None:
    """Write all of them, or those with a text in their names."""
    folder, wanted = Path(sys.argv[1]), sys.argv[2] if len(sys.argv) > 2 else ""
    folder.mkdir(parents=True, exist_ok=True)
    sources: tuple[Callable[[], Iterator[tuple[str, Case]]], ...] = (composed, prepared, plain)
    for name, case in (one for source in sources for one in source()):
        path = folder / f"{name}.pmml"
        if wanted not in name or path.exists():
            continue
        try:
            write(path, case)
            print("written", name, flush=True)
        except Exception:  # noqa: BLE001 - an exporter's refusal of one says nothing of the others
            print("refused", name, traceback.format_exc().strip().splitlines()[-1][:200], flush=True)


if __name__ == "__main__":
    main()
