"""Keras models whose configuration would run or read something when a model is made of it, or is of no use."""

import json
from typing import Any

from migrate.formats.keras.hazards import dangers
from tests.formats.hostile.base import HostileCase, lowered
from tests.formats.hostile.hdf5_writer import GROUP_LINKS, file, text
from tests.formats.hostile.opcodes import NOWHERE

Layer = dict[str, Any]

INPUT: Layer = {
    "class_name": "InputLayer",
    "config": {"batch_input_shape": [None, 4, 8], "dtype": "float32", "name": "x"},
}
DENSE: Layer = {"class_name": "Dense", "config": {"name": "d", "units": 2, "activation": "relu"}}
LAMBDA: Layer = {"class_name": "Lambda", "config": {"name": "own", "function": ["", None, None]}}
"""The layer whose function is byte-code; here it has none."""


def model(*layers: Layer, config: Layer | None = None, version: bytes = b"2.15.0") -> bytes:
    """A file of a model of these layers."""
    made = config or {"class_name": "Sequential", "config": {"name": "s", "layers": [INPUT, *layers]}}
    root = [GROUP_LINKS, text("keras_version", version), text("model_config", json.dumps(made).encode())]
    return file(root)


def functional(*layers: Layer, inputs: list[Any], outputs: list[Any]) -> bytes:
    """A file of a model whose layers are named at its ends."""
    config = {"name": "f", "layers": list(layers), "input_layers": inputs, "output_layers": outputs}
    return model(config={"class_name": "Functional", "config": config})


def _layer(kind: str, **config: Any) -> Layer:
    return {"class_name": kind, "config": {"name": kind.lower(), **config}}


def _case(word: str, refuses: str, reason: str, *layers: Layer, says: str = "") -> HostileCase:
    return HostileCase(f"keras-{word}", refuses, {"m.h5": model(*layers, DENSE)}, "quarantined", reason, says)


def _useless(
    word: str, refuses: str, content: bytes, reason: str, verdict: str = "unsupported", says: str = ""
) -> HostileCase:
    return HostileCase(f"keras-{word}", refuses, {"m.h5": content}, verdict, reason, says)


def _inside(layer: Layer) -> Layer:
    inner = {"name": "inner", "layers": [INPUT, layer]}
    return {"class_name": "Sequential", "config": inner}


_FUNCTION = {"class_name": "function", "config": NOWHERE, "module": NOWHERE}
_BARE = {"class_name": "Sequential", "config": [DENSE]}

