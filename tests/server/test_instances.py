"""TensorFlow Serving's forms on ``/eval``, and pictures and bytes as base64 in JSON."""

import base64
import json
from collections.abc import Iterator
from io import BytesIO
from typing import Any

import pytest
from onnx import TensorProto
from PIL import Image

from migrate.server.errors import PARSE_FAILURE
from tests.server import models
from tests.server.process import Answer, Server, running

ROWS = [[1, 2, 2], [0, 3, 4]]
FIXED_GRAY = {"image_shape": ["HEIGHT", "WIDTH", "CHANEL"], "property_chanel": ["GRAY_SCALE"]}


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    root = tmp_path_factory.mktemp("models")
    models.linear(root / "linear")
    models.table(root / "table")
    models.windows(root / "windows")
    models.every_type(root / "types")
    models.identity(root / "texts", TensorProto.STRING, [-1])
    models.identity(root / "column", TensorProto.FLOAT, [-1, 1])
    models.identity(root / "own", TensorProto.INT32, [-1, 2], name="instances")
    models.identity(root / "own-inputs", TensorProto.INT32, [-1, 2], name="inputs")
    models.identity(root / "signed", TensorProto.INT32, [-1, 2], name="signature_name")
    models.identity(root / "no-rows", TensorProto.FLOAT, [3])
    models.identity(root / "colours", TensorProto.INT32, [-1, 1, 2, 3], more={"image_transformer": models.RGB})
    models.identity(root / "one-gray", TensorProto.INT32, [1, 2, 1], more={"image_transformer": FIXED_GRAY})
    with running(root, tmp_path_factory.mktemp("log") / "log") as found:
        yield found


def picture(*colours: tuple[int, int, int]) -> bytes:
    buffer = BytesIO()
    image = Image.new("RGB", (len(colours), 1))
    image.putdata(colours)
    image.save(buffer, "PNG")
    return buffer.getvalue()


def b64(content: bytes) -> dict[str, str]:
    return {"b64": base64.b64encode(content).decode()}


def refused(answer: Answer) -> str:
    assert answer.status == 400, answer.body
    return str(answer.json()["message"])


@pytest.mark.parametrize("instances", [ROWS, [{"x": row} for row in ROWS]], ids=["bare", "named"])
@pytest.mark.parametrize("more", [{}, {"signature_name": "serving_default"}], ids=["", "signature"])
def test_each_instance_has_its_prediction(server: Server, instances: list[Any], more: dict[str, Any]) -> None:
    for _ in range(50):  # a quick model is answered in another way than one that was not seen to be
        found = server.eval({"instances": instances, **more}, "/linear/eval")
        assert (found.status, found.headers["content-type"]) == (200, "application/json;charset=utf-8")
        assert found.json() == {"predictions": [{"label": 1, "scores": [2.0, 3.0]}, {"label": 1, "scores": [2.0, 4.0]}]}


@pytest.mark.parametrize("inputs", [ROWS, {"x": ROWS}], ids=["bare", "named"])
@pytest.mark.parametrize("more", [{}, {"signature_name": "serving_default"}], ids=["", "signature"])
def test_inputs_by_column_have_outputs_by_column(server: Server, inputs: Any, more: dict[str, Any]) -> None:
    for _ in range(50):
        found = server.eval({"inputs": inputs, **more}, "/linear/eval")
        assert (found.status, found.headers["content-type"]) == (200, "application/json;charset=utf-8")
        assert found.json() == {"outputs": {"label": [1, 1], "scores": [[2.0, 3.0], [2.0, 4.0]]}}


def test_columns_are_answered_in_columns(server: Server) -> None:
    for value in ([[1.5]], [[1.5], [2.5]]):
        assert server.eval({"inputs": value}, "/column/eval").json() == {"outputs": value}
    columns = {"a": [1.0, 4.0], "b": [2.0, 5.0], "c": [3.0, 6.0]}
    doubled = {f"{name}2": [2 * value for value in values] for name, values in columns.items()}
    found = server.eval({"inputs": columns}, "/table/eval").json()["outputs"]
    assert {name: [row[0] if isinstance(row, list) else row for row in rows] for name, rows in found.items()} == doubled
    assert server.eval({"inputs": [1, 2, 3]}, "/no-rows/eval").json() == {"outputs": [1, 2, 3]}


