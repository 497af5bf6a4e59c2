"""Operators and their sets by the table, held against the installed onnxruntime; forests are told to the server."""

from importlib.resources import files
from typing import Any

import onnxruntime
import pytest
from onnx import helper

from migrate.formats.onnx.description import describe
from migrate.formats.onnx.limits import ONNXRUNTIME
from migrate.formats.onnx.operators import first_set, place_of
from migrate.formats.onnx.recognise import is_onnx
from migrate.formats.reading.errors import FormatError
from tests.formats.models import graph, model, value


def made(operator: str, version: int, inputs: int = 1, domain: str = "", **attributes: Any) -> bytes:
    names = [f"x{number}" for number in range(inputs)]
    node = helper.make_node(operator, names, ["y"], domain=domain, **attributes)
    sets = {"": version} if not domain else {"": 12, domain: version}
    one = model(graph([node], [value(name) for name in names], [value("y")]), opsets=sets)
    one.ir_version = 3
    data: bytes = one.SerializeToString()
    return data


def loads(data: bytes) -> bool:
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4
    try:
        onnxruntime.InferenceSession(data, options)
    except Exception:  # noqa: BLE001 - onnxruntime raises its own, unexported kinds
        return False
    return True


def reason(data: bytes) -> str:
    try:
        describe(lambda offset, length: data[offset : offset + length], len(data), {})
    except FormatError as problem:
        return problem.reason
    return "ready"


@pytest.mark.parametrize(
    ("operator", "version", "inputs", "wanted"),
    [
        ("Relu", 6, 1, "ready"),
        ("Add", 6, 2, "older-than-supported"),
        ("Add", 7, 2, "ready"),
        ("Mul", 6, 2, "older-than-supported"),
        ("PRelu", 6, 2, "older-than-supported"),
        ("PRelu", 7, 2, "ready"),
        ("ReverseV2", 9, 2, "custom-operators"),
        ("Sin", 7, 1, "ready"),
    ],
)
def test_an_operator_is_there_where_onnxruntime_loads_it(operator: str, version: int, inputs: int, wanted: str) -> None:
    data = made(operator, version, inputs)
    assert reason(data) == wanted
    assert loads(data) is (wanted == "ready")


def test_a_dropout_of_an_older_set_is_taken_out_before_its_kernel_is_looked_for() -> None:
    nodes = [
        helper.make_node("Relu", ["x"], ["a"]),
        helper.make_node("Dropout", ["a"], ["b"]),
        helper.make_node("Relu", ["b"], ["y"]),
    ]
    one = model(graph(nodes, [value("x")], [value("y")]), opsets={"": 6})
    one.ir_version = 3
    data = one.SerializeToString()
    assert reason(data) == "ready"
    assert loads(data)


def test_the_table_is_of_the_onnxruntime_that_serves() -> None:
    first = files("migrate.formats.onnx").joinpath("operators.txt").read_text(encoding="utf-8").partition("\n")[0]
    assert f"onnxruntime {ONNXRUNTIME} " in first, "write it again: python scripts/make_onnx_operators.py"


def test_training_operators_and_sets_that_dropped_an_operator() -> None:
    assert place_of("ai.onnx.preview.training", "Momentum", 1) == "unknown"
    assert [place_of("", "Upsample", version) for version in (6, 7, 9, 10)] == ["older", "there", "there", "unknown"]
    assert first_set("", "Add") == 7


def test_a_forest_runs_on_one_thread_whatever_the_batch() -> None:
    forest = made("TreeEnsembleRegressor", 1, domain="ai.onnx.ml")
    found = describe(lambda offset, length: forest[offset : offset + length], len(forest), {})
    assert found.engine.one_thread
    plain = made("Relu", 6)
    assert not describe(lambda o, n: plain[o : o + n], len(plain), {}).engine.one_thread


@pytest.mark.parametrize(("text", "known"), [("one\ntwo\tthree\r\n" * 50, True), ("a\x00b", False)])
def test_a_producer_of_many_lines_is_one(text: str, known: bool) -> None:
    one = model(graph([helper.make_node("Neg", ["x"], ["y"])], [value("x")], [value("y")]), opsets={"": 12})
    one.producer_version = text
    data = one.SerializeToString()
    assert is_onnx(len(data), lambda offset, length: data[offset : offset + length]) is known
