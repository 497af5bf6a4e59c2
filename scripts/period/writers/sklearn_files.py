"""Models of scikit-learn 0.22 as ONNX by skl2onnx 1.7 and as PMML by nyoka 4.3, as scikit-learn predicts."""

import numpy as np
from nyoka import skl_to_pmml
from skl2onnx import convert_sklearn
from skl2onnx.common.data_types import FloatTensorType
from sklearn.cluster import KMeans
from sklearn.ensemble import GradientBoostingRegressor, RandomForestClassifier
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.tree import DecisionTreeClassifier
from writing import keep, place

NAMES = ["length", "width", "depth", "age"]
random = np.random.RandomState(11)
TABLE = random.normal(size=(120, 4)).round(2).astype(np.float32)
LABELS = np.array(["bon", "moyen", "mauvais"])[(TABLE[:, 0] > 0).astype(int) + (TABLE[:, 1] > 0.5)]
NUMBERS = TABLE @ [1.5, -2.0, 0.25, 0.0] + np.sin(TABLE[:, 3])
ASKED = random.normal(size=(5, 4)).round(2).astype(np.float32)


def onnx_of(kind, model, target):
    """A model with one tensor of floats."""
    model.fit(TABLE, target)
    content = convert_sklearn(model, "model", [("features", FloatTensorType([None, 4]))], target_opset=12)
    (place(kind) / "model.onnx").write_bytes(content.SerializeToString())
    if hasattr(model, "predict_proba"):
        answer = {
            "output_label": model.predict(ASKED),
            "output_probability": model.predict_proba(ASKED).astype(np.float32),
        }
    elif isinstance(model, KMeans):
        answer = {"label": model.predict(ASKED), "scores": model.transform(ASKED).astype(np.float32)}
    else:
        answer = {"variable": model.predict(ASKED).astype(np.float32)}
    keep(kind, ({"features": ASKED}, answer), shaped=False)


def pmml_of(kind, model, target, answer):
    """A pipeline with a column for each feature; ``answer`` names what is asked of it."""
    pipeline = make_pipeline(model)
    pipeline.fit(TABLE, target)
    skl_to_pmml(pipeline, NAMES, "target", str(place(kind) / "model.pmml"))
    asked = {name: ASKED[:, number].astype(float).round(2) for number, name in enumerate(NAMES)}
    keep(kind, (asked, answer(pipeline, np.stack(list(asked.values()), 1))), shaped=False)


onnx_of("onnx-logistic", make_pipeline(StandardScaler(), LogisticRegression()), LABELS)
onnx_of("onnx-forest", RandomForestClassifier(8, max_depth=4, random_state=2), LABELS)
onnx_of("onnx-boosting", GradientBoostingRegressor(n_estimators=12, random_state=2), NUMBERS)
onnx_of("onnx-clusters", KMeans(3, random_state=2), None)


def predicted(model, rows):
    """What both engines of PMML call a prediction."""
    return {"predicted_target": model.predict(rows)}


pmml_of("pmml-linear", LinearRegression(), NUMBERS, predicted)
pmml_of("pmml-tree", DecisionTreeClassifier(max_depth=4, random_state=2), LABELS, predicted)
