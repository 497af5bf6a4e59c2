"""Keras HDF5: what a configuration says of shapes and types, and why one is refused."""

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from migrate.core.model_json import content_of
from migrate.core.values import Inspection
from migrate.formats import inspect
from tests.formats.hostile import hdf5
from tests.formats.hostile.hdf5_writer import GROUP_LINKS, file, text
from tests.formats.hostile.keras import DENSE, INPUT, LAMBDA, Layer, functional, model
from tests.formats.models import write


def look(tmp_path: Path, content: bytes) -> Inspection:
    return inspect(write(tmp_path, {"m.h5": content}), framework="keras")


def layer(kind: str, **config: Any) -> Layer:
    return {"class_name": kind, "config": {"name": kind.lower(), **config}}


@pytest.mark.parametrize(
    ("layers", "shape"),
    [
        ([DENSE], [-1, 4, 2]),
        ([layer("Flatten")], [-1, 32]),
        ([layer("LSTM", units=3)], [-1, 3]),
        ([layer("LSTM", units=5, return_sequences=True)], [-1, 4, 5]),
        ([layer("GlobalMaxPooling1D")], [-1, 8]),
        ([layer("Reshape", target_shape=[2, 16])], [-1, 2, 16]),
        ([layer("TimeDistributed", layer=layer("Dense", units=5))], [-1, 4, 5]),
        ([layer("Bidirectional", layer=layer("GRU", units=3), merge_mode="concat")], [-1, 6]),
        ([layer("Dropout"), layer("Flatten"), layer("Dense", units=1)], [-1, 1]),
        ([layer("Conv1D", filters=6), layer("GlobalAveragePooling1D")], [-1, 6]),
    ],
)
def test_shapes(tmp_path: Path, layers: list[Layer], shape: list[int]) -> None:
    found = content_of(look(tmp_path, model(*layers)).settings)
    assert found["inputs"] == [{"name": "inputs", "type": "float", "shape": [-1, 4, 8]}]
    assert found["outputs"] == [{"name": "prediction", "type": "float", "shape": shape}]


def test_a_shape_that_only_the_engine_knows_is_left_to_it(tmp_path: Path) -> None:
    assert content_of(look(tmp_path, model(layer("Conv1D", filters=6))).settings)["outputs"] == [
        {"name": "prediction", "type": "float"}
    ]


def test_a_functional_model_names_its_ends(tmp_path: Path) -> None:
    dense = {**DENSE, "name": "d", "inbound_nodes": [[["x", 0, 0, {}]]]}
    found = look(tmp_path, functional({**INPUT, "name": "x"}, dense, inputs=[["x", 0, 0]], outputs=[["d", 0, 0]]))
    assert (found.verdict, content_of(found.settings)["keras"]) == ("ready", {"input": "x", "output": "d"})


@pytest.mark.parametrize(
    ("content", "verdict", "reason"),
    [
        (functional(INPUT, DENSE, inputs=["x", "d"][:1] * 3, outputs=[["d", 0, 0]]), "ready", ""),
        (functional(INPUT, DENSE, inputs=[["x", 0, 0], ["d", 0, 0]], outputs=["d"]), "unsupported", "several-tensors"),
        (functional(INPUT, inputs=[["gone", 0, 0]], outputs=[["x", 0, 0]]), "unsupported", "unsupported-model"),
        (model(config={"class_name": "Sequential", "config": [DENSE]}), "unsupported", "no-input-shape"),
        (model(config={"class_name": "Sequential", "config": {"layers": []}}), "unsupported", "unsupported-model"),
        (model(layer("Dense", units=1, dtype="complex64")), "unsupported", "unsupported-tensor"),
        (file([text("keras_version", b"3.0.1"), text("model_config", b"{}")]), "unsupported", "newer-than-supported"),
        (file([GROUP_LINKS, text("layer_names", b"x")]), "unsupported", "weights-only"),
        (file([GROUP_LINKS, text("model_config", b"[1]")]), "unreadable", "corrupt"),
        (model(DENSE)[:-40], "unreadable", "truncated"),
        (model(DENSE)[:40], "unreadable", "truncated"),
        (model(DENSE)[:8] + b"\x07" + model(DENSE)[9:], "unsupported", "unsupported-hdf5"),
    ],
)  # fmt: skip
def test_refusals(tmp_path: Path, content: bytes, verdict: str, reason: str) -> None:
    found = look(tmp_path, content)
    assert (found.verdict, found.reason) == (verdict, reason)


def test_types(tmp_path: Path) -> None:
    policy = {"class_name": "Policy", "config": {"name": "mixed_float16"}}
    first = {"class_name": "InputLayer", "config": {**INPUT["config"], "dtype": "int64"}}
    last = layer("Dense", units=1, dtype=policy)
    found = content_of(
        look(tmp_path, model(config={"class_name": "Sequential", "config": {"layers": [first, last]}})).settings
    )
    assert [found[role][0]["type"] for role in ("inputs", "outputs")] == ["long", "float"]


