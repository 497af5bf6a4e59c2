"""The Open Inference Protocol, driven by a client that others wrote, and by what that client would never send."""

import json
import struct
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
import tritonclient.http as triton
from tritonclient.utils import InferenceServerException

from migrate.server.errors import HttpError
from migrate.server.v2_tensors import to_binary
from tests.server.process import Server

ARRAYS = {
    "f": np.array([0.1, -1e30, 3], np.float32),
    "h": np.array([0.1, 2, 3], np.float16),
    "d": np.array([0.1, 1e300, 3], np.float64),
    "i": np.array([1, -(2**31), 3], np.int32),
    "l": np.array([1, 2**62, 3], np.int64),
    "b": np.array([True, False, True]),
    "s": np.array(["a", "", "ü\0"], np.object_),
}
DATATYPES = {"f": "FP32", "h": "FP16", "d": "FP64", "i": "INT32", "l": "INT64", "b": "BOOL", "s": "BYTES"}


@pytest.fixture
def client(packed: Server) -> Iterator[Any]:
    client = triton.InferenceServerClient(f"127.0.0.1:{packed.port}")
    yield client
    client.close()


def inputs(*, binary: bool) -> list[Any]:
    tensors = []
    for name, array in ARRAYS.items():
        tensor = triton.InferInput(name, array.shape, DATATYPES[name])
        # The protocol has no JSON form for half floats; the client refuses to make one.
        tensor.set_data_from_numpy(array, binary_data=binary or name == "h")
        tensors.append(tensor)
    return tensors


def test_health_and_metadata(client: Any) -> None:
    assert client.is_server_live()
    assert client.is_server_ready()
    assert client.is_model_ready("types")
    assert client.is_model_ready("types", "1")
    assert "binary_tensor_data" in client.get_server_metadata()["extensions"]
    metadata = client.get_model_metadata("types")
    assert {tensor["name"]: tensor["datatype"] for tensor in metadata["inputs"]} == DATATYPES
    assert metadata["outputs"][0] == {"name": "f_out", "datatype": "FP32", "shape": [-1]}
    assert client.get_model_metadata("linear", "1")["platform"] == "onnxruntime_onnx"
    with pytest.raises(InferenceServerException, match="404"):
        client.get_model_metadata("linear", "2")


def test_configuration_statistics_and_the_list_of_models(client: Any, packed: Server) -> None:
    config = client.get_model_config("linear", "1")
    assert (config["name"], config["platform"], config["max_batch_size"]) == ("linear", "onnxruntime_onnx", 0)
    assert config["input"] == [{"name": "x", "data_type": "TYPE_FP32", "dims": [-1, 3]}]
    texts = {tensor["name"]: tensor["data_type"] for tensor in client.get_model_config("types")["output"]}
    assert (texts["s_out"], texts["b_out"]) == ("TYPE_STRING", "TYPE_BOOL")

    def stats() -> dict[str, Any]:
        (found,) = client.get_inference_statistics("linear")["model_stats"]
        assert found in client.get_inference_statistics()["model_stats"]
        return dict(found)

    before = stats()
    assert packed.eval({"x": [[1, 2, 3]] * 4}, "/linear/eval").status == 200
    assert packed.eval({"x": "a"}, "/linear/eval").status == 400
    after = stats()
    assert after["inference_count"] - before["inference_count"] == 4
    assert after["execution_count"] - before["execution_count"] == 1
    for word in ("success", "fail"):
        old, new = before["inference_stats"][word], after["inference_stats"][word]
        assert new["count"] - old["count"] == 1
        assert new["ns"] > old["ns"]
    index = client.get_model_repository_index()
    assert {"name": "linear", "version": "1", "state": "READY"} in index
    assert len(index) == len({one["name"] for one in index}) == 12


@pytest.mark.parametrize("binary_in", [True, False])
@pytest.mark.parametrize("binary_out", [True, False])
def test_every_type_comes_back(client: Any, binary_in: bool, binary_out: bool) -> None:
    wanted = [triton.InferRequestedOutput(f"{name}_out", binary_data=binary_out) for name in ARRAYS]
    result = client.infer("types", inputs(binary=binary_in), outputs=wanted, request_id="id-1")
    assert result.get_response()["id"] == "id-1"
    for name, array in ARRAYS.items():
        found = result.as_numpy(f"{name}_out")
        if name == "s":
            assert [text.decode() if isinstance(text, bytes) else text for text in found] == array.tolist()
        else:
            np.testing.assert_array_equal(found, array)


def test_without_named_outputs_all_come_in_binary(client: Any) -> None:
    tensor = triton.InferInput("x", [2, 3], "FP32")
    tensor.set_data_from_numpy(np.array([[1, 2, 2], [1, 0, 0]], np.float32))
    for coding in (None, "gzip", "deflate"):
        result = client.infer("linear", [tensor], request_compression_algorithm=coding)
        assert result.as_numpy("scores").tolist() == [[2, 3], [1, 0]]
        assert result.as_numpy("label").tolist() == [1, 0]


def test_nan_travels_in_json(client: Any) -> None:
    tensor = triton.InferInput("x", [3], "FP32")
    tensor.set_data_from_numpy(np.array([np.nan, np.inf, 1e-5], np.float32), binary_data=True)
    result = client.infer("flat", [tensor], outputs=[triton.InferRequestedOutput("y", binary_data=False)])
    np.testing.assert_array_equal(result.as_numpy("y"), np.array([np.nan, np.inf, 1e-5], np.float32))


