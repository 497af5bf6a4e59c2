"""Names that JSON writes with an escape: a model's inputs and columns may be called anything."""

import json
from collections.abc import Iterator

import pytest
from onnx import TensorProto

from migrate.server.model import Field, Index, Model
from migrate.server.parsing.fast import FastDecoder
from tests.server import models
from tests.server.process import Server, running

NAMES = ['screen 15"', r"weight\kg", "tab\there", "line\nbreak", "\x01", "plain ü \u2028"]


def columns(*names: str) -> list[dict[str, object]]:
    return [{"name": name, "type": "float", "index": place, "key": None} for place, name in enumerate(names)]


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    root = tmp_path_factory.mktemp("models")
    for number, name in enumerate(NAMES):
        models.identity(root / f"m{number}", TensorProto.FLOAT, [-1, 2], name=name)
    more = {"fields": columns(*NAMES)}
    models.identity(root / "columns", TensorProto.FLOAT, [-1, len(NAMES)], more=more, manifest=True)
    with running(root, tmp_path_factory.mktemp("log") / "log") as found:
        yield found


@pytest.mark.parametrize("number", range(len(NAMES)), ids=ascii)
def test_an_input_may_have_any_name(server: Server, number: int) -> None:
    name, base = NAMES[number], f"/m{number}"
    assert server.call("GET", f"{base}/describe").json()["inputs"][0]["name"] == name
    for _ in range(50):  # a quick model is answered in another way than one that was not seen to be
        assert server.eval({name: [[1, 2]]}, f"{base}/eval").json() == {"y": [1.0, 2.0]}
    assert name in server.call("GET", f"{base}/openapi.json").json()["components"]["schemas"]["Inputs"]["properties"]
    assert server.call("GET", f"{base}/").status == 200
    tensor = {"name": name, "shape": [1, 2], "datatype": "FP32", "data": [1, 2]}
    found = server.call("POST", f"/v2/models/m{number}/infer", json.dumps({"inputs": [tensor]}).encode())
    assert found.json()["outputs"][0]["data"] == [1.0, 2.0]


def test_so_may_a_column(server: Server) -> None:
    values = dict(zip(NAMES, range(len(NAMES)), strict=True))
    assert server.eval(values, "/columns/eval").json() == {"y": [float(value) for value in values.values()]}


@pytest.mark.parametrize("name", NAMES, ids=ascii)
def test_the_quick_decoder_says_for_which_it_is(name: str) -> None:
    """Where it says that it is for a model it can be made, and reads that name however it is written."""
    field = Field("x", "float", (-1, 1), (Index(name, "float", 0),))
    model = Model(engine="onnx", id="m", inputs=(field,), outputs=(Field("y", "float"),))
    if FastDecoder.applies(model):
        feeds = FastDecoder(model).decode(json.dumps({name: 1.5}).encode())
        assert feeds is not None
        assert feeds["x"].tolist() == [[1.5]]
    else:
        assert name in NAMES[:-1]
