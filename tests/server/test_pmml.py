"""PMML by both engines: the same table in and out, whichever is served."""

import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.parity.oracle import reference
from tests.server import format_models as samples
from tests.server.format_models import field, ok, python_of, said_by_loading, serving
from tests.server.pmml_models import (
    MEASUREMENTS,
    SAMPLES,
    TARGETS_SETTINGS,
    TRICKY,
    TRICKY_SETTINGS,
    VERSION_SETTINGS,
    VERSIONS,
    WITHOUT_RESULTS,
    WORDED,
    WORDED_SETTINGS,
    doubling,
    with_engine,
    write_models,
    write_text,
)
from tests.server.process import Server

# The first time, the packages of a runtime are fetched and installed.
pytestmark = [pytest.mark.timeout(900), pytest.mark.runtimes]

ENGINES = ("pmml", "jpmml")
NAMED = TRICKY.replace("<Header/>", "<Header description='&e;'/>")


@pytest.fixture(scope="module", params=ENGINES)
def server(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    scratch = tmp_path_factory.mktemp(request.param)
    write_models(scratch / "models", request.param)
    with serving(scratch / "models", request.param, scratch) as running:
        yield running
    # A process with Java in it ends when it is asked to.
    assert running.process.returncode == 0


@pytest.mark.parametrize("model_id", SAMPLES)
def test_a_sample_answers_as_its_training_code(server: Server, model_id: str) -> None:
    asked = samples.samples_of(model_id)
    assert len(asked) == 2
    for body, expected in asked:
        found = ok(server.eval(body, f"/{model_id}/eval"))
        assert samples.close(expected, found, 1e-12), found


@pytest.mark.parametrize("model_id", ["bare", *(f"v{version}" for version in VERSIONS)])
def test_every_version_is_served_and_one_without_a_namespace(server: Server, model_id: str) -> None:
    described = server.call("GET", f"/{model_id}/describe").json()
    assert [one["name"] for one in described["inputs"] + described["outputs"]] == ["x", "c", "y"]
    assert ok(server.eval({"x": [1.5, None], "c": ["b", "a"]}, f"/{model_id}/eval")) == {"y": [14.0, 5.0]}


def test_missing_and_invalid_values_are_what_the_pmml_says(server: Server) -> None:
    path = "/tricky/eval"
    assert ok(server.eval({"x": 1, "n": 2, "c": "b"}, path)) == {"y": 14.0}
    # Replaced, as the mining schema says, whether it is null or not there at all.
    assert ok(server.eval({"x": [None, 1.5], "n": [2, 2], "c": ["b", "a"]}, path)) == {"y": [17.0, 5.0]}
    assert ok(server.eval({"n": 2, "c": "b"}, path)) == {"y": 17.0}
    # Neither replaced nor defaulted: no result.
    assert ok(server.eval({"x": 1, "c": "b"}, path)) == {"y": None}
    assert ok(server.eval({"x": [1, 1], "n": [None, 2], "c": ["a", "a"]}, path)) == {"y": [None, 4.0]}
    # A category that the PMML does not have has no result, where the schema says so.
    assert ok(server.eval({"x": [1, 1], "n": [2, 2], "c": ["zz", "a"]}, path)) == {"y": [None, 4.0]}


def test_a_decimal_of_a_float_field_is_the_decimal_or_its_single_precision(
    server: Server, request: pytest.FixtureRequest
) -> None:
    # 0.1 in single precision is 0.10000000149...: PMML4S takes the decimal, JPMML the type by its letter.
    expected = {"pmml": 1.2, "jpmml": 1.0 + 2 * float(np.float32(0.1))}[request.node.callspec.params["server"]]
    assert ok(server.eval({"x": 0.1, "n": 0, "c": "a"}, "/tricky/eval")) == {"y": expected}


def test_a_tree_without_a_path_for_a_missing_value_has_no_prediction(server: Server) -> None:
    body = {**{name: [5.0, 5.0] for name in MEASUREMENTS}, "petal_width": [None, 0.2], "petal_length": [None, 1.4]}
    assert ok(server.eval(body, "/species-tree/eval")) == {"species": [None, "setosa"]}


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ({}, "Unable to find a tensor with name x"),
        ({"x": [1, 2], "n": [1]}, "All tensors should have the same size"),
        ({"n": "q"}, "Incompatibilies in types for tensor : required (string) but found (long)"),
    ],
)
def test_what_is_no_table_is_refused(server: Server, body: dict[str, Any], message: str) -> None:
    answer = server.eval(body, "/tricky/eval")
    assert (answer.status, answer.json()["message"]) == (400, message)


def test_the_table_can_be_seen_before_it_is_scored(server: Server) -> None:
    answer = server.eval({"x": [1, None], "n": [2, 3]}, "/tricky/eval", Step="input:0")
    assert answer.body == b'{"x":[1.0,null],"n":[2,3]}'


def test_a_model_without_a_target_has_one_unnamed_result(server: Server) -> None:
    assert ok(server.eval({"x": [0.5, 9.0]}, "/unnamed/eval")) == {"predictedValue": ["low", "high"]}


def test_the_outputs_of_the_last_model_of_a_chain_are_those_of_the_chain(server: Server) -> None:
    found = ok(server.eval({"x": [0.5, 3.0]}, "/chain/eval"))
    assert found["y"][1] == "yes"
    assert found["p(yes)"] == pytest.approx([0.5, 1 / (1 + np.exp(-5))])
    assert found["p(no)"] == pytest.approx([0.5, 1 - 1 / (1 + np.exp(-5))])


