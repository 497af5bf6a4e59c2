"""Integers of 8 and 16 bits: ``integer`` for ``/eval``, their own datatype for the Open Inference Protocol."""

import json
import struct
from collections.abc import Iterator
from io import BytesIO

import pytest
from onnx import TensorProto
from PIL import Image

from tests.server import models
from tests.server.process import Server, running

KINDS = {
    "INT8": (TensorProto.INT8, -128, 127, "b"),
    "UINT8": (TensorProto.UINT8, 0, 255, "B"),
    "INT16": (TensorProto.INT16, -32768, 32767, "h"),
    "UINT16": (TensorProto.UINT16, 0, 65535, "H"),
}


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    root = tmp_path_factory.mktemp("models")
    for name, (kind, *_) in KINDS.items():
        models.identity(root / name, kind, [-1, 2])
    models.identity(root / "image", TensorProto.UINT8, [-1, -1, -1, 3], more={"image_transformer": models.RGB})
    with running(root, tmp_path_factory.mktemp("log") / "log") as found:
        yield found


@pytest.mark.parametrize("name", KINDS)
def test_eval_takes_what_fits_and_refuses_the_rest(server: Server, name: str) -> None:
    _, low, high, _ = KINDS[name]
    assert server.call("GET", f"/{name}/describe").json()["inputs"][0]["type"] == "integer"
    for _ in range(50):  # a quick model is answered in another way than one that was not seen to be
        assert server.eval({"x": [[low, high], [0, 1]]}, f"/{name}/eval").json() == {"y": [[low, high], [0, 1]]}
    for value in (low - 1, high + 1):
        refused = server.eval({"x": [[0, value]]}, f"/{name}/eval")
        assert (refused.status, refused.json()["message"]) == (400, f"Tensor x holds a value beyond {name.lower()}")
        assert refused.json()["detail"] == f"{low} to {high}"


@pytest.mark.parametrize("name", KINDS)
def test_the_open_inference_protocol_has_them_by_their_names(server: Server, name: str) -> None:
    _, low, high, letter = KINDS[name]
    asked = {"name": "x", "shape": [1, 2], "datatype": name}
    found = server.call(
        "POST", f"/v2/models/{name}/infer", json.dumps({"inputs": [{**asked, "data": [low, high]}]}).encode()
    )
    assert found.json()["outputs"] == [{"name": "y", "datatype": name, "shape": [1, 2], "data": [low, high]}]
    tail = struct.pack(f"<2{letter}", low, high)
    head = {
        "inputs": [{**asked, "parameters": {"binary_data_size": len(tail)}}],
        "parameters": {"binary_data_output": True},
    }
    encoded = json.dumps(head).encode()
    length = {"Inference-Header-Content-Length": str(len(encoded))}
    found = server.call("POST", f"/v2/models/{name}/infer", encoded + tail, length)
    assert found.body.endswith(tail)


def test_pictures_are_pixels(server: Server) -> None:
    buffer = BytesIO()
    Image.new("RGB", (1, 1), (0, 128, 255)).save(buffer, "PNG")
    found = server.call("POST", "/image/eval", buffer.getvalue(), {"Content-Type": "image/png"})
    assert found.json() == {"y": [0, 128, 255]}