_DANGERS = (
    _case("lambda", "a layer of byte-code", "keras-lambda", LAMBDA),
    _case("lambda-nested", "the same in a model that is a layer", "keras-lambda", _inside(LAMBDA)),
    _case("lambda-wrapped", "the same in a wrapper", "keras-lambda", _layer("TimeDistributed", layer=LAMBDA)),
    _case("lambda-cell", "the same as the cell of a recurrent layer", "keras-lambda", _layer("RNN", cell=LAMBDA)),
    _case(
        "lambda-argument", "the same as a setting", "keras-lambda", _layer("Dense", units=2, kernel_initializer=LAMBDA)
    ),
    _case(
        "module",
        "a layer of a module that is not Keras's",
        "keras-module",
        _layer("Dense", units=2) | {"module": NOWHERE},
    ),
    _case(
        "module-function", "a function of such a module", "keras-module", _layer("Dense", units=2, activation=_FUNCTION)
    ),
    _case(
        "module-part",
        "a layer of a part of Keras without layers",
        "keras-module",
        _layer("Dense", units=2) | {"module": "keras.utils"},
    ),
    _case(
        "function",
        "a function that is no activation",
        "keras-function",
        _layer("Dense", units=2, activation={**_FUNCTION, "module": "builtins"}),
        says="calls the function",
    ),
    _case(
        "registered",
        "a registered name that is not the class's",
        "keras-custom-class",
        _layer("Dense", units=2) | {"registered_name": NOWHERE},
        says=f'needs the class "{NOWHERE}" for',
    ),
    _case(
        "custom",
        "a class that is not Keras's",
        "keras-custom-class",
        _layer(NOWHERE),
        says="none of Keras's plain layers",
    ),
    _case(
        "lookalike",
        "a class that differs by a letter of another alphabet",
        "keras-custom-class",
        _layer("D\u0435nse", units=2),
        says="which Keras does not have",
    ),
    _case("model-layer", "a layer that loads another model", "keras-custom-class", _layer("TFSMLayer")),
    _case("op-layer", "a layer that holds any operator", "keras-custom-class", _layer("TensorFlowOpLayer")),
    _case(
        "op-lambda",
        "a layer that calls any function",
        "keras-function",
        _layer("TFOpLambda", function=f"{NOWHERE}.x"),
        says="of TensorFlow in the layer",
    ),
    _case(
        "vocabulary",
        "a layer that reads its words from a file",
        "keras-file",
        _layer("StringLookup", vocabulary="words.txt"),
    ),
    _case(
        "standardize",
        "a layer of texts with code of its own",
        "keras-function",
        _layer("TextVectorization", standardize={}),
        says="has code of its own",
    ),
    HostileCase(
        "keras-lambda-old",
        "byte-code of a Python that is not this one",
        {"m.h5": model(LAMBDA, DENSE, version=b"2.2.4-tf")},
        "quarantined",
        "keras-lambda",
        "has a Lambda layer",
    ),
    HostileCase(
        "keras-deep",
        "a configuration deeper than any model's",
        {"m.h5": model(DENSE)},
        "quarantined",
        "keras-too-complex",
        limits=lowered(dangers, _MAXIMUM_DEPTH=3),
    ),
    _useless(
        "subclass",
        "a model of a class of its own",
        model(config={"class_name": NOWHERE, "config": {"layers": []}}),
        "keras-custom-class",
        "quarantined",
    ),
)
_USELESS = (
    _useless(
        "no-json",
        "a configuration that is no JSON",
        file([GROUP_LINKS, text("model_config", b'{"config": NaN}')]),
        "corrupt",
        "unreadable",
        "is no JSON",
    ),
    _useless(
        "no-object",
        "a configuration that is a list",
        file([GROUP_LINKS, text("model_config", b"[1]")]),
        "corrupt",
        "unreadable",
        "describes no model",
    ),
    _useless(
        "twice",
        "two configurations",
        file([GROUP_LINKS, text("model_config", b"{}"), text("model_config", b"{}")]),
        "corrupt",
        "unreadable",
        "two attributes",
    ),
    _useless(
        "activation",
        "an activation that only its author has",
        model(_layer("Dense", units=2, activation=NOWHERE)),
        "unknown-activation",
    ),
    _useless("gpu", "a layer that runs on GPUs only", model(_layer("CuDNNLSTM", units=2)), "gpu-only-layer"),
    _useless("no-config", "weights without a model", file([GROUP_LINKS, text("layer_names", b"x")]), "weights-only"),
    _useless(
        "version",
        "a model of Keras 3",
        file([text("keras_version", b"3.0.1"), text("model_config", b"{}")]),
        "newer-than-supported",
    ),
    _useless(
        "no-layers",
        "a model without layers",
        model(config={"class_name": "Sequential", "config": {"layers": []}}),
        "unsupported-model",
    ),
    _useless(
        "two-inputs",
        "a model of two inputs",
        functional(INPUT, DENSE, inputs=[["x", 0, 0], ["d", 0, 0]], outputs=["d"]),
        "several-tensors",
    ),
    _useless("no-shape", "a model that does not say what it takes", model(config=_BARE), "no-input-shape"),
    _useless(
        "dtype", "a layer of complex numbers", model(_layer("Dense", units=1, dtype="complex64")), "unsupported-tensor"
    ),
)

CASES = (*_DANGERS, *_USELESS)
