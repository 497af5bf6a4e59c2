import copy
import json
import math
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from migrate.core.model_json import FlowSettings, ModelJson
from migrate.core.values import Recording, Sample, Tolerance
from migrate.parity.comparison import compare_answers, compare_values, output_types, recorded_json
from migrate.parity.http import Answer
from migrate.parity.recording import record_self


def made(content: dict[str, Any]) -> ModelJson:
    return msgspec.convert({"engine": "onnx", "inputs": [], "outputs": []} | content, ModelJson)


SETTINGS = made(
    {
        "outputs": [
            {"name": "label", "type": "long", "shape": [-1]},
            {"name": "p", "type": "float", "shape": [-1, 3]},
            {"name": "d", "type": "double", "shape": [-1]},
            {"name": "s", "type": "string", "shape": [-1]},
            {"name": "b", "type": "boolean", "shape": [-1]},
            {
                "name": "columns",
                "type": "float",
                "shape": [-1, 2],
                "fields": [
                    {"name": "first", "type": "float", "index": 0, "key": None},
                    {"name": "second", "type": "long", "index": 1, "key": None},
                ],
            },
        ]
    }
)
BODY: dict[str, Any] = {
    "label": [2, 0],
    "p": [[0.25, 0.5, 0.25], [0.1, 0.2, 0.7]],
    "d": [1.5, 2.5],
    "s": ["a", "NaN"],
    "b": [True, False],
    "first": [0.5, "NaN"],
    "second": [1, 2],
}


def sample(answer: Any, **changes: Any) -> Sample:
    return Sample(name="one", request={}, answer=answer, **changes)


def answer(body: Any, status: int = 200) -> Answer:
    return Answer(status=status, body=body, text=json.dumps(body))


def changed(name: str, *index: int, to: Any) -> dict[str, Any]:
    body = copy.deepcopy(BODY)
    if not index:
        body[name] = to
        return body
    at = body[name]
    for step in index[:-1]:
        at = at[step]
    at[index[-1]] = to
    return body


def test_the_same_answer_is_the_same() -> None:
    assert compare_answers(sample(BODY), answer(copy.deepcopy(BODY)), SETTINGS) == (0.0, ())


@pytest.mark.parametrize(
    ("name", "index", "to", "difference"),
    [
        ("p", (1, 2), 0.707, 0.007),  # the drift of 1 %
        ("p", (0, 0), "NaN", None),
        ("p", (0, 0), "Infinity", None),
        ("p", (0, 0), None, None),
        ("p", (0, 0), "0.25", None),
        ("p", (0, 0), True, None),
        ("label", (0,), 0, 2.0),  # swapped labels
        ("label", (0,), 2.0, 0.0),
        ("label", (0,), "2", None),
        ("d", (1,), 2.5 + 1e-8, 1e-8),
        ("s", (0,), "b", None),
        ("s", (1,), "nan", None),
        ("b", (0,), False, None),
        ("b", (0,), 1, None),
        ("first", (1,), 0.5, None),
        ("second", (1,), 3, 1.0),
    ],
)
def test_each_difference_is_found_named_and_measured(
    name: str, index: tuple[int, ...], to: Any, difference: float | None
) -> None:
    _, (found,) = compare_answers(sample(BODY), answer(changed(name, *index, to=to)), SETTINGS)
    assert (found.sample, found.tensor, found.index) == ("one", name, index)
    if difference is None:
        assert found.difference is None
    else:
        assert found.difference == pytest.approx(difference, rel=1e-5)
    assert "was" in found.text


@pytest.mark.parametrize(
    ("name", "index", "to"),
    [("p", (1, 2), 0.7000049), ("p", (0, 0), 0.2500009), ("d", (1,), 2.5 + 2e-9), ("p", (0, 0), 0.25)],
)
def test_differences_within_tolerance_pass_and_are_told(name: str, index: tuple[int, ...], to: float) -> None:
    worst, found = compare_answers(sample(BODY), answer(changed(name, *index, to=to)), SETTINGS)
    assert found == ()
    assert worst is not None
    assert worst < 1e-5


def test_the_worst_of_many_values_is_named_with_their_number() -> None:
    body = changed("p", to=[[0.26, 0.5, 0.24], [0.1, 0.3, 0.6]])
    worst, (found,) = compare_answers(sample(BODY), answer(body), SETTINGS)
    assert found.index in ((1, 1), (1, 2))
    assert worst == found.difference == pytest.approx(0.1, rel=1e-6)
    assert "4 of 6 values differ" in found.text


def test_a_nan_is_worse_than_any_number() -> None:
    body = changed("p", to=[[0.26, 900.0, "NaN"], [0.1, 0.3, 0.6]])
    worst, (found,) = compare_answers(sample(BODY), answer(body), SETTINGS)
    assert found.index == (0, 2)
    assert (found.old, found.new) == ("0.25", "'NaN'")
    assert worst == pytest.approx(899.5)


