"""The models whose graphs are written by hand around fitted numbers: an image model and one with several outputs."""

from pathlib import Path

import numpy as np
from onnx import TensorProto, helper
from sample_models.exporting import Answer, Doubles, Request, check, fitted, handmade, save, save_samples, simplify
from sklearn.datasets import load_digits
from sklearn.linear_model import LinearRegression, LogisticRegression

# an image model

FILTERS = (
    np.array(
        [
            [[1, 2, 1], [0, 0, 0], [-1, -2, -1]],
            [[-1, -2, -1], [0, 0, 0], [1, 2, 1]],
            [[1, 0, -1], [2, 0, -2], [1, 0, -1]],
            [[-1, 0, 1], [-2, 0, 2], [-1, 0, 1]],
            [[0, 1, 2], [-1, 0, 1], [-2, -1, 0]],
            [[2, 1, 0], [1, 0, -1], [0, -1, -2]],
            [[-1, -1, -1], [-1, 8, -1], [-1, -1, -1]],
            [[0, 0, 0], [0, 4, 0], [0, 0, 0]],
        ],
        dtype=np.float64,
    )
    / 4
)


def digit_features(images: Doubles) -> Doubles:
    """Filtered, rectified and averaged images: [N,8,8,1] of 0..255 becomes [N,128]."""
    padded = np.pad(images[..., 0] / 255, ((0, 0), (1, 1), (1, 1)))
    windows = np.lib.stride_tricks.sliding_window_view(padded, (3, 3), axis=(1, 2))
    maps = np.maximum(np.einsum("nyxij,fij->nfyx", windows, FILTERS), 0)
    return np.asarray(maps.reshape(-1, len(FILTERS), 4, 2, 4, 2).mean(axis=(3, 5)).reshape(len(images), -1))


def make_digits(out: Path) -> None:
    """Handwritten digits of scikit-learn as gray images [N,8,8,1] of 0..255: a convolution and a linear layer."""
    data, y = load_digits(return_X_y=True)
    images = np.round(data.reshape(-1, 8, 8, 1) * 255 / 16)
    model = LogisticRegression(max_iter=2000, C=0.5).fit(digit_features(images), y)
    weights, bias = fitted(model.coef_), fitted(model.intercept_)
    constants = {
        "scale": np.array(255, np.float32),
        "filters": FILTERS.reshape(-1, 1, 3, 3).astype(np.float32),
        "weights": weights.astype(np.float32),
        "bias": bias.astype(np.float32),
    }
    nodes = [
        helper.make_node("Div", ["image", "scale"], ["scaled"]),
        helper.make_node("Transpose", ["scaled"], ["channels_first"], perm=[0, 3, 1, 2]),
        helper.make_node("Conv", ["channels_first", "filters"], ["edges"], kernel_shape=[3, 3], pads=[1, 1, 1, 1]),
        helper.make_node("Relu", ["edges"], ["rectified"]),
        helper.make_node("AveragePool", ["rectified"], ["pooled"], kernel_shape=[2, 2], strides=[2, 2]),
        helper.make_node("Flatten", ["pooled"], ["features"]),
        helper.make_node("Gemm", ["features", "weights", "bias"], ["logits"], transB=1),
        helper.make_node("Softmax", ["logits"], ["probabilities"], axis=1),
        helper.make_node("ArgMax", ["logits"], ["digit"], axis=1, keepdims=0),
    ]
    inputs = [helper.make_tensor_value_info("image", TensorProto.FLOAT, ["batch", 8, 8, 1])]
    outputs = [
        helper.make_tensor_value_info("digit", TensorProto.INT64, ["batch"]),
        helper.make_tensor_value_info("probabilities", TensorProto.FLOAT, ["batch", 10]),
    ]
    path = save(out, "digits", "digits.onnx", handmade("digits", nodes, inputs, outputs, constants))

    def answer(request: Request) -> Answer:
        pixels = np.array(request["image"], dtype=np.float64).reshape(-1, 8, 8, 1)
        logits = digit_features(pixels) @ weights.T + bias
        powers = np.exp(logits - logits.max(axis=1, keepdims=True))
        tensors = {
            "digit": logits.argmax(axis=1),
            "probabilities": (powers / powers.sum(axis=1, keepdims=True)).astype(np.float32),
        }
        check(path, {"image": pixels.astype(np.float32)}, tensors, 5e-6)
        return {name: simplify(tensors[name]) for name in ("digit", "probabilities")}

    whole = images.astype(int)
    save_samples(
        out,
        "digits",
        {
            "zero": {"image": whole[0].tolist()},
            "two-images": {"image": whole[[21, 42]].tolist()},
            "blank": {"image": np.zeros((8, 8, 1), int).tolist()},
        },
        answer,
    )