def test_a_layer_without_a_type_takes_the_first_one(tmp_path: Path) -> None:
    first = layer("Dense", units=3, dtype="float64", batch_input_shape=[None, 4])
    config = {"class_name": "Sequential", "config": [first, layer("Dense", units=2, name="last")]}
    found = content_of(look(tmp_path, model(config=config)).settings)
    assert [found[role][0]["type"] for role in ("inputs", "outputs")] == ["double", "double"]


@pytest.mark.parametrize(
    ("last", "word"),
    [
        (layer("StringLookup", dtype="string", vocabulary=["a"]), "long"),
        (layer("StringLookup", dtype="string", vocabulary=["a"], invert=True), "string"),
        (layer("StringLookup", dtype="string", vocabulary=["a"], output_mode="one_hot"), "float"),
        (layer("Discretization", dtype="float32"), "long"),
    ],
)
def test_a_layer_that_gives_another_type_than_it_computes_in(tmp_path: Path, last: Layer, word: str) -> None:
    assert content_of(look(tmp_path, model(last)).settings)["outputs"][0]["type"] == word


def test_a_fixed_batch_is_the_batch_of_the_output(tmp_path: Path) -> None:
    first = layer("LSTM", units=3, batch_input_shape=[2, 5, 3], dtype="float32")
    found = content_of(look(tmp_path, model(config={"class_name": "Sequential", "config": [first]})).settings)
    assert found["outputs"][0]["shape"] == [2, 3]


def test_the_shape_that_a_model_was_trained_with(tmp_path: Path) -> None:
    config = {"build_input_shape": [None, 4], "layers": [DENSE]}
    found = look(tmp_path, model(config={"class_name": "Sequential", "config": config}))
    assert (found.verdict, content_of(found.settings)["inputs"][0]["shape"]) == ("ready", [-1, 4])


_OF_OLD_PYTHON = file(
    [
        GROUP_LINKS,
        text("keras_version", b"2.2.4-tf"),
        text("model_config", json.dumps({"class_name": "Sequential", "config": [INPUT, LAMBDA]}).encode()),
    ]
)


@pytest.mark.parametrize(
    ("content", "verdict", "reason"),
    [
        (_OF_OLD_PYTHON, "quarantined", "keras-lambda"),
        (model(layer("PeepholeLSTMCell")), "quarantined", "keras-custom-class"),
        (model({"class_name": ["Dense"], "config": {}}), "quarantined", "keras-custom-class"),
        (model({"class_name": {"Dense": 1}}), "quarantined", "keras-custom-class"),
        (model(layer("Dense", units=1, activity={"class_name": {}, "config": 1})), "quarantined", "keras-custom-class"),
        (model(layer("Dense", units=1, activation="mish2")), "unsupported", "unknown-activation"),
        (model(layer("LSTM", units=1, recurrent_activation="own")), "unsupported", "unknown-activation"),
        (model(layer("Bidirectional", layer=layer("CuDNNLSTM", units=2))), "unsupported", "gpu-only-layer"),
    ],
)
def test_nobody_is_told_to_allow_what_never_loads(tmp_path: Path, content: bytes, verdict: str, reason: str) -> None:
    found = look(tmp_path, content)
    assert (found.verdict, found.reason) == (verdict, reason)
    assert "--allow-unsafe" not in found.task


@pytest.mark.parametrize(
    ("operation", "verdict"),
    [({"op": "Mul"}, "ready"), ({"op": "ReadFile"}, "quarantined"), ('{"op": "AddV2"}', "quarantined")],
)
def test_a_layer_of_one_operator(tmp_path: Path, operation: object, verdict: str) -> None:
    assert look(tmp_path, model(layer("TensorFlowOpLayer", node_def=operation, dtype=None))).verdict == verdict


def test_names_that_a_newer_keras_2_repeats_are_no_danger(tmp_path: Path) -> None:
    activation = {"class_name": "function", "config": "relu", "module": "builtins", "registered_name": "relu"}
    dense = layer("Dense", units=1, activation=activation) | {"module": "keras.layers", "registered_name": None}
    config = {
        "class_name": "Sequential",
        "module": "keras",
        "config": {"layers": [INPUT, dense]},
        "registered_name": None,
    }
    assert look(tmp_path, model(config=json.loads(json.dumps(config)))).verdict == "ready"


_SEEDS = [content for case in hdf5.CASES for content in case.files.values() if isinstance(content, bytes)]
_EDIT = st.tuples(
    st.integers(0, 2000), st.sampled_from([b"", b"\0", b"\1", b"\x08", b"\xff" * 8]) | st.binary(max_size=9)
)


@given(st.sampled_from(_SEEDS), st.lists(_EDIT, min_size=1, max_size=4), st.sampled_from(["set", "insert", "cut"]))
def test_damaged_files_always_get_a_verdict(
    tmp_path_factory: pytest.TempPathFactory, seed: bytes, edits: list[tuple[int, bytes]], kind: str
) -> None:
    data = seed
    for place, content in edits:
        at = place % len(data)
        data = data[:at] + content + data[at + (0 if kind == "insert" else len(content)) :]
    data = data[:-1] if kind == "cut" else data
    # as long as it says, so that it is read beyond its head
    data = data[:40] + len(data).to_bytes(8, "little") + data[48:]
    found = look(tmp_path_factory.mktemp("m"), data)
    assert found.verdict == "ready" or (found.reason and found.text and found.task)
