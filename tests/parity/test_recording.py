from collections.abc import Callable
from typing import Any

import pytest

from migrate.core.errors import ConfigurationError, NeedsYouError, RemoteError, UsageError
from migrate.core.values import Sample
from migrate.parity.answer import Answer
from migrate.parity.recording import record_customer, record_live, record_reference, record_self, reference_lines

GENERATED = Sample(name="g", request={"x": 1})
CUSTOMERS = Sample(name="c", request={"x": 2}, answer={"y": 9}, generated=False)


def answering(status: int, body: dict[str, Any] | None) -> Callable[[Sample], Answer]:
    return lambda _: Answer(status=status, body=body, text=str(body))


def test_live_answers_replace_what_was_known() -> None:
    document = {"inputs": []}
    found = record_live((GENERATED, CUSTOMERS), answering(200, {"y": 1}), "the old endpoint", document, seed=7)
    assert (found.level, found.origin, found.seed, found.describe) == ("live", "the old endpoint", 7, document)
    assert [(one.name, one.answer, one.status) for one in found.samples] == [("g", {"y": 1}, 200), ("c", {"y": 1}, 200)]


def test_refusals_are_kept_for_customers_and_dropped_for_generated_samples() -> None:
    body = {"status": 400, "message": "Bad"}
    found = record_live((GENERATED, CUSTOMERS), answering(400, body), "o", None)
    assert [(one.name, one.answer, one.status) for one in found.samples] == [("c", body, 400)]
    with pytest.raises(NeedsYouError) as caught:
        record_live((GENERATED,), answering(400, body), "o", None)
    assert caught.value.code == "no-sample-accepted"
    assert "--samples" in caught.value.next_step


@pytest.mark.parametrize("answer", [answering(500, {"message": "Internal error"}), answering(200, None)])
def test_failures_of_the_old_service_are_no_reference(answer: Callable[[Sample], Answer]) -> None:
    with pytest.raises(NeedsYouError):
        record_live((GENERATED, CUSTOMERS), answer, "o", None)


@pytest.mark.parametrize(
    ("status", "kind", "code"),
    [
        (401, ConfigurationError, "old-endpoint-token"),
        (403, ConfigurationError, "old-endpoint-token"),
        (404, RemoteError, "old-endpoint-gone"),
    ],
)
def test_endpoints_that_do_not_let_in(status: int, kind: type[Exception], code: str) -> None:
    with pytest.raises(kind) as caught:
        record_live((GENERATED,), answering(status, {}), "http://old", None)
    assert caught.value.code == code  # type: ignore[attr-defined]


def test_the_engines_lines_become_answers() -> None:
    lines = [{"outputs": {"y": [[1]]}}, {"error": "InvalidArgument: no"}, None]
    samples = (GENERATED, CUSTOMERS, GENERATED)
    found = record_reference(samples, lines, "onnxruntime", seed=3)
    assert (found.level, found.seed) == ("cross-checked", 3)
    assert [(one.name, one.answer) for one in found.samples] == [("g", {"y": [[1]]})]
    with pytest.raises(NeedsYouError, match="InvalidArgument: no"):
        record_reference((CUSTOMERS, GENERATED), lines[1:], "onnxruntime")
    with pytest.raises(ValueError, match="shorter"):
        record_reference(samples, lines[:1], "onnxruntime")


def test_customers_answers_are_taken_as_they_are() -> None:
    found = record_customer((CUSTOMERS, GENERATED), "samples")
    assert (found.level, found.samples) == ("recorded", (CUSTOMERS,))
    with pytest.raises(UsageError) as caught:
        record_customer((GENERATED,), "samples")
    assert caught.value.code == "samples-without-answers"


def test_without_reference_no_answer_is_kept() -> None:
    found = record_self((CUSTOMERS,), seed=1)
    assert (found.level, found.samples[0].answer) == ("self", None)


def test_lines_say_all_that_a_script_needs() -> None:
    settings = {
        "engine": "onnx",
        "entry": "m.onnx",
        "inputs": [],
        "outputs": [],
        "onnx": {"zipmap": {"y": {"labels": [0]}}, "embedded": True},
    }
    assert reference_lines(settings, (GENERATED,)) == [
        {
            "entry": "m.onnx",
            "inputs": [],
            "outputs": [],
            "manifest": False,
            "rolling_windows_size": 1,
            "zipmap": {"y": {"labels": [0]}},
            "embedded": True,
            "request": {"x": 1},
        }
    ]
