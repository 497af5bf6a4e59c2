import json
import math
from typing import Any

import hypothesis
import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from migrate.core.model_json import Field, FlowSettings, ModelJson
from migrate.parity.generate import generate
from migrate.parity.tensors import read_tensor

TYPES = ["string", "integer", "long", "float", "double", "boolean"]


def settings(*inputs: dict[str, Any], window: int = 1, **engine: Any) -> ModelJson:
    return made({"engine": "onnx", "inputs": inputs, "rolling_windows_size": window, "onnx": engine})


def made(content: dict[str, Any]) -> ModelJson:
    return msgspec.convert({"inputs": [], "outputs": []} | content, ModelJson)


def field(name: str = "x", word: str = "float", shape: list[int] | None = None, **more: Any) -> dict[str, Any]:
    return {"name": name, "type": word, "shape": [-1, 2] if shape is None else shape} | more


def columns(*words: str) -> list[dict[str, Any]]:
    return [{"name": f"c{at}", "type": word, "index": at, "key": None} for at, word in enumerate(words)]


def flat(value: Any) -> list[Any]:
    tensor = read_tensor(value)
    assert tensor is not None
    return tensor.values


_FIELDS = st.lists(
    st.tuples(st.sampled_from("abcd"), st.sampled_from(TYPES), st.lists(st.sampled_from([-1, 1, 2, 3]), max_size=4)),
    min_size=1,
    max_size=3,
    unique_by=lambda one: one[0],
)
_LEGAL: dict[str, Any] = {
    "string": str,
    "integer": int,
    "long": int,
    "float": float,
    "double": float,
    "boolean": bool,
}


@hypothesis.settings(deadline=None)  # the machine may be busy
@given(_FIELDS, st.integers(0, 2**63), st.integers(1, 12))
def test_requests_fit_their_signature(fields: list[tuple[str, str, list[int]]], seed: int, count: int) -> None:
    asked = settings(*(field(*one) for one in fields))
    samples = generate(asked, seed=seed, count=count)
    assert samples == generate(asked, seed=seed, count=count)
    assert len(samples) == count
    assert len({sample.name for sample in samples}) == count
    for sample in samples:
        assert (sample.generated, sample.answer) == (True, None)
        assert set(sample.request) == {name for name, _, _ in fields}
        for name, word, shape in fields:
            tensor = read_tensor(sample.request[name])
            assert tensor is not None
            assert len(tensor.shape) == len(shape)
            assert all(want in (-1, size) for want, size in zip(shape, tensor.shape, strict=True))
            assert all(type(value) is _LEGAL[word] for value in tensor.values)
        json.dumps(sample.request, allow_nan=False)


def test_other_seeds_other_values() -> None:
    asked = settings(field())
    assert generate(asked, seed=1)[0].request != generate(asked, seed=2)[0].request


def test_single_rows_and_batches() -> None:
    rows = [len(sample.request["x"]) for sample in generate(settings(field()), seed=1)]  # type: ignore[arg-type]
    assert rows[0] == 1
    assert sorted(set(rows)) == sorted(rows)
    assert max(rows) == 16


def test_free_dimensions_agree_among_inputs() -> None:
    asked = settings(field("a", "long", [-1, -1]), field("b", "long", [-1, -1]))
    for sample in generate(asked, seed=3):
        shapes = [read_tensor(value).shape for value in sample.request.values()]  # type: ignore[union-attr]
        assert shapes[0] == shapes[1]


@pytest.mark.parametrize("word", ["float", "integer"])
def test_images_are_pixels(word: str) -> None:
    layout = {"image_shape": ["BATCH_SIZE", "HEIGHT", "WIDTH", "CHANEL"], "property_chanel": ["GRAY_SCALE"]}
    asked = settings(field("x", word, [-1, -1, 8, 1], image_transformer=layout))
    for sample in generate(asked, seed=1):
        tensor = read_tensor(sample.request["x"])
        assert tensor is not None
        assert tensor.shape[1:] == (32, 8, 1)
        assert all(0 <= value <= 255 and value == int(value) for value in tensor.values)  # type: ignore[operator, call-overload]


def test_texts_come_from_what_is_known_of_them() -> None:
    for sample in generate(settings(field("x", "string"), words={"x": ["male", "female"]}), seed=1):
        assert set(flat(sample.request["x"])) <= {"male", "female"}
    for sample in generate(settings(field("x", "string", values=["S"]), words={"x": ["M"]}), seed=1):
        assert set(flat(sample.request["x"])) == {"S"}


def test_numbers_stay_in_their_domain() -> None:
    domain = [{"lowerBound": None, "upperBound": 5.0}, {"lowerBound": 100.0, "upperBound": 101.0}]
    for sample in generate(settings(field(continuous_domain=domain)), seed=1):
        assert all(100 <= value <= 101 for value in flat(sample.request["x"]))