def test_each_of_several_targets_has_its_own_result(server: Server) -> None:
    assert ok(server.eval({"x": [1.1, 1.9]}, "/targets/eval")) == {"y": [10.0, 20.0], "z": [-1.5, -2.5]}


def test_pmml4s_has_no_result_for_one_of_several_targets_that_the_file_has_none_for(tmp_path: Path) -> None:
    write_text(tmp_path / "models/m", with_engine(TARGETS_SETTINGS, "pmml"), WITHOUT_RESULTS)
    (said,) = said_by_loading("pmml", tmp_path)
    assert "no result for the output y, which is one of several targets" in said
    with reference(tmp_path / "models/m/files", tmp_path / "oracle", python=python_of("pmml")) as ask:
        loaded = ask({"model": with_engine(TARGETS_SETTINGS, "pmml")})
    assert "no result for each of the targets y, z" in loaded["error"]


REFUSED: list[tuple[dict[str, Any], str, str]] = [
    ({}, f"<!DOCTYPE PMML>{NAMED}", "declares a document type"),
    ({}, f"<!DOCTYPE PMML [<!ENTITY e 'text'>]>{NAMED}", "declares a document type"),
    ({"inputs": [field("z", "double", -1)]}, TRICKY, "no active fields ['z'], it has ['x', 'n', 'c']"),
    ({"outputs": [field("z", "double", -1)]}, TRICKY, "z"),
    ({}, TRICKY[:-20], "cannot be read"),
]


@pytest.mark.parametrize("engine", ENGINES)
def test_a_file_that_is_not_as_described_or_not_safe_is_refused(tmp_path: Path, engine: str) -> None:
    for number, (changes, text, _) in enumerate(REFUSED):
        write_text(tmp_path / "models" / f"{number:02}", {**with_engine(TRICKY_SETTINGS, engine), **changes}, text)
    said = said_by_loading(engine, tmp_path)
    assert len(said) == len(REFUSED)
    for line, (_, _, wanted) in zip(said, REFUSED, strict=True):
        assert wanted in line


def test_an_image_of_the_other_engine_says_that_it_has_none(tmp_path: Path) -> None:
    write_text(tmp_path / "models/m", with_engine(VERSION_SETTINGS, "jpmml"), "<PMML/>")
    assert said_by_loading("pmml", tmp_path) == [
        "this image has no engine named 'jpmml': No module named 'jpmml_evaluator'"
    ]


DECIMAL_POINT = "import locale; locale.setlocale(locale.LC_ALL, ''); print(locale.localeconv()['decimal_point'])"


@pytest.fixture
def german(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A locale with a decimal comma, made here; other machines need not have it."""
    if shutil.which("localedef") is None:
        pytest.skip("no locale can be made here")
    locales = tmp_path / "locales"
    locales.mkdir()
    made = ["localedef", "-i", "de_DE", "-f", "UTF-8", str(locales / "de_DE.UTF-8")]
    subprocess.run(made, check=False, capture_output=True)
    monkeypatch.setenv("LOCPATH", str(locales))
    monkeypatch.setenv("LC_ALL", "de_DE.UTF-8")
    monkeypatch.setenv("TZ", "Pacific/Chatham")
    found = subprocess.run([sys.executable, "-c", DECIMAL_POINT], check=False, capture_output=True)
    if found.stdout != b",\n":
        pytest.skip("no locale can be made here")


@pytest.mark.slow  # a locale is compiled and two machines of Java start
def test_numbers_are_written_as_in_an_image_whatever_the_locale(german: None, tmp_path: Path) -> None:
    write_text(tmp_path / "models/worded", with_engine(WORDED_SETTINGS, "jpmml"), WORDED)
    with serving(tmp_path / "models", "jpmml", tmp_path) as server:
        assert ok(server.eval({"x": [1234.5]})) == {"text": "1234.50"}
    settings = with_engine(WORDED_SETTINGS, "jpmml")
    files = tmp_path / "models/worded/files"
    with reference(files, tmp_path / "oracle", python=python_of("jpmml")) as ask:
        assert "error" not in ask({"model": settings})
        assert ask({"request": {"x": [1234.5]}})["outputs"] == {"text": ["1234.50"]}


@pytest.mark.parametrize("engine", [ENGINES[0], pytest.param(ENGINES[1], marks=pytest.mark.slow)])
def test_a_row_that_takes_too_long_keeps_nobody_waiting(tmp_path: Path, engine: str) -> None:
    plain = {"engine": engine, "entry": "model.pmml"}
    settings = {**plain, "inputs": [field("x", "double", -1)], "outputs": [field("y", "double", -1)]}
    write_text(tmp_path / "models/long", settings, doubling(25))
    write_text(tmp_path / "models/short", settings, doubling(1))
    said = "the engine did not end one row within 3 seconds"
    with serving(tmp_path / "models", engine, tmp_path, row_seconds="3") as server:
        ready = server.call("GET", "/health/ready").json()
        refused = server.eval({"x": 1}, "/long/eval")
        if engine == "pmml":
            # It computes both branches, so that its warm-up does not end.
            assert ready == {"status": "ready", "not_served": {"long": said}}
            assert (refused.status, refused.json()["message"]) == (503, f"The model long is not served: {said}")
        else:
            assert ready == {"status": "ready"}
            assert (refused.status, refused.json()["detail"]) == (500, said)
            assert ok(server.eval({"x": -1}, "/long/eval")) == {"y": 0.0}
        assert ok(server.eval({"x": 1}, "/short/eval")) == {"y": 4.0}
    assert server.process.returncode == 0