def infer(server: Server, model: str, request: object, tail: bytes = b"", **headers: str) -> tuple[int, str]:
    head = request if isinstance(request, bytes) else json.dumps(request).encode()
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    if tail:
        named.setdefault("Inference-Header-Content-Length", str(len(head)))
    found = server.call("POST", f"/v2/models/{model}/infer", head + tail, named)
    return found.status, found.json().get("error", "")


def tensor(**changes: Any) -> dict[str, Any]:
    return {"inputs": [{"name": "x", "shape": [2], "datatype": "FP32", "data": [1, 2], **changes}]}


@pytest.mark.parametrize(
    ("request_", "why"),
    [
        (b"", "cannot be read"),
        ({"inputs": 3}, "cannot be read"),
        ({"inputs": []}, "are missing"),
        (tensor(name="z"), "is none of"),
        ({"inputs": tensor()["inputs"] * 2}, "there twice"),
        (tensor(datatype="FP64"), "the model takes FP32"),
        (tensor(shape=[3]), "2 values"),
        (tensor(shape=[1, 2]), "has the shape"),
        (tensor(shape=[-2]), "has the shape"),
        (tensor(data=["a", "b"]), "not of datatype FP32"),
        (tensor(data=[[1], 2]), "mixes values and lists"),
        (tensor(data=[True, False]), "not of datatype FP32"),
        (tensor(data=[{}, {}]), "not of datatype FP32"),
        ({"inputs": [{"name": "x", "shape": [2], "datatype": "FP32"}]}, "has no data"),
        (tensor(parameters={"binary_data_size": 8}), "is not in the body"),
        (tensor(parameters={"shared_memory_region": "r"}), "is not served"),
        ({**tensor(), "outputs": [{"name": "z"}]}, "is none of"),
    ],
)
def test_requests_that_do_not_fit(packed: Server, request_: object, why: str) -> None:
    status, error = infer(packed, "flat", request_)
    assert status == 400
    assert why in error


def test_integers_are_neither_cut_nor_wrapped(packed: Server) -> None:
    for value in (1.5, 2**31, "1", 2**70):
        request = {"inputs": [{"name": "x", "shape": [1, 1, 1], "datatype": "INT32", "data": [value]}]}
        assert infer(packed, "cube", request)[0] == 400


@pytest.mark.parametrize(
    ("model", "datatype", "size", "tail", "why"),
    [
        ("flat", "FP32", 7, b"1234567", "no whole values"),
        ("flat", "FP32", 4, b"1234", "1 values"),
        ("flat", "FP32", 8, b"123456789", "left over"),
        ("flat", "FP32", -1, b"12345678", "not in the body"),
        ("texts", "BYTES", 5, struct.pack("<I", 9) + b"a", "longer than the data"),
        ("texts", "BYTES", 5, struct.pack("<I", 1) + b"\xff", "cannot be read"),
        ("texts", "BYTES", 3, b"\0\0\0", "cannot be read"),
    ],
)
def test_binary_data_that_does_not_fit(
    packed: Server, model: str, datatype: str, size: int, tail: bytes, why: str
) -> None:
    shape = [1, 2] if model == "texts" else [2]
    entry = {"name": "x", "shape": shape, "datatype": datatype, "parameters": {"binary_data_size": size}}
    status, error = infer(packed, model, {"inputs": [entry]}, tail)
    assert status == 400
    assert why in error


def test_nulls_are_what_is_not_there(packed: Server) -> None:
    nothing = {"id": None, "parameters": None, "outputs": None}
    status, _ = infer(packed, "flat", {**tensor(parameters=None), **nothing})
    assert status == 200
    status, _ = infer(packed, "flat", {**tensor(), "outputs": [{"name": "y", "parameters": None}]})
    assert status == 200
    size = {"binary_data_size": 8}
    assert infer(packed, "flat", tensor(data=None, parameters=size), struct.pack("<2f", 1, 2))[0] == 200
    assert "has no data" in infer(packed, "flat", tensor(data=None))[1]


@pytest.mark.parametrize(("given", "answered"), [(7, "7"), (2**63, "9223372036854775808"), ("a", "a"), (1.5, "1.5")])
def test_an_id_may_be_a_number(packed: Server, given: object, answered: str) -> None:
    found = packed.call("POST", "/v2/models/flat/infer", json.dumps({**tensor(), "id": given}).encode())
    assert found.json()["id"] == answered


def test_a_header_length_beyond_the_body(packed: Server) -> None:
    assert infer(packed, "flat", tensor(), Inference_Header_Content_Length="9999")[0] == 400
    assert infer(packed, "flat", tensor(), Inference_Header_Content_Length="x")[0] == 400


def test_what_is_missing_is_no_zero_in_binary_data() -> None:
    found = to_binary("d", np.ma.MaskedArray([1.5, 7.0], [False, True]))
    assert np.array_equal(np.frombuffer(found, "<f8"), [1.5, np.nan], equal_nan=True)
    assert to_binary("i", np.ma.MaskedArray([1, 2], [False, False], np.int32)) == struct.pack("<2i", 1, 2)
    for values in (np.array([1, 0]), np.array([True, False]), np.array(["a", None], np.object_)):
        with pytest.raises(HttpError, match="output m has missing values") as refused:
            to_binary("m", np.ma.MaskedArray(values, [False, True]))
        assert refused.value.status == 400