def test_missing_and_unexpected_tensors() -> None:
    body = {name: content for name, content in BODY.items() if name != "p"} | {"q": 1}
    _, found = compare_answers(sample(BODY), answer(body), SETTINGS)
    assert [(one.tensor, one.text) for one in found] == [("p", "is missing"), ("q", "was not there before")]


def test_shapes_count_between_two_endpoints() -> None:
    _, (found,) = compare_answers(sample({"label": [2]}), answer({"label": 2}), SETTINGS)
    assert found.text == "has the shape [], not [1]"
    _, (found,) = compare_answers(sample({"p": [1.0, 2.0]}), answer({"p": [[1.0], [2.0]]}), SETTINGS)
    assert found.text == "has the shape [2, 1], not [2]"


@pytest.mark.parametrize(
    ("engine", "http"), [([[2]], 2), ([[[1], [2]]], [1, 2]), ([[1, 2]], [1, 2]), (2, [2]), ([], [])]
)
def test_sizes_of_one_are_dropped_beside_the_engines_tensors(engine: Any, http: Any) -> None:
    one = sample({"label": engine})
    assert compare_answers(one, answer({"label": http}), SETTINGS, engine_tensors=True)[1] == ()
    _, (found,) = compare_answers(one, answer({"label": [1, 2, 3]}), SETTINGS, engine_tensors=True)
    assert "shape" in found.text


@pytest.mark.parametrize("value", [[[1], [1, 2]], [1, [2]], [[1], 2], {"a": 1}, [{"a": 1}], eval("[" * 70 + "]" * 70)])  # noqa: S307
def test_what_is_no_tensor(value: Any) -> None:
    _, (found,) = compare_answers(sample({"label": [1]}), answer({"label": value}), SETTINGS)
    assert found.text == "is no tensor in the new answer"
    _, (found,) = compare_answers(sample({"label": value}), answer({"label": [1]}), SETTINGS)
    assert found.text == "is no tensor in the old answer"


def test_another_status_and_no_json() -> None:
    _, (found,) = compare_answers(sample(BODY), answer({"status": 500, "message": "Internal error"}, 500), SETTINGS)
    assert (found.old, found.new) == ("200", "500 Internal error")
    _, (found,) = compare_answers(sample(BODY), Answer(status=200, body=None, text="<html>\x1b[2J"), SETTINGS)
    assert found.new == r"<html>\x1b[2J"


def test_errors_of_customers_are_compared_by_status_and_message() -> None:
    old = {"status": 400, "message": "Unable to resolve shape [5] into [-1, 4]"}
    asked = sample(old, status=400, generated=False)
    assert compare_answers(asked, answer(old | {"detail": "more"}, 400), SETTINGS) == (None, ())
    _, (found,) = compare_answers(asked, answer({"status": 400, "message": "Bad"}, 400), SETTINGS)
    assert found.new == "Bad"
    _, (found,) = compare_answers(asked, answer(BODY), SETTINGS)
    assert found.old == "400"


def test_tensors_that_the_model_does_not_declare_are_compared_by_their_values() -> None:
    old = {"x": [1, 2.0, "a", True, None]}
    assert compare_answers(sample(old), answer(copy.deepcopy(old)), made({})) == (0.0, ())
    for at, value in enumerate([2, 2.1, "b", False, 0]):
        body = copy.deepcopy(old)
        body["x"][at] = value
        assert compare_answers(sample(old), answer(body), made({}))[1] != ()


_NUMBERS = st.floats(allow_nan=True, allow_infinity=True) | st.integers(-(10**400), 10**400)


@given(_NUMBERS, _NUMBERS, st.sampled_from(["float", "double", "integer", "long", "string", "boolean", None]))
def test_any_two_numbers_compare(old: float, new: float, word: str | None) -> None:
    difference, equal = compare_values(old, new, word)
    assert difference is None or difference >= 0 or math.isnan(difference)
    assert compare_values(old, old, word)[1] or (isinstance(old, float) and math.isnan(old))
    if equal and word in ("integer", "long", "string", "boolean"):
        assert old == new


@given(st.floats(width=32, allow_nan=False, allow_infinity=False))
def test_texts_of_either_precision_are_the_same_float32(value: float) -> None:
    assert compare_values(value, float(f"{value:.9g}"), "float") == (0.0, True)


@given(st.floats(0.01, 1e6), st.sampled_from(["float", "double"]))
def test_one_percent_is_never_within_tolerance(value: float, word: str) -> None:
    assert not compare_values(value, value * 1.01, word)[1]