def test_bytes_by_column(server: Server) -> None:
    assert server.eval({"inputs": [b64(b"a"), b64(b"b")]}, "/texts/eval").json() == {"outputs": ["a", "b"]}
    assert server.eval({"inputs": {"x": [b64(b"a")]}}, "/texts/eval").json() == {"outputs": ["a"]}
    one = picture((1, 2, 3), (4, 5, 6))
    assert server.eval({"inputs": b64(one)}, "/colours/eval").json() == {"outputs": [[[[1, 2, 3], [4, 5, 6]]]]}


def test_a_body_with_inputs_that_could_be_of_the_old_form_is(server: Server) -> None:
    assert server.eval({"inputs": [[1, 2], [3, 4]]}, "/own-inputs/eval").json() == {"y": [[1, 2], [3, 4]]}
    assert server.eval({"inputs": ROWS, "x": ROWS[0]}, "/linear/eval").json() == {"label": 1, "scores": [2.0, 3.0]}
    both = {"inputs": [[5, 6], [7, 8]], "signature_name": [[1, 2], [3, 4]]}
    assert server.eval(both, "/signed/eval").json() == {"y": [[1, 2], [3, 4]]}
    for body in ({"inputs": ROWS, "instances": ROWS}, {"inputs": None}, {"inputs": {}}, {"inputs": {"z": ROWS}}):
        assert refused(server.eval(body, "/linear/eval")) == "Unable to find a tensor with name x"
    assert refused(server.eval({"inputs": [1, 2]}, "/types/eval")) == "The model takes several inputs"
    assert refused(server.eval({"inputs": [[1, 2], [3, 4, 5]]}, "/linear/eval")) == PARSE_FAILURE


@pytest.mark.parametrize("rows", [[[1.5]], [[1.5], [2.5]]])
def test_one_output_is_bare_and_keeps_its_dimensions(server: Server, rows: list[list[float]]) -> None:
    assert server.eval({"instances": rows}, "/column/eval").json() == {"predictions": rows}


def test_columns_of_a_table(server: Server) -> None:
    rows = [{"a": 1.0, "b": 2.0, "c": 3.0}, {"a": 4.0, "b": 5.0, "c": 6.0}]
    doubled = [{f"{name}2": 2 * value for name, value in row.items()} for row in rows]
    assert server.eval({"instances": rows}, "/table/eval").json() == {"predictions": doubled}
    bare = [list(row.values()) for row in rows]
    assert server.eval({"instances": bare}, "/table/eval").json() == {"predictions": doubled}


def test_rolling_windows_have_fewer_rows(server: Server) -> None:
    rows = [{"a": 1, "b": 2}, {"a": 3, "b": 4}, {"a": 5, "b": 6}]
    found = server.eval({"instances": rows}, "/windows/eval").json()
    assert found == {"predictions": [[1, 2, 3, 4], [3, 4, 5, 6]]}


def test_a_body_that_could_be_of_the_old_form_is(server: Server) -> None:
    assert server.eval({"instances": ROWS, "x": ROWS[0]}, "/linear/eval").json() == {"label": 1, "scores": [2.0, 3.0]}
    assert server.eval({"instances": [[1, 2], [3, 4]]}, "/own/eval").json() == {"y": [[1, 2], [3, 4]]}
    both = {"instances": [[5, 6], [7, 8]], "signature_name": [[1, 2], [3, 4]]}
    assert server.eval(both, "/signed/eval").json() == {"y": [[1, 2], [3, 4]]}
    for body in ({"instances": ROWS, "other": 1}, {"instances": 1}, {"signature_name": "x"}):
        assert refused(server.eval(body, "/linear/eval")) == "Unable to find a tensor with name x"


