"""The models of the golden folder: our samples, and small graphs whose answers need no engine to be known."""

import base64
import json
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from golden.folder import write_json
from golden.java import Array
from onnx import TensorProto, helper
from sample_models.exporting import IR_VERSION, handmade

EXAMPLES = Path(__file__).parents[2] / "examples"
SAMPLES = ("iris", "titanic", "digits", "housing")
FORMATS = (
    "ages-scaler", "price-interval", "dates", "support-tokens", "species-torchscript", "wine-tf2", "load-zip",
    "progression-flow", "urgency-flow",
)  # fmt: skip
KINDS = {
    "integer": TensorProto.INT32,
    "long": TensorProto.INT64,
    "float": TensorProto.FLOAT,
    "double": TensorProto.DOUBLE,
    "boolean": TensorProto.BOOL,
    "string": TensorProto.STRING,
}
# More names than a map's first table holds, one of them not ASCII.
MANY = (
    "alpha", "beta", "gamma", "delta", "epsilon", "zeta", "eta", "theta", "iota", "kappa", "lambda", "mu", "é",
    "Aa", "BB",
)  # fmt: skip
TYPES = {"i": "integer", "l": "long", "f": "float", "d": "double", "b": "boolean", "s": "string"}
WINDOW = 3
Shape = Sequence[int]
Tensors = Mapping[str, tuple[str, Shape]]


def make_models(folder: Path) -> None:
    """Write every model."""
    for name in SAMPLES:
        shutil.copytree(EXAMPLES / "models" / name, folder / name)
    for name in FORMATS:
        shutil.copytree(EXAMPLES / "formats" / name, folder / name)
    make_graphs(folder)
    make_manifests(folder)
    make_encoders(folder)


def make_graphs(folder: Path) -> None:
    """Models without a manifest."""
    identity = {
        "rows": ("float", [-1, 4]),
        "vector": ("float", [-1]),
        "precise": ("double", [-1]),
        "grid": ("float", [-1, -1, 2]),
        "fixed": ("float", [2, 3]),
        "cube": ("long", [-1, 1, 3]),
    }
    for name, (kind, shape) in identity.items():
        save(folder / name, graph([("Identity", ["x"], ["y"], {})], {"x": (kind, shape)}, {"y": (kind, shape)}))
    save(
        folder / "types",
        graph(
            [("Identity", [name], [f"{name}_out"], {}) for name in TYPES],
            {name: (kind, [-1]) for name, kind in TYPES.items()},
            {f"{name}_out": (kind, [-1]) for name, kind in TYPES.items()},
        ),
    )
    save(
        folder / "many",
        graph(
            [("Identity", ["x"], [name], {}) for name in MANY],
            {"x": ("integer", [-1])},
            {name: ("integer", [-1]) for name in MANY},
        ),
    )
    image = ("integer", [-1, -1, -1, 1])
    save(folder / "gray", graph([("Identity", ["image"], ["pixels"], {})], {"image": image}, {"pixels": image}))
    colours = ("integer", [-1, -1, -1, 3])
    save(folder / "colours", graph([("Identity", ["image"], ["pixels"], {})], {"image": colours}, {"pixels": colours}))
    save(
        folder / "total",
        graph(
            [
                ("Identity", ["image"], ["picture"], {}),
                ("ReduceSum", ["image"], ["total"], {"axes": [1, 2, 3], "keepdims": 0}),
            ],
            {"image": colours},
            {"picture": colours, "total": ("integer", [-1])},
        ),
    )
    small = ("float", [1, 3, 4, 6])
    save(folder / "small", graph([("Identity", ["image"], ["pixels"], {})], {"image": small}, {"pixels": small}))
    thumbnail = ("float", [-1, 4, 4, 1])
    save(folder / "thumbnail", graph([("Identity", ["image"], ["y"], {})], {"image": thumbnail}, {"y": thumbnail}))


