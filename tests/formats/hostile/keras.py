"""Keras models whose configuration runs code when a model is made of it; the old HDF5 form has no safe mode."""

import json
from typing import Any

from tests.formats.hostile.base import HostileCase
from tests.formats.hostile.hdf5_writer import GROUP_LINKS, file, text

Layer = dict[str, Any]

INPUT: Layer = {
    "class_name": "InputLayer",
    "config": {"batch_input_shape": [None, 4, 8], "dtype": "float32", "name": "x"},
}
DENSE: Layer = {"class_name": "Dense", "config": {"name": "d", "units": 2, "activation": "relu"}}
# byte-code as Keras writes it: base64 of marshal's form, defaults, closure
LAMBDA: Layer = {
    "class_name": "Lambda",
    "config": {"name": "evil", "function": ["4wEAAAA=\n", None, None], "function_type": "lambda"},
}


def model(*layers: Layer, config: Layer | None = None) -> bytes:
    """A file of a model of these layers."""
    made = config or {"class_name": "Sequential", "config": {"name": "s", "layers": [INPUT, *layers]}}
    root = [GROUP_LINKS, text("keras_version", b"2.15.0"), text("model_config", json.dumps(made).encode())]
    return file(root)


def _layer(kind: str, **config: Any) -> Layer:
    return {"class_name": kind, "config": {"name": kind.lower(), **config}}


def _case(word: str, weakness: str, reason: str, *layers: Layer, verdict: str = "quarantined") -> HostileCase:
    return HostileCase(f"keras-{word}", weakness, {"m.h5": model(*layers, DENSE)}, verdict, reason)


def _inside(layer: Layer) -> Layer:
    inner = {"name": "inner", "layers": [INPUT, layer]}
    return {"class_name": "Sequential", "config": inner}


def _deep(levels: int) -> Layer:
    layer = _layer("LSTM", units=2)
    for _ in range(levels):
        layer = {"class_name": "Bidirectional", "config": {"layer": layer}}
    return layer


_COMMAND = {"class_name": "function", "config": "system", "module": "os", "registered_name": "system"}

CASES = (
    _case(
        "lambda",
        "a Lambda layer is byte-code (CVE-2024-3660; in .h5 also in safe mode: CVE-2025-9905)",
        "keras-lambda",
        LAMBDA,
    ),
    _case("lambda-nested", "a Lambda layer in a model that is a layer", "keras-lambda", _inside(LAMBDA)),
    _case(
        "lambda-wrapped", "a Lambda layer in TimeDistributed", "keras-lambda", _layer("TimeDistributed", layer=LAMBDA)
    ),
    _case(
        "lambda-twice-wrapped",
        "and in a wrapper of a wrapper",
        "keras-lambda",
        _layer("Bidirectional", layer=_layer("TimeDistributed", layer=_inside(LAMBDA))),
    ),
    _case("lambda-cell", "a Lambda layer as the cell of a recurrent one", "keras-lambda", _layer("RNN", cell=LAMBDA)),
    _case(
        "lambda-argument",
        "a Lambda layer where a setting is expected",
        "keras-lambda",
        _layer("Dense", units=2, kernel_initializer=LAMBDA),
    ),
    _case("module", "a module to import (CVE-2025-1550)", "keras-module", _layer("Dense", units=2) | {"module": "os"}),
    _case(
        "module-function",
        "a function of any module as an activation (CVE-2025-1550)",
        "keras-module",
        _layer("Dense", units=2, activation=_COMMAND),
    ),
    _case(
        "module-utils",
        "keras.utils.get_file fetches and writes files (CVE-2025-8747)",
        "keras-module",
        _layer("Dense", units=2) | {"module": "keras.utils"},
    ),
    _case(
        "function",
        "a function of Keras that is no activation",
        "keras-function",
        _layer(
            "Dense",
            units=2,
            activation={"class_name": "function", "config": "enable_unsafe_deserialization", "module": "builtins"},
        ),
    ),
    _case(
        "registered-name",
        "a registered name that is another than the class",
        "keras-custom-class",
        _layer("Dense", units=2) | {"registered_name": "acme>Runner"},
    ),
    _case("custom", "a class that nobody knows", "keras-custom-class", _layer("AcmeLayer")),
    _case(
        "lookalike",
        "a class that differs by a letter of another alphabet",
        "keras-custom-class",
        _layer("D\u0435nse", units=2),
    ),
    _case(
        "tfsm", "TFSMLayer loads a SavedModel of any path", "keras-custom-class", _layer("TFSMLayer", filepath="/tmp/m")
    ),
    _case(
        "op-layer",
        "TensorFlowOpLayer holds any operator",
        "keras-custom-class",
        _layer("TensorFlowOpLayer", node_def="x"),
    ),
    _case(
        "op-lambda",
        "TFOpLambda calls any function of TensorFlow (CVE-2025-9906)",
        "keras-function",
        _layer("TFOpLambda", function="io.write_file"),
    ),
    _case(
        "op-lambda-walk",
        "the same by a dotted walk",
        "keras-function",
        _layer("TFOpLambda", function="math.add.__globals__"),
    ),
    _case(
        "vocabulary", "a layer of words reads any file", "keras-file", _layer("StringLookup", vocabulary="/etc/passwd")
    ),
    _case(
        "standardize",
        "a layer of texts with code of its own",
        "keras-function",
        _layer("TextVectorization", standardize=LAMBDA),
    ),
    _case(
        "deep",
        "400 wrappers in one another (a reader that recurses ends with an error)",
        "keras-too-complex",
        _deep(400),
    ),
    HostileCase(
        "keras-subclass",
        "a model of a class of its own",
        {"m.h5": model(config={"class_name": "Evil", "config": {"layers": []}})},
        "quarantined",
        "keras-custom-class",
    ),
    HostileCase(
        "keras-no-json",
        "a configuration that two readers of JSON read differently",
        {"m.h5": file([GROUP_LINKS, text("model_config", b'{"class_name": "Sequential", "config": NaN}')])},
        "unreadable",
        "corrupt",
    ),
    HostileCase(
        "keras-twice",
        "two configurations, of which readers take either",
        {
            "m.h5": file(
                [GROUP_LINKS, text("model_config", b"{}"), text("model_config", json.dumps(_inside(LAMBDA)).encode())]
            )
        },
        "unreadable",
        "corrupt",
    ),
)
