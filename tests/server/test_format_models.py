"""Scalers, date-time encoders, intervals, tokenizers, TensorFlow, Keras and flows, each served as in an image."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from tests.server import format_models as samples
from tests.server.format_models import CHAIN, SAME_NAME, WEEKS, flow_settings, serving, write, write_sample
from tests.server.process import Answer, Server

# The first time, the packages of a runtime are fetched and installed.
pytestmark = [pytest.mark.timeout(900), pytest.mark.runtimes]

# Models by the runtime that serves them; every flow of processors alone needs no more than they do.
RUNTIMES = {
    "processors": ("ages-scaler", "dates", "price-interval"),
    "tokenizers": ("support-tokens",),
    "tensorflow": ("wine-tf2", "diabetes-tf1", "load-zip", "progression-flow"),
    "keras": ("digits-h5",),
    "tokenizers+torch": ("urgency-flow",),
}
# Answers come in double precision from the training code, and the models compute in single.
RELATIVE = {"tensorflow": 2e-5, "keras": 2e-5, "tokenizers+torch": 2e-5}
FIXTURES = {"tokenizers": "tokens", "tokenizers+torch": "flows"}


@contextmanager
def _serving(runtime: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    root = tmp_path_factory.mktemp(runtime)
    for model_id in RUNTIMES[runtime]:
        write_sample(root / "models", model_id)
    if runtime == "processors":
        write(root / "models" / "chain", CHAIN)
        write(root / "models" / "same-name", SAME_NAME)
        write(root / "models" / "weeks", WEEKS)
    if runtime == "tensorflow":
        steps = flow_settings("progression-flow")["flow"]["steps"]
        named = [*steps[1]["outputs"], steps[2]["outputs"][0]]
        write(root / "models" / "named", flow_settings("progression-flow", outputs=named), sample="progression-flow")
    with serving(root / "models", runtime, root) as server:
        yield server


@pytest.fixture(scope="session")
def processors(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with _serving("processors", tmp_path_factory) as server:
        yield server


@pytest.fixture(scope="session")
def tokens(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with _serving("tokenizers", tmp_path_factory) as server:
        yield server


@pytest.fixture(scope="session")
def tensorflow(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with _serving("tensorflow", tmp_path_factory) as server:
        yield server


@pytest.fixture(scope="session")
def keras(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with _serving("keras", tmp_path_factory) as server:
        yield server


@pytest.fixture(scope="session")
def flows(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with _serving("tokenizers+torch", tmp_path_factory) as server:
        yield server


def ok(answer: Answer) -> dict[str, Any]:
    """The tensors of an answer that must be a 200."""
    assert answer.status == 200, answer.body
    found: dict[str, Any] = answer.json()
    return found


def refused(answer: Answer, status: int = 400) -> str:
    """The message of an error."""
    assert answer.status == status, answer.body
    message: str = answer.json()["message"]
    return message


@pytest.mark.parametrize(
    ("runtime", "model_id"), [(runtime, model_id) for runtime, ids in RUNTIMES.items() for model_id in ids]
)
def test_a_sample_answers_as_its_training_code(runtime: str, model_id: str, request: pytest.FixtureRequest) -> None:
    server: Server = request.getfixturevalue(FIXTURES.get(runtime, runtime))
    described = server.call("GET", f"/{model_id}/describe").json()
    settings = samples.settings_of(model_id)
    assert [one["name"] for one in described["inputs"]] == [one["name"] for one in settings["inputs"]]
    asked = samples.samples_of(model_id)
    assert len(asked) == 2
    for body, expected in asked:
        found = ok(server.eval(body, f"/{model_id}/eval"))
        assert samples.close(expected, found, RELATIVE.get(runtime, 1e-12)), found


# tables


def test_every_tensor_of_a_request_is_a_column_of_one_table(processors: Server) -> None:
    path = "/ages-scaler/eval"
    square = {"age": [[38.2, 51.8]], "income": [[2450], [2450]], "note": ["a", "b"]}
    assert ok(processors.eval(square, path)) == {"scaled_age": [0.0, (51.8 - 38.2) / 13.6], "scaled_income": [0.0, 0.0]}
    message = "Impossible to convert the given input as a 2 dimensional array."
    assert refused(processors.eval({"age": [1.0, 2.0], "income": [1.0]}, path)) == message
    assert refused(processors.eval({"age": 1.0, "income": 1.0, "note": ["a", "b"]}, path)) == message
    wanted = "Required fields (age,double),(income,double) not found or not compatible in the Table"
    for broken in ({"age": 1.0}, {"age": 1.0, "income": "x"}, {"age": 1.0, "income": True}, {}):
        assert refused(processors.eval(broken, path)) == wanted
    assert refused(processors.eval({"age": 1.0, "income": None}, path)) == wanted


def test_steps_of_a_scaler(processors: Server) -> None:
    body = {"age": [[38.2]], "income": [2450.0]}
    assert ok(processors.eval(body, "/ages-scaler/eval", Step="input:0")) == {"age": [38.2], "income": [2450.0]}
    raw = ok(processors.eval(body, "/ages-scaler/eval", Step="output:0"))
    assert raw == {"scaled_age": [0.0], "scaled_income": [0.0]}


def test_nulls_in_html_and_multipart(processors: Server) -> None:
    body = {"age": [None, 38.2], "income": [1, 2]}
    page = processors.eval(body, "/ages-scaler/eval", Accept="text/html").body.decode()
    assert "<ul><li>null</li><li>0.0</li></ul>" in page
    parts = processors.eval(body, "/ages-scaler/eval", Accept="multipart/form-data").body
    assert b"[null,0.0]" in parts


def test_columns_over_the_open_inference_protocol(processors: Server) -> None:
    metadata = processors.call("GET", "/v2/models/ages-scaler").json()
    assert [(one["name"], one["datatype"]) for one in metadata["outputs"]] == [
        ("scaled_age", "FP64"),
        ("scaled_income", "FP64"),
    ]
    tensors = [
        {"name": name, "datatype": "FP64", "shape": [2], "data": [value, value]}
        for name, value in (("age", 38.2), ("income", 2450.0))
    ]
    body = json.dumps({"inputs": tensors}).encode()
    answer = processors.call("POST", "/v2/models/ages-scaler/infer", body, {"Content-Type": "application/json"})
    assert {one["name"]: one["data"] for one in answer.json()["outputs"]} == {
        "scaled_age": [0.0, 0.0],
        "scaled_income": [0.0, 0.0],
    }


@pytest.mark.parametrize("model_id", ["ages-scaler", "dates", "price-interval", "chain", "weeks"])
def test_the_example_of_a_models_page_is_answered(processors: Server, model_id: str) -> None:
    document = processors.call("GET", f"/{model_id}/openapi.json").json()
    content = document["components"]["requestBodies"]["request"]["content"]["application/json"]
    assert set(ok(processors.eval(content["example"], f"/{model_id}/eval")))
    schemas = document["components"]["schemas"]["Inputs"]["properties"]
    assert schemas.keys() == content["example"].keys()
    if model_id == "chain":
        assert schemas["a"] == {"type": "array", "items": {"type": "number", "format": "double"}, "minItems": 2}


def test_what_counts_as_an_evaluation(processors: Server) -> None:
    def count() -> float:
        text = processors.call("GET", "/metrics").body.decode()
        return next(
            float(line.split()[1]) for line in text.splitlines() if line.startswith("evaluator_evaluation_count")
        )

    before = count()
    ok(processors.eval({"price": [1.0, 2.0, 3.0]}, "/price-interval/eval"))
    assert count() - before == 1  # a table, however many rows it has
    ok(processors.eval({"a": [1.0, 2.0, 3.0]}, "/chain/eval"))
    assert count() - before == 1 + 2 + 3  # a flow: its steps, and its rows


# dates


def test_days_are_read_and_weeks_are_written(processors: Server) -> None:
    found = ok(processors.eval({"day": [13, 18_628, -1]}, "/weeks/eval"))
    assert found["weeks"] == [1, 2661, 0]
    assert found["text"] == ["1970-01-14T00:00:00", "2021-01-01T00:00:00", "1969-12-31T00:00:00"]
    assert found["months"] == [0, 612, 0]
    assert found["years"] == [0.0, 51.0, 0.0]
    assert found["ms"] == [13 * 86_400_000, 18_628 * 86_400_000, -86_400_000]
    assert "no date" in refused(processors.eval({"day": [2_000_000_000]}, "/weeks/eval"))


def test_text_that_is_no_date_is_refused_with_the_text(processors: Server) -> None:
    answer = processors.eval({"ordered_at": ["14/07/2021 20:30", "14-07-2021"]}, "/dates/eval")
    assert "ordered_at" in refused(answer)
    assert "14-07-2021" in answer.json()["detail"]
    assert refused(processors.eval({}, "/dates/eval")) == "Unable to find a tensor with name ordered_at"
    assert "holds a null" in refused(processors.eval({"ordered_at": ["14/07/2021 20:30", None]}, "/dates/eval"))


# flows


def test_tensors_accumulate_and_later_ones_overwrite(processors: Server) -> None:
    assert ok(processors.eval({"a": [1.0, 3.0], "other": ["x", "y"]}, "/chain/eval")) == {"b": [-10.0, -9.0]}
    stopped = ok(processors.eval({"a": [1.0, 3.0]}, "/chain/eval", Step="output:0"))
    assert stopped == {"a": [1.0, 3.0], "b": [0.0, 1.0]}
    entering = ok(processors.eval({"a": [1.0, None], "other": ["x", "y"]}, "/chain/eval", Step="input:1"))
    assert entering == {"a": [1.0, None], "b": [0.0, None], "other": ["x", "y"]}
    beyond = ok(processors.eval({"a": [1.0, 3.0]}, "/chain/eval", Step="output:7"))
    assert beyond == {"b": [-10.0, -9.0]}


def test_fewer_rows_than_the_windows_of_all_steps(processors: Server) -> None:
    message = "Not enough data to evaluate. Required batch size is 2"
    assert refused(processors.eval({"a": 1.0}, "/chain/eval")) == message
    assert refused(processors.eval({}, "/chain/eval")) == message
    assert refused(processors.eval({"a": [1.0, 2.0], "b": [1.0]}, "/chain/eval")).startswith("Impossible to convert")


def test_one_name_with_two_types(processors: Server) -> None:
    described = processors.call("GET", "/same-name/describe").json()
    assert [(one["name"], one["type"]) for one in described["inputs"]] == [("a", "double"), ("a", "float")]
    assert ok(processors.eval({"a": [1.5, 2.5]}, "/same-name/eval")) == {"b": [1.5, 2.5], "c": [3.0, 5.0]}


def test_outputs_of_a_graph_named_by_a_flow(tensorflow: Server) -> None:
    body = {"bmi": [26.0, 30.0], "pressure": [90.0, 100.0]}
    found = ok(tensorflow.eval(body, "/named/eval"))
    assert set(found) == {"progression", "progression_quantile_inf"}
    entering = ok(tensorflow.eval(body, "/progression-flow/eval", Step="input:1"))
    assert set(entering) == {"bmi", "pressure", "scaled_bmi", "scaled_pressure", "scaled"}
    assert [len(row) for row in entering["scaled"]] == [2, 2]
    inside = ok(tensorflow.eval(body, "/progression-flow/eval", Step="output:1"))
    assert [len(row) for row in inside["output"]] == [1, 1]
    assert "progression" not in inside


def test_tokens_accumulate_with_what_is_made_of_them(flows: Server) -> None:
    (body, _), _ = samples.samples_of("urgency-flow")
    found = ok(flows.eval(body, "/urgency-flow/eval", Step="input:1"))
    assert set(found) == {"input1", "tokens", "ids", "typeIds", "specialTokensMask", "attentionMask"}
    assert len(found["ids"]) == 1  # reshaped for the module, which takes a batch of one
    assert flows.call("GET", "/urgency-flow/describe").json()["rolling_windows_size"] == 1


# tokenizers


def test_texts_and_words(tokens: Server) -> None:
    path = "/support-tokens/eval"
    text = ok(tokens.eval({"input1": ["the server"]}, path))
    assert ok(tokens.eval({"input1": "the server"}, path)) == text
    assert ok(tokens.eval({"input1": ["the", "server"]}, path)) == text
    assert text["tokens"] == ["Ġthe", "Ġserver"]
    pair = ok(tokens.eval({"input1": ["the server"], "input2": ["domain", "ignored"]}, path))
    assert pair["tokens"][:3] == ["Ġthe", "Ġserver", "Ġdomain"]
    assert pair["typeIds"] == [0, 0, 1]
    words = ok(tokens.eval({"input1": ["the", "server"], "input2": ["the", "domain"]}, path))
    assert words["typeIds"] == [0, 0, 1, 1]
    assert ok(tokens.eval({"input1": ["the server"], "input2": None}, path)) == text


def test_what_is_no_text(tokens: Server) -> None:
    path = "/support-tokens/eval"
    assert refused(tokens.eval({"input2": ["a"]}, path)) == "Unable to find a tensor with name input1"
    swapped = "Incompatibilies in types for tensor : required (integer) but found (string)"
    assert refused(tokens.eval({"input1": [1]}, path)) == swapped
    assert "holds a null" in refused(tokens.eval({"input1": ["a", None]}, path))
    assert "vector" in refused(tokens.eval({"input1": [["a"], ["b"]]}, path))


def test_a_step_does_not_stop_a_tokenizer_but_keeps_its_dimensions(tokens: Server) -> None:
    found = ok(tokens.eval({"input1": ["server"]}, "/support-tokens/eval", Step="input:0"))
    assert found["tokens"] == ["Ġserver"]
    assert found["attentionMask"] == [1]


# graphs


def test_a_graph_gets_the_old_rules_of_tensors(tensorflow: Server) -> None:
    (body, expected), _ = samples.samples_of("wine-tf2")
    flat = {"measurements": [value for row in body["measurements"] for value in row]}
    assert samples.close(expected, ok(tensorflow.eval(flat, "/wine-tf2/eval")), 2e-5)
    assert refused(tensorflow.eval({"measurements": [1.0] * 12}, "/wine-tf2/eval")).startswith(
        "Unable to resolve shape"
    )
    assert refused(tensorflow.eval({}, "/wine-tf2/eval")) == "Unable to find a tensor with name measurements"
    # Rows of two inputs that differ in number are the graph's own business.
    both = {"patient": [[0.1] * 10], "name": ["é", "b"]}
    assert ok(tensorflow.eval(both, "/diabetes-tf1/eval"))["name_out"] == ["é", "b"]


def test_windows_of_a_zip(tensorflow: Server) -> None:
    (body, _), _ = samples.samples_of("load-zip")
    few = {name: values[:1] for name, values in body.items()}
    answer = tensorflow.eval(few, "/load-zip/eval")
    assert refused(answer) == "Not enough data to evaluate. Required batch size is 2"
    assert tensorflow.call("GET", "/load-zip/describe").json()["rolling_windows_size"] == 2