def make_manifests(folder: Path) -> None:
    """Models with a manifest: named columns, rolling windows, a flow."""
    columns = ["sepal_length", "sepal_width", "petal_length", "petal_width"]
    iris = EXAMPLES / "models" / "iris" / "iris.onnx"
    manifest(
        folder / "iris-manifest",
        {
            "type": "onnx",
            "binary": base64.b64encode(iris.read_bytes()).decode(),
            "inputs": [field("float_input", "float", [-1, 4], columns)],
            "outputs": [
                {**field("output_label", "long", [-1]), "fields": [{"name": "species"}]},
                field("output_probability", "float", [-1, 3], ["setosa", "versicolor", "virginica"]),
            ],
        },
    )
    domain = [{"lower_bound": 0.0, "upper_bound": 1.5}]
    source = field("window", "Double", [-1, 2 * WINDOW], ["a", "b"])
    source["fields"][1] |= {"type": "double", "values": ["1", "2"]}
    save(
        folder / "window",
        graph(
            [("Identity", ["window"], ["seen"], {}), ("ReduceSum", ["window"], ["sum"], {"axes": [1], "keepdims": 1})],
            {"window": ("double", [-1, 2 * WINDOW])},
            {"seen": ("double", [-1, 2 * WINDOW]), "sum": ("double", [-1, 1])},
        ),
    )
    manifest(
        folder / "window",
        {
            "type": "onnx",
            "onnx_model_uri": "model.onnx",
            "batch_size": WINDOW,
            "unknown_key": True,
            "inputs": [{**source, "continuous_domain": domain}],
            "outputs": [field("seen", "double", [-1, 2 * WINDOW]), field("sum", "double", [-1, 1], ["total"])],
        },
    )
    save(
        folder / "flow",
        graph(
            [("ReduceSum", ["pair"], ["sum"], {"axes": [1], "keepdims": 1})],
            {"pair": ("double", [-1, 2])},
            {"sum": ("double", [-1, 1])},
        ),
    )
    save(
        folder / "flow",
        graph([("Add", ["sums", "sums"], ["twice"], {})], {"sums": ("float", [-1, 1])}, {"twice": ("float", [-1, 1])}),
        "twice.onnx",
    )
    manifest(
        folder / "flow",
        {
            "type": "flow",
            "evaluator_manifests": [
                {
                    "type": "onnx",
                    "onnx_model_uri": "model.onnx",
                    "batch_size": 2,
                    "inputs": [field("pair", "double", [-1, 2], ["x"])],
                    "outputs": [field("sum", "double", [-1, 1], ["summed"])],
                },
                {
                    "type": "onnx",
                    "onnx_model_uri": "twice.onnx",
                    "inputs": [field("sums", "float", [-1, 1], ["summed"])],
                    "outputs": [field("twice", "float", [-1, 1], ["doubled"])],
                },
            ],
        },
    )


def make_encoders(folder: Path) -> None:
    """Processors of which the samples show too little."""
    manifest(
        folder / "upper-price",
        {
            "type": "pi",
            "residuals_std": {"price": 2.0, "rent": 0.5},
            "inputs": [{"name": "price", "type": "double"}, {"name": "rent", "type": "double"}],
            "outputs": [
                {"name": "rent_quantile_inf", "type": "double"},
                {"name": "price_quantile_sup", "type": "double"},
            ],
        },
    )
    manifest(
        folder / "calendar",
        {
            "type": "datetime_encoder",
            "inputs": [dated("at", "string", "uuuu-MM-dd'T'HH:mm[:ss[.SSS]]")],
            "outputs": [
                *(dated(f"text{place}", "string", pattern) for place, pattern in enumerate(PATTERNS)),
                *(dated(word, "long", word) for word in (*PARTS, *UNITS)),
            ],
        },
    )
    manifest(
        folder / "partial",
        {
            "type": "datetime_encoder",
            "inputs": [dated("at", "string", "d/M/yy[ H:mm]")],
            "outputs": [dated("iso", "string", "yyyy-MM-dd HH:mm:ss"), dated("year", "double", "YEAR")],
        },
    )
    for word in COUNTED:
        manifest(
            folder / f"count-{word}",
            {
                "type": "datetime_encoder",
                "inputs": [dated("count", "long", word)],
                "outputs": [dated("iso", "string", "uuuu-MM-dd HH:mm:ss.SSS"), dated("hour", "integer", "HOUROFDAY")],
            },
        )