@pytest.mark.parametrize(
    ("model", "instances", "message"),
    [
        ("linear", [], "instances is empty"),
        ("linear", [{"x": ROWS[0]}, ROWS[1]], "The instances differ in their names"),
        ("linear", [{"x": ROWS[0]}, {"y": ROWS[1]}], "The instances differ in their names"),
        ("linear", [{"z": ROWS[0]}], "Unable to find a tensor with name x"),
        ("linear", [[1, 2], [3, 4, 5]], PARSE_FAILURE),
        ("types", [1, 2], "The model takes several inputs"),
        ("no-rows", [[1, 2, 3]], "The answer does not have one row for each of the 1 instances"),
    ],
)
def test_what_is_refused(server: Server, model: str, instances: list[Any], message: str) -> None:
    assert refused(server.eval({"instances": instances}, f"/{model}/eval")) == message


def test_other_forms_of_the_answer(server: Server) -> None:
    body = {"instances": [[1.5], [2.5]]}
    found = server.eval(body, "/column/eval", Accept="text/html")
    assert found.body == b"<h1>y</h1><code>[[1.5],[2.5]]</code>"
    assert server.eval(body, "/column/eval", Step="input:0").json() == {"predictions": [[1.5], [2.5]]}
    by_column = {"inputs": [[1.5], [2.5]]}
    assert server.eval(by_column, "/column/eval", Step="input:0").json() == {"outputs": [[1.5], [2.5]]}
    assert server.eval(by_column, "/column/eval", Accept="text/html").body == found.body


def test_pictures_in_json_are_what_they_are_as_files(server: Server) -> None:
    first, second = picture((1, 2, 3), (4, 5, 6)), picture((7, 8, 9), (0, 0, 255))
    as_file = server.call("POST", "/colours/eval", first, {"Content-Type": "image/png"}).json()
    assert as_file == {"y": [[1, 2, 3], [4, 5, 6]]}
    assert server.eval({"x": b64(first)}, "/colours/eval").json() == as_file
    both = [[[[1, 2, 3], [4, 5, 6]]], [[[7, 8, 9], [0, 0, 255]]]]
    assert server.eval({"x": [b64(first), b64(second)]}, "/colours/eval", Keep_Dimensions="1").json() == {"y": both}
    for instances in ([b64(first), b64(second)], [{"x": b64(first)}, {"x": b64(second)}]):
        assert server.eval({"instances": instances}, "/colours/eval").json() == {"predictions": both}


def test_strings_as_base64(server: Server) -> None:
    assert server.eval({"x": [b64("Zoë".encode()), b64(b"")]}, "/texts/eval").json() == {"y": ["Zoë", ""]}
    assert server.eval({"instances": [b64(b"a"), b64(b"b")]}, "/texts/eval").json() == {"predictions": ["a", "b"]}


@pytest.mark.parametrize(
    ("path", "value", "message"),
    [
        ("/texts", b64(b"\xff"), "Tensor x holds bytes that are no text"),
        ("/texts", {"b64": "no base64"}, PARSE_FAILURE),
        ("/texts", {"b64": "YQ==\n"}, PARSE_FAILURE),
        ("/texts", {"b64": 1}, PARSE_FAILURE),
        ("/texts", {"b64": "é"}, PARSE_FAILURE),
        ("/texts", {"b64": "YQ==", "more": 1}, PARSE_FAILURE),
        ("/texts", ["a", {"b64": "YQ=="}], PARSE_FAILURE),
        ("/linear", b64(b"a"), PARSE_FAILURE),
        ("/colours", b64(b"no picture"), "Unable to load image from given bytes..."),
        ("/one-gray", [b64(picture((1, 1, 1), (2, 2, 2)))] * 2, "Tensor x takes one picture"),
    ],
)
def test_bytes_that_do_not_fit(server: Server, path: str, value: object, message: str) -> None:
    assert refused(server.eval({"x": value}, f"{path}/eval")) == message


def test_bytes_stay_refused_where_they_were(server: Server) -> None:
    assert refused(server.eval({"x": [[1, 2, 3]], "other": b64(b"a")}, "/linear/eval")) == PARSE_FAILURE
    asked = {"inputs": [{"name": "x", "shape": [1], "datatype": "BYTES", "data": [b64(b"a")]}]}
    assert server.call("POST", "/v2/models/texts/infer", json.dumps(asked).encode()).status == 400
