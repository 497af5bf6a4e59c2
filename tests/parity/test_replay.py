import copy
from typing import Any

import pytest

from migrate.core.model_json import Field, ModelJson
from migrate.core.values import Recording, Sample
from migrate.parity.http import Answer
from migrate.parity.replay import compare_describe, replay

SETTINGS = ModelJson(engine="onnx", inputs=(), outputs=(Field("label", "long", (-1,)), Field("p", "float", (-1, 2))))
ENGINE = {"label": [1], "p": [[0.25, 0.75]]}
BODY = {"label": 1, "p": [0.25, 0.75]}


def recording(level: Any, *answers: Any, **more: Any) -> Recording:
    samples = tuple(Sample(name=f"s{at}", request={}, answer=one) for at, one in enumerate(answers))
    return Recording(level=level, origin="somewhere", samples=samples, **more)


def answering(*bodies: Any, status: int = 200) -> Any:
    remaining = list(bodies)
    return lambda _: Answer(status=status, body=remaining.pop(0), text="text")


def test_equal_answers_pass() -> None:
    told: list[tuple[int, int | None]] = []
    found = replay(
        recording("engine", ENGINE, ENGINE),
        SETTINGS,
        answering(BODY, BODY),
        progress=lambda *step: told.append(step),
    )
    assert (found.level, found.origin, found.passed, found.calls) == ("engine", "somewhere", True, 2)
    assert (found.worst_difference, found.mismatches) == (0.0, ())
    assert found.tolerances["float"].relative == 1e-5
    assert told == [(1, 2), (2, 2)]


def test_bodies_of_endpoints_are_compared_with_their_shapes() -> None:
    assert replay(recording("live", BODY), SETTINGS, answering(BODY)).passed
    assert not replay(recording("live", ENGINE), SETTINGS, answering(BODY)).passed
    assert not replay(recording("recorded", ENGINE), SETTINGS, answering(BODY)).passed


@pytest.mark.parametrize(
    ("drifted", "tensor", "index"),
    [
        ({"label": 1, "p": [0.2525, 0.7575]}, "p", (1,)),
        ({"label": 0, "p": [0.25, 0.75]}, "label", ()),
        ({"label": 1, "p": ["NaN", 0.75]}, "p", (0,)),
    ],
)
def test_drift_never_passes(drifted: dict[str, Any], tensor: str, index: tuple[int, ...]) -> None:
    for level, reference in (("engine", ENGINE), ("live", BODY), ("recorded", BODY)):
        found = replay(recording(level, reference, reference), SETTINGS, answering(BODY, drifted))
        assert not found.passed
        assert [(one.sample, one.tensor, one.index) for one in found.mismatches] == [("s1", tensor, index)]


def test_the_worst_difference_is_told_even_within_tolerance() -> None:
    found = replay(recording("live", BODY), SETTINGS, answering({"label": 1, "p": [0.2500005, 0.75]}))
    assert found.passed
    assert found.worst_difference == pytest.approx(5e-7, rel=0.1)


def test_without_samples_nothing_is_proven() -> None:
    assert not replay(recording("live"), SETTINGS, answering()).passed


def test_self_says_only_that_answers_are_well_formed() -> None:
    found = replay(recording("self", None), SETTINGS, answering({"label": 7, "p": ["NaN", 1]}))
    assert (found.level, found.passed, found.worst_difference) == ("self", True, None)


@pytest.mark.parametrize(
    "body", [None, {"label": 1}, {"label": 1.5, "p": [1]}, {"label": 1, "p": [[1], []]}, {"label": True, "p": [1]}]
)
def test_self_finds_what_is_not_well_formed(body: Any) -> None:
    assert not replay(recording("self", None), SETTINGS, answering(body)).passed


def test_self_finds_errors() -> None:
    found = replay(recording("self", None), SETTINGS, answering(BODY, status=400))
    assert not found.passed
    assert "400" in found.mismatches[0].new


def test_descriptions_are_compared_where_the_old_one_is_known() -> None:
    old = {"inputs": [{"name": "x", "shape": [-1, 4]}], "outputs": [], "rolling_windows_size": 1}
    live = recording("live", BODY, describe=old)
    assert replay(live, SETTINGS, answering(BODY), describe=copy.deepcopy(old)).passed
    new = copy.deepcopy(old)
    new["inputs"][0]["shape"][1] = 5  # type: ignore[index]
    found = replay(live, SETTINGS, answering(BODY), describe=new)
    assert not found.passed
    assert (found.mismatches[0].sample, found.mismatches[0].tensor) == ("describe", "inputs[0].shape[1]")
    assert replay(live, SETTINGS, answering(BODY)).passed


@pytest.mark.parametrize(
    ("new", "where"),
    [
        ({"a": 1}, "b"),
        ({"a": 1, "b": [1, 2], "c": 3}, "c"),
        ({"a": 1.0, "b": [1, 2]}, "a"),
        ({"a": 1, "b": [1]}, "b"),
        ({"a": True, "b": [1, 2]}, "a"),
        ({"a": 1, "b": [2, 1]}, "b[0]"),
    ],
)
def test_the_first_difference_of_descriptions(new: dict[str, Any], where: str) -> None:
    assert [one.tensor for one in compare_describe({"a": 1, "b": [1, 2]}, new)] == [where]
    assert compare_describe(new, new) == ()


def test_a_flood_of_differences_is_cut() -> None:
    found = replay(recording("live", *[BODY] * 200), SETTINGS, answering(*[{"label": 1}] * 200))
    assert len(found.mismatches) == 100
    assert found.calls == 200


def test_classes_that_only_the_new_server_tells_are_no_difference() -> None:
    old = {"outputs": [{"name": "y"}]}
    assert compare_describe(old, {"outputs": [{"name": "y", "labels": ["a", "b"]}]}) == ()
    assert compare_describe({"outputs": [{"name": "y", "labels": ["a"]}]}, old) != ()