# several outputs of several types

BANDS = ["low", "middle", "high"]
BAND_LIMITS = (150_000.0, 320_000.0)


def make_housing(out: Path) -> None:
    """Prices of invented houses: double, long and boolean inputs; double, string and boolean outputs."""
    random = np.random.RandomState(33)
    surface, rooms = np.round(random.uniform(20, 250, 500)), random.randint(1, 9, 500)
    garden, distance = random.uniform(size=500) < 0.4, np.round(random.exponential(8, 500), 1)
    price = 40_000 + 1_450 * surface + 9_000 * rooms + 25_000 * garden - 2_600 * distance
    price = price + random.normal(0, 15_000, 500)
    x = np.stack([surface, rooms, garden, distance], axis=1).astype(np.float64)
    model = LinearRegression().fit(x, price)
    weights, intercept = fitted(model.coef_).reshape(-1, 1), fitted(model.intercept_)
    spread = fitted(np.std(price - model.predict(x)) * 1.645)
    constants = {
        "weights": weights,
        "intercept": intercept.reshape(1),
        "spread": np.stack([-spread, spread]).reshape(1, 2),
        "low_limit": np.array([BAND_LIMITS[0]]),
        "high_limit": np.array([BAND_LIMITS[1]]),
    }
    nodes = [
        helper.make_node("Cast", ["rooms"], ["rooms_double"], to=TensorProto.DOUBLE),
        helper.make_node("Cast", ["garden"], ["garden_double"], to=TensorProto.DOUBLE),
        helper.make_node("Concat", ["surface", "rooms_double", "garden_double", "distance"], ["features"], axis=1),
        helper.make_node("MatMul", ["features", "weights"], ["weighted"]),
        helper.make_node("Add", ["weighted", "intercept"], ["price"]),
        helper.make_node("Add", ["price", "spread"], ["interval"]),
        helper.make_node("Greater", ["price", "low_limit"], ["above_low"]),
        helper.make_node("Greater", ["price", "high_limit"], ["expensive"]),
        helper.make_node("Cast", ["above_low"], ["one"], to=TensorProto.INT64),
        helper.make_node("Cast", ["expensive"], ["two"], to=TensorProto.INT64),
        helper.make_node("Add", ["one", "two"], ["band_number"]),
        helper.make_node("LabelEncoder", ["band_number"], ["band"], domain="ai.onnx.ml", classes_strings=BANDS),
    ]
    kinds = {"surface": "DOUBLE", "rooms": "INT64", "garden": "BOOL", "distance": "DOUBLE"}
    inputs = [helper.make_tensor_value_info(n, TensorProto.DataType.Value(k), [None, 1]) for n, k in kinds.items()]
    outputs = [
        helper.make_tensor_value_info("price", TensorProto.DOUBLE, [None, 1]),
        helper.make_tensor_value_info("interval", TensorProto.DOUBLE, [None, 2]),
        helper.make_tensor_value_info("band", TensorProto.STRING, [None, 1]),
        helper.make_tensor_value_info("expensive", TensorProto.BOOL, [None, 1]),
    ]
    path = save(out, "housing", "housing.onnx", handmade("housing", nodes, inputs, outputs, constants))

    def answer(request: Request) -> Answer:
        numpy_kinds = {"DOUBLE": np.float64, "INT64": np.int64, "BOOL": np.bool_}
        columns = {name: np.array(request[name], numpy_kinds[kind]).reshape(-1, 1) for name, kind in kinds.items()}
        price = sum(column * weight for column, weight in zip(columns.values(), weights[:, 0], strict=True)) + intercept
        tensors = {
            "price": np.round(price, 6),
            "interval": np.round(np.concatenate([price - spread, price + spread], axis=1), 6),
            "band": np.array(BANDS, object)[(price > BAND_LIMITS[0]).astype(int) + (price > BAND_LIMITS[1])],
            "expensive": price > BAND_LIMITS[1],
        }
        check(path, dict(columns), tensors, 1e-10)
        return {name: simplify(values) for name, values in tensors.items()}

    save_samples(
        out,
        "housing",
        {
            "flat": {"surface": 45.5, "rooms": 2, "garden": False, "distance": 1.2},
            "street": {
                "surface": [62, 118.5, 240],
                "rooms": [3, 5, 8],
                "garden": [False, True, True],
                "distance": [4.5, 12, 0.8],
            },
        },
        answer,
    )
