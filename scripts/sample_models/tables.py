"""The models that scikit-learn trains and skl2onnx exports: a classifier and a pipeline."""

import csv
import io
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from sample_models.exporting import OPSET, Answer, Request, check, fitted, save, save_samples, simplify
from skl2onnx import convert_sklearn
from skl2onnx.common.data_types import FloatTensorType, StringTensorType
from sklearn.compose import ColumnTransformer
from sklearn.datasets import load_iris
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

# a classifier with ZipMap


def make_iris(out: Path) -> None:
    """Logistic regression on the iris data set of scikit-learn; the label and a map of probabilities."""
    x, y = load_iris(return_X_y=True)
    model = LogisticRegression(max_iter=2000).fit(x, y)
    model.coef_, model.intercept_ = fitted(model.coef_), fitted(model.intercept_)
    exported = convert_sklearn(
        model, "iris", initial_types=[("float_input", FloatTensorType([None, 4]))], target_opset=OPSET
    )
    path = save(out, "iris", "iris.onnx", exported)

    def answer(request: Request) -> Answer:
        rows = np.array(request["float_input"], dtype=np.float64).reshape(-1, 4)
        tensors = {
            "output_label": model.predict(rows).astype(np.int64),
            "output_probability": model.predict_proba(rows).astype(np.float32),
        }
        check(path, {"float_input": rows.astype(np.float32)}, tensors, 5e-6)
        return {name: simplify(tensors[name]) for name in ("output_probability", "output_label")}

    save_samples(
        out,
        "iris",
        {
            "one-flower": {"float_input": [5.1, 3.5, 1.4, 0.2]},
            "one-row": {"float_input": [[6.3, 3.3, 6.0, 2.5]]},
            "three-flowers": {"float_input": [[5.0, 3.6, 1.4, 0.2], [6.4, 3.2, 4.5, 1.5], [5.9, 3.0, 5.1, 1.8]]},
        },
        answer,
    )


# a pipeline with columns of text and numbers

PASSENGER_COLUMNS = {"pclass": str, "sex": str, "age": np.float32, "fare": np.float32, "embarked": str}


def passengers(count: int) -> tuple[NDArray[np.object_], NDArray[np.int64]]:
    """Invented passengers: a table in the order of ``PASSENGER_COLUMNS``, and who survived."""
    random = np.random.RandomState(1912)
    pclass = random.choice(["1", "2", "3"], count, p=[0.25, 0.2, 0.55])
    sex = random.choice(["female", "male"], count, p=[0.35, 0.65])
    age = np.round(np.clip(random.normal(30, 14, count), 1, 80) * 2) / 2
    fare = np.round(random.gamma(2.0, 8.0, count) * np.array([{"1": 6, "2": 2, "3": 1}[c] for c in pclass]) * 4) / 4
    embarked = random.choice(["C", "Q", "S"], count, p=[0.2, 0.1, 0.7])
    score = 1.2 - 0.02 * age + 0.004 * fare + np.where(sex == "female", 2.2, -0.8) - 0.7 * pclass.astype(int)
    survived = (random.uniform(size=count) < 1 / (1 + np.exp(-score))).astype(np.int64)
    return np.array([pclass, sex, age, fare, embarked], dtype=object).T, survived


def make_titanic(out: Path) -> None:
    """A pipeline of imputation, scaling, one-hot encoding and logistic regression over five named columns."""
    x, y = passengers(800)
    numbers = Pipeline([("impute", SimpleImputer(strategy="median")), ("scale", StandardScaler())])
    columns = ColumnTransformer(
        [("numbers", numbers, [2, 3]), ("words", OneHotEncoder(handle_unknown="ignore"), [0, 1, 4])]
    )
    model = Pipeline([("columns", columns), ("classify", LogisticRegression(max_iter=2000))]).fit(x, y)
    impute, scale = model.named_steps["columns"].named_transformers_["numbers"]
    impute.statistics_, scale.mean_, scale.scale_ = (
        fitted(values) for values in (impute.statistics_, scale.mean_, scale.scale_)
    )
    classify = model.named_steps["classify"]
    classify.coef_, classify.intercept_ = fitted(classify.coef_), fitted(classify.intercept_)
    types = [
        (name, StringTensorType([None, 1]) if kind is str else FloatTensorType([None, 1]))
        for name, kind in PASSENGER_COLUMNS.items()
    ]
    path = save(
        out,
        "titanic",
        "pipeline_titanic.onnx",
        convert_sklearn(model, "titanic", initial_types=types, target_opset=OPSET),
    )

    def answer(request: Request) -> Answer:
        columns = {
            name: np.array(request[name], dtype=object if kind is str else kind).reshape(-1, 1)
            for name, kind in PASSENGER_COLUMNS.items()
        }
        rows = np.concatenate([column.astype(object) for column in columns.values()], axis=1)
        tensors = {
            "output_label": model.predict(rows).astype(np.int64),
            "output_probability": model.predict_proba(rows).astype(np.float32),
        }
        check(path, dict(columns), tensors, 5e-6)
        return {name: simplify(tensors[name]) for name in ("output_probability", "output_label")}

    save_samples(
        out,
        "titanic",
        {
            "one": {"pclass": "3", "sex": "male", "age": 22, "fare": 7.25, "embarked": "S"},
            "two": {
                "pclass": ["1", "2"],
                "sex": ["female", "male"],
                "age": [38.0, 35.5],
                "fare": [71.25, 13.0],
                "embarked": ["C", "S"],
            },
            "unknown-port": {"pclass": ["2"], "sex": ["female"], "age": [4], "fare": [23], "embarked": ["Zürich"]},
        },
        answer,
    )
    write_csv(out, x, y)


def write_csv(out: Path, x: NDArray[np.object_], y: NDArray[np.int64]) -> None:
    """The training data as a table: something in the container that is not a model."""
    text = io.StringIO()
    table = csv.writer(text, lineterminator="\n")
    table.writerow([*PASSENGER_COLUMNS, "survived"])
    table.writerows([*row, label] for row, label in zip(x[:100].tolist(), y.tolist(), strict=False))
    path = out / "models" / "exports" / "passengers.csv"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text.getvalue(), encoding="utf-8")