PATTERNS = (
    "yyyy-MM-dd HH:mm:ss", "EEE, d MMM uuuu", "EEEE dd MMMM yy", "h:mm a", "K 'o''clock' a", "kk.mm", "uuuu-DDD",
    "yyyyMMddHHmmssSSS", "s.SSSSSS", "A", "N", "n", "[HH:mm]''", "LLL", "E M/d/y",
)  # fmt: skip
PARTS = ("YEAR", "MONTH", "DAYOFMONTH", "DAYOFWEEK", "HOUROFDAY", "MINUTEOFHOUR")
# Days were written in weeks.
UNITS = {
    "TS_Y": "YEARS", "TS_MO": "MONTHS", "TS_D": "WEEKS", "TS_H": "HOURS", "TS_MI": "MINUTES", "TS_S": "SECONDS",
    "TS_MS": "MILLIS", "TS_US": "MICROS", "TS_NS": "NANOS",
}  # fmt: skip
COUNTED = {"TS_D": "DAYS", "TS_MO": "MONTHS", "TS_MS": "MILLIS"}


def graph(
    nodes: Sequence[tuple[str, list[str], list[str], dict[str, Any]]], inputs: Tensors, outputs: Tensors
) -> onnx.ModelProto:
    """A model of these nodes; -1 in a shape is a dimension without a size."""
    made = [helper.make_node(kind, sources, targets, **more) for kind, sources, targets, more in nodes]
    return handmade("golden", made, _infos(inputs), _infos(outputs), {})


def _infos(tensors: Tensors) -> list[onnx.ValueInfoProto]:
    return [
        helper.make_tensor_value_info(
            name, KINDS[kind], [f"{name}_{place}" if size == -1 else size for place, size in enumerate(shape)]
        )
        for name, (kind, shape) in tensors.items()
    ]


def save(folder: Path, model: onnx.ModelProto, file: str = "model.onnx") -> None:
    """Write a model as an exporter of 2021 would have."""
    model.ir_version = IR_VERSION
    onnx.checker.check_model(model)
    folder.mkdir(exist_ok=True)
    (folder / file).write_bytes(model.SerializeToString(deterministic=True))


def manifest(folder: Path, content: Mapping[str, object]) -> None:
    """Write a manifest."""
    write_json(folder / "manifest.json", content)


def field(name: str, kind: str, shape: Shape, columns: Sequence[str] = ()) -> dict[str, Any]:
    """A tensor of a manifest, perhaps with named columns."""
    found: dict[str, Any] = {"name": name, "type": kind, "shape": list(shape)}
    if columns:
        found["fields"] = [{"name": column, "index": place} for place, column in enumerate(columns)]
    return found


def dated(name: str, kind: str, form: str) -> dict[str, object]:
    """A field of a date-time encoder."""
    return {"name": name, "type": kind, "shape": [-1], "format": form}


def samples_of(model: str) -> list[tuple[str, dict[str, Any], dict[str, Any]]]:
    """The requests of a sample with the answers of the code that trained it: name, request, answer."""
    folder = EXAMPLES / ("samples" if model in SAMPLES else "format-samples") / model
    return [(path.stem, *_sample(path)) for path in sorted(folder.glob("*.json"))]


def _sample(path: Path) -> tuple[dict[str, Any], dict[str, Any]]:
    content = json.loads(path.read_text(encoding="utf-8"))
    return content["request"], content["answer"]


def iris_answer(rows: Sequence[Sequence[float]]) -> Array:
    """The probabilities of the iris model, by its coefficients: a softmax in double precision."""
    node = onnx.load(EXAMPLES / "models" / "iris" / "iris.onnx").graph.node[0]
    given = {attribute.name: attribute for attribute in node.attribute}
    weights = np.array(given["coefficients"].floats).reshape(3, 4)
    logits = np.array(rows) @ weights.T + np.array(given["intercepts"].floats)
    powers = np.exp(logits - logits.max(axis=1, keepdims=True))
    return np.asarray(np.round(powers / powers.sum(axis=1, keepdims=True), 7))