def test_looser_tolerances_only_when_given() -> None:
    loose = {"float": Tolerance(relative=0.1, absolute=0.0), "double": Tolerance(relative=0.0, absolute=0.0)}
    assert not compare_values(1.0, 1.01, "float")[1]
    assert compare_values(1.0, 1.01, "float", loose)[1]


@pytest.mark.parametrize(
    ("old", "new", "equal"),
    [
        ("NaN", "NaN", True),
        ("Infinity", "Infinity", True),
        ("Infinity", "-Infinity", False),
        ("NaN", "Infinity", False),
        (1e39, "Infinity", True),  # beyond float32
        (0.0, -0.0, True),
        (None, None, True),
    ],
)
def test_special_floats(old: Any, new: Any, equal: bool) -> None:
    assert compare_values(old, new, "float")[1] is equal


def test_only_generated_answers_travel_in_an_image() -> None:
    samples = (
        Sample(name="g", request={"x": 1}, answer={"y": [1]}),
        Sample(name="refused", request={"x": 1}, answer={"status": 400, "message": "m"}, status=400),
        Sample(name="c", request={"x": "private"}, answer={"y": [2]}, generated=False),
    )
    settings = made({"outputs": [{"name": "y", "type": "long", "shape": [-1]}]})
    found = recorded_json(Recording(level="live", origin="o", samples=samples), settings)
    assert found is not None
    assert json.loads(found) == {
        "tolerances": {
            "float": {"relative": 1e-5, "absolute": 1e-6},
            "double": {"relative": 1e-9, "absolute": 1e-12},
        },
        "samples": [{"name": "g", "request": {"x": 1}, "answer": {"y": [1]}}],
    }
    assert recorded_json(Recording(level="recorded", origin="o", samples=samples[1:]), settings) is None
    assert recorded_json(record_self(samples), settings) is None


FLOW = made(
    {
        "engine": "flow",
        "manifest": True,
        "outputs": [{"name": "high", "type": "double"}, {"name": "count", "type": "long"}],
        "flow": {
            "steps": [
                {"engine": "tensorflow", "inputs": [], "outputs": [{"name": "y", "type": "float", "shape": [-1]}]},
                {
                    "engine": "pi",
                    "inputs": [{"name": "y", "type": "double"}],
                    "outputs": [{"name": "high", "type": "double"}],
                },
            ]
        },
    }
)


def test_doubles_that_come_out_of_single_precision_are_floats() -> None:
    sample = Sample(name="s", request={}, answer={"high": [100.0], "count": [1]})
    for high, count, equal in ((100.00001, 1, True), (100.1, 1, False), (100.0, 2, False)):
        answer = Answer(status=200, body={"high": [high], "count": [count]}, text="")
        assert (compare_answers(sample, answer, FLOW)[1] == ()) is equal
    assert FLOW.flow is not None
    doubles = replace(FLOW, flow=FlowSettings(FLOW.flow.steps[1:]))
    assert output_types(doubles) == {"high": "double", "count": "long"}
    answer = Answer(status=200, body={"high": [100.00001], "count": [1]}, text="")
    assert compare_answers(sample, answer, doubles)[1]
    recording = Recording(level="engine", origin="o", samples=(sample,))
    found = [json.loads(recorded_json(recording, one) or b"")["tolerances"] for one in (FLOW, doubles)]
    assert [one["double"]["relative"] for one in found] == [1e-5, 1e-9]


@pytest.mark.parametrize(
    ("old", "new", "equal"),
    [
        ('[{"word": "late", "score": 0.5}]', '[{"word": "late", "score": 0.500001}]', True),
        ('[{"word": "late", "score": 0.5}]', '[{"word": "late", "score": 0.51}]', False),
        ('[{"word": "late", "score": 0.5}]', '[{"word": "Late", "score": 0.5}]', False),
        ('[{"word": "late", "start": 1}]', '[{"word": "late", "start": 2}]', False),
        ('[{"word": "late"}]', '[{"word": "late"}, {"word": "late"}]', False),
        ('{"a": 1.0}', '{"b": 1.0}', False),
        ('{"a": 1.0}', '["a", 1.0]', False),
        ("[0.5", "[0.500001", False),
        ("0.5", "0.500001", False),
        ("[]", "[ ]", True),
    ],
)
def test_texts_of_json_may_differ_in_their_numbers(old: str, new: str, equal: bool) -> None:
    difference, found = compare_values(old, new, "string")
    assert found is equal
    if equal and "0.5" in old:
        assert difference == pytest.approx(1e-6, rel=0.1)


@pytest.mark.parametrize("word", ["float", "double", "long", "string", "boolean"])
def test_a_null_is_a_null_and_nothing_else(word: str) -> None:
    assert compare_values(None, None, word) == (None, True)
    for value in (0, 0.0, "", False, "NaN"):
        assert not compare_values(None, value, word)[1]
        assert not compare_values(value, None, word)[1]
