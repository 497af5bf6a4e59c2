from collections.abc import Callable, Mapping
from typing import Any

import pytest

from migrate.core.errors import ConfigurationError, NeedsYouError, RemoteError, UsageError
from migrate.core.model_json import FastaiSettings, Field, ModelJson, content_of
from migrate.core.values import Sample
from migrate.parity.http import Answer
from migrate.parity.recording import at_least, record_customer, record_live, record_reference, record_self

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


SETTINGS = ModelJson(
    engine="fastai", inputs=(Field("x", "float", (-1,)),), outputs=(), fastai=FastaiSettings({"y": ("a",)})
)


class Program:
    """A reference program that says what it was told to, and remembers what it was asked."""

    def __init__(self, *lines: dict[str, Any]) -> None:
        self.lines = list(lines)
        self.asked: list[Any] = []

    def __call__(self, line: Mapping[str, object]) -> dict[str, Any]:
        self.asked.append(line)
        return self.lines.pop(0) if len(self.lines) > 1 else self.lines[0]


def test_what_the_engine_answers_is_kept_and_what_it_refuses_is_not() -> None:
    program = Program({"known": {}}, {"outputs": {"y": [[1]]}}, {"error": "InvalidArgument: no"})
    found = record_reference(SETTINGS, program, "onnxruntime", seed=3)
    assert (found.level, found.origin, found.seed) == ("engine", "onnxruntime", 3)
    assert [(one.answer, one.status, one.generated) for one in found.samples] == [({"y": [[1]]}, 200, True)]
    assert program.asked[0] == {"model": content_of(SETTINGS)}
    assert [set(line) for line in program.asked[1:]] == [{"request"}] * 5


def test_what_only_the_loaded_model_knows_is_asked_for() -> None:
    known = {"inputs": [{"name": "z", "type": "string", "shape": [-1]}], "words": {"z": ["garden"]}}
    program = Program({"known": known}, {"outputs": {"y": []}})
    requests = [sample.request for sample in record_reference(SETTINGS, program, "fastai").samples]
    assert all(list(request) == ["z"] for request in requests)
    assert requests[0] == {"z": ["garden"]}


@pytest.mark.parametrize(
    ("lines", "code"),
    [
        ([{"error": "ImportError: fastai.old"}], "reference-failed"),
        ([{"known": {}}, {"error": "InvalidArgument: no"}], "no-sample-accepted"),
        ([{"known": {"inputs": [{"name": 1}]}}], "reference-failed"),
        ([{"known": 3}], "reference-failed"),
        ([{}], "reference-failed"),
    ],
)
def test_a_model_that_the_engine_does_not_run(lines: list[dict[str, Any]], code: str) -> None:
    with pytest.raises(NeedsYouError, match=r"fastai\.old|InvalidArgument: no|makes no sense") as error:
        record_reference(SETTINGS, Program(*lines), "the engine")
    assert error.value.code == code


def test_customers_answers_are_taken_as_they_are() -> None:
    found = record_customer((CUSTOMERS, GENERATED), "samples")
    assert (found.level, found.samples) == ("recorded", (CUSTOMERS,))
    with pytest.raises(UsageError) as caught:
        record_customer((GENERATED,), "samples")
    assert caught.value.code == "samples-without-answers"


def test_without_reference_no_answer_is_kept() -> None:
    found = record_self((CUSTOMERS,), seed=1)
    assert (found.level, found.samples[0].answer) == ("self", None)


def test_levels_of_proof_have_an_order() -> None:
    assert at_least("live", "recorded")
    assert at_least("recorded", "verified")
    assert at_least("verified", "cross-checked")
    assert at_least("cross-checked", "engine")
    assert at_least("engine", "engine")
    assert not at_least("engine", "cross-checked")
    assert not at_least("self", "engine")