def test_named_columns_are_asked_too() -> None:
    asked = settings(field("x", "float", [-1, 2], fields=columns("float", "float")), field("z", "string", [-1]))
    samples = generate(asked, seed=1)
    by_column = [sample for sample in samples if "c0" in sample.request]
    assert [set(sample.request) for sample in by_column] == [{"c0", "c1", "z"}]
    assert {len(value) for value in by_column[0].request.values()} == {2}  # type: ignore[arg-type]


@pytest.mark.parametrize("window", [2, 3])
def test_windows_get_the_rows_that_they_need(window: int) -> None:
    asked = settings(field("x", "float", [-1, 2 * window], fields=columns("float", "float")), window=window)
    for sample in generate(asked, seed=1):
        assert set(sample.request) == {"c0", "c1"}
        assert len(sample.request["c0"]) >= window  # type: ignore[arg-type]
    for sample in generate(settings(field("x", "float", [-1, window, 2]), window=window), seed=1):
        tensor = read_tensor(sample.request["x"])
        assert tensor is not None
        assert tensor.shape[0] >= window
        assert tensor.shape[1:] == (2,)
    for sample in generate(settings(field("x", "float", [-1, 7]), window=window), seed=1):
        assert read_tensor(sample.request["x"]).shape[1:] == (7,)  # type: ignore[union-attr]


def test_columns_that_do_not_make_up_the_tensor_are_left_alone() -> None:
    broken = [{"name": "c0", "type": "float", "index": 1, "key": None}]
    for parts in (broken, columns("float")):
        samples = generate(settings(field("x", "float", [-1, 2], fields=parts)), seed=1)
        assert all(set(sample.request) == {"x"} for sample in samples)


def test_very_large_inputs_are_asked_little() -> None:
    samples = generate(settings(field("x", "float", [-1, 1000, 700])), seed=1)
    sizes = [math.prod(read_tensor(sample.request["x"]).shape) for sample in samples]  # type: ignore[union-attr]
    assert len(sizes) == 1
    assert sizes[0] == 700_000
    samples = generate(settings(field("x", "float", [-1, 50_000])), seed=1)
    assert max(len(sample.request["x"]) for sample in samples) == 4  # type: ignore[arg-type]


def test_categories_of_numbers_are_numbers() -> None:
    for word, kind in (("long", int), ("double", float)):
        for sample in generate(settings(field("x", word, values=["10", "20"])), seed=2):
            assert {type(v) for v in flat(sample.request["x"])} == {kind}
            assert set(flat(sample.request["x"])) <= {10, 20}


def test_what_a_flow_hides_is_asked_for_and_its_steps_know_words() -> None:
    steps = (made({"engine": "onnx", "onnx": {"words": {"x": ["male"]}}}), made({"engine": "scaler", "scaler": {}}))
    own = FlowSettings(steps, hidden=(Field("age", "double"),))
    flow = replace(settings(field("x", "string")), engine="flow", onnx=None, flow=own)
    for sample in generate(flow, seed=1):
        assert list(sample.request) == ["x", "age"]
        assert set(flat(sample.request["x"])) == {"male"}


def test_a_domain_open_at_one_end_has_values_within() -> None:
    for bounds, low, high in (((100.0, None), 100, 108), ((None, -5.0), -13, -5)):
        domain = [{"lowerBound": bounds[0], "upperBound": bounds[1]}]
        for sample in generate(settings(field(continuous_domain=domain)), seed=1):
            assert all(low <= value <= high for value in flat(sample.request["x"]))


@pytest.mark.parametrize("engine", ["tokenizers", "transformers", "fastai"])
def test_models_of_texts_are_asked_with_sentences(engine: str) -> None:
    step = made({"engine": engine, "inputs": [field("x", "string", [-1])], engine: {}})
    flow = ModelJson(engine="flow", inputs=step.inputs, outputs=(), flow=FlowSettings((step,)))
    for one in (step, flow):
        texts = [text for sample in generate(one, seed=1) for text in flat(sample.request["x"]) if text is not None]
        assert any(len(str(text).split()) > 3 for text in texts)
        assert "" not in texts


@pytest.mark.parametrize(
    ("engine", "missing"),
    [("pmml", {"x", "z"}), ("scaler", {"x", "z"}), ("pi", {"x", "z"}), ("fastai", {"z"}), ("onnx", set())],
)
def test_missing_values_are_asked_of_models_that_know_them(engine: str, missing: set[str]) -> None:
    columns = [field("x", "double", [-1]), field("z", "string", [-1])]
    samples = generate(made({"engine": engine, "inputs": columns, engine: {}}), seed=1)
    found = {name for sample in samples for name, value in sample.request.items() if None in flat(value)}
    assert found == missing
    # Most samples have none: a model may refuse them.
    assert sum(any(None in flat(value) for value in sample.request.values()) for sample in samples) <= 1
