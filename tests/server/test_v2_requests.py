"""The quick ways of the inference protocol give what the exact ones give, or nothing."""

import json
from typing import Any

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from migrate.server.engines import load
from migrate.server.errors import HttpError
from migrate.server.limits import Settings
from migrate.server.model_files import read_model
from migrate.server.served import Served
from migrate.server.v2_answers import InferAnswers
from migrate.server.v2_inference import Inference
from migrate.server.v2_requests import LONG_BYTES, QuickRequests, read_long
from tests.server import models


@pytest.fixture(scope="module")
def linear(tmp_path_factory: pytest.TempPathFactory) -> Served:
    model = read_model(models.linear(tmp_path_factory.mktemp("models") / "linear"))
    return Served(model, load(model, threads=1), Settings())


LEAVES = st.one_of(
    st.floats(allow_nan=False, allow_infinity=False),
    st.integers(-(2**70), 2**70),
    st.sampled_from([2**53 + 1, 2**63, 1e39, -0.0, 1e-46, True, None, "NaN", "1"]),
)
ROWS = st.lists(LEAVES, min_size=2, max_size=4)
TENSORS = st.fixed_dictionaries(
    {
        "name": st.sampled_from(["x", "x", "x", "y"]),
        "shape": st.one_of(st.just([1, 3]), st.just([2, 3]), st.lists(st.integers(-3, 4), max_size=3)),
        "datatype": st.sampled_from(["FP32", "FP32", "FP64"]),
        "data": st.one_of(LEAVES, ROWS, st.lists(ROWS, max_size=3), st.lists(st.lists(ROWS, max_size=2), max_size=2)),
    },
    optional={"parameters": st.sampled_from([None, {}, {"a": 1}, {"binary_data_size": 4}])},
)
REQUESTS = st.fixed_dictionaries(
    {"inputs": st.lists(TENSORS, min_size=1, max_size=2)}, optional={"id": st.one_of(st.text(), st.integers())}
)


def one(data: Any, shape: list[int]) -> dict[str, Any]:
    return {"inputs": [{"name": "x", "shape": shape, "datatype": "FP32", "data": data}]}


@given(REQUESTS, st.booleans())
@example(one([[1, 2, 2]], [1, 3]), True)
@example(one([1, 2.5, 2**24 + 1], [1, 3]), True)
@example(one([[1, 2, 3, 4, 5, 6]], [2, 3]), True)
@example(one([1, 2, 3], [-1, -3]), True)
@example(one([[1, 2, 3], [1, 2]], [1, 5]), True)
@example(one(1, [1, 1]), True)
@example(one([1, [2], 3], [1, 3]), True)
def test_the_quick_ways_give_what_the_exact_one_gives(linear: Served, request_: dict[str, Any], long: bool) -> None:
    # Long requests have a reader of their own.
    body = json.dumps(request_).encode().replace(b":", b":" + b" " * LONG_BYTES * long, 1)
    quick = QuickRequests(linear.model)
    found, row = quick.read(body), quick.row(body)
    try:
        asked, feeds = Inference(linear, Settings())._read(body, body)
    except HttpError:
        assert found is None
        # It is refused when it is stacked, and then looked at alone.
        assert row is None or linear.merged_outputs([row[1], [[1.0, 2.0, 2.0]]]) is None
        return
    if found is not None:
        assert found[0].id == asked.id
        assert found[1]["x"].dtype == feeds["x"].dtype
        assert np.array_equal(found[1]["x"], feeds["x"])
    if row is not None:
        stacked = linear.merged_outputs([row[1], row[1]])
        alone = linear.engine.run(feeds)
        assert stacked is None or all(np.array_equal(stacked[name][1:], data) for name, data in alone.items())


@pytest.mark.parametrize("data", [[[1, 2, 2]], [1.5, 2, 2]])
def test_it_takes_the_usual_request(linear: Served, data: Any) -> None:
    assert QuickRequests.applies(linear.model, linear.engine.inputs)
    quick = QuickRequests(linear.model)
    body = json.dumps(one(data, [1, 3])).encode()
    assert quick.read(body) is not None
    assert quick.row(body) is not None
    for changes in ({"outputs": [{"name": "label"}]}, {"parameters": {"binary_data_output": True}}):
        assert quick.row(json.dumps({**one(data, [1, 3]), **changes}).encode()) is None
    assert quick.row(json.dumps(one([1, 2, 2] * 2, [2, 3])).encode()) is None


@pytest.mark.parametrize(
    ("changes", "taken"),
    [
        ({}, True),
        ({"id": "a,[b"}, False),
        ({"id": "a,b"}, True),
        ({"id": 5}, False),
        ({"parameters": {}}, False),
        ({"outputs": [{"name": "label"}]}, False),
        ({"inputs": [{"name": "x", "shape": [1, 3.0], "datatype": "FP32", "data": [1, 2, 3]}]}, False),
        ({"inputs": [{"name": "x", "shape": [1, 3], "datatype": "FP32", "data": [1, [2], 3]}]}, False),
        ({"inputs": [{"name": "x", "shape": [1, 3], "datatype": "FP32", "data": [1, True, 3]}]}, False),
        ({"inputs": [{"name": "x", "shape": [1, 3], "datatype": "FP32", "data": [1, 2, 3], "more": 1}]}, False),
        ({"inputs": ["x"]}, False),
        ({"inputs": {"x": 1}}, False),
    ],
)
def test_what_the_reader_of_long_requests_takes(changes: dict[str, Any], taken: bool) -> None:
    found = read_long(json.dumps({**one([[1, 2.5, 3]], [1, 3]), **changes}).encode(), 2)
    assert (found is not None) == taken
    if found is not None:
        assert found.id == changes.get("id")
        assert found.inputs[0].data.tolist() == [[1, 2.5, 3]]
    assert read_long(b'{"inputs":[],"inputs":[]}', 2) is None
    assert read_long(b"[1]", 2) is None


@given(
    st.lists(st.floats(width=32), min_size=2, max_size=6),
    st.sampled_from([np.float32, np.float64, np.int64, np.float16, np.object_, np.bool_]),
    st.sampled_from([(-1,), (-1, 1), (-1, 2), (-1, 1, 2)]),
)
def test_each_row_is_written_as_if_it_had_run_alone(values: list[float], kind: Any, shape: tuple[int, ...]) -> None:
    answers = InferAnswers("ü", "1")
    with np.errstate(all="ignore"):
        data = np.array([str(value) for value in values] if kind is np.object_ else values).astype(kind)
    data = np.concatenate([data, data]).reshape(shape)
    given_ids = [None, "a", 7, 1.5, *[None] * len(data)][: len(data)]
    found = answers.rows({"a": data, "b": data[::-1]}, given_ids)
    for place, text in enumerate(found):
        outputs = {"a": data[place : place + 1], "b": data[::-1][place : place + 1]}
        alone, tails = answers.answer(outputs, {"a": False, "b": False}, given_ids[place])
        assert (text, tails) == (alone, [])
        assert json.loads(text)["model_name"] == "ü"
