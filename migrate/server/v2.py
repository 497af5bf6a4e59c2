"""The Open Inference Protocol v2 over HTTP: metadata, health, and inference in JSON or with binary tensors.

https://github.com/kserve/open-inference-protocol, with Triton's binary tensor data extension.
"""

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, Final

import msgspec
from msgspec import Struct

from migrate.server.compression import coding_of, opened
from migrate.server.errors import bad_request
from migrate.server.evaluation import Admission
from migrate.server.http import JSON, Headers, Request, Response
from migrate.server.limits import Settings
from migrate.server.model import Field
from migrate.server.rendering.json import tensor_text
from migrate.server.routes import Handler, Route, Router
from migrate.server.rows import RowThreads
from migrate.server.served import SMALL_BYTES, Served
from migrate.server.site import check_ready
from migrate.server.status import Status
from migrate.server.tensors import Array, Shape
from migrate.server.triton import EXTENSIONS, add_triton_routes
from migrate.server.v2_tensors import datatype_of, from_binary, from_json, to_binary

VERSION: Final = "1"
SERVER_VERSION: Final = "1"
_HEADER_LENGTH: Final = b"inference-header-content-length"
_PLATFORMS: Final = {"onnx": "onnxruntime_onnx"}


# In all of these a null is what is not there: serialisers of Java and C# write it.
class InputTensor(Struct):
    """One input of a request; ``data`` is absent when it follows in binary."""

    name: str
    shape: list[int]
    datatype: str
    parameters: dict[str, Any] | None = None
    data: Any = None


class OutputRequest(Struct):
    """An output that is asked for."""

    name: str
    parameters: dict[str, Any] | None = None


class InferRequest(Struct):
    """The JSON of an inference request; an ``id`` that is a number is answered as text."""

    inputs: list[InputTensor]
    id: str | int | float | None = None
    parameters: dict[str, Any] | None = None
    outputs: list[OutputRequest] | None = None


_DECODER: Final = msgspec.json.Decoder(InferRequest)


def add_v2_routes(router: Router, served: Served, status: Status, settings: Settings, admission: Admission) -> None:
    """The routes of a model."""
    name = served.model.id
    add_triton_routes(router, served, admission.metrics, version=VERSION, platform=_platform(served))

    def check() -> None:
        admission.rows.check(name)
        check_ready(status, admission.rows)

    ready = _ready(check, {"name": name, "ready": True})
    for prefix in (("v2", "models", name), ("v2", "models", name, "versions", VERSION)):
        router.add(prefix, Route("v2", {"GET": _fixed(metadata(served))}, model=name))
        router.add((*prefix, "ready"), Route("v2", {"GET": ready}, model=name))
        infer = Inference(served, settings, admission)
        router.add((*prefix, "infer"), Route("infer", {"POST": infer}, model=name))


def add_v2_server(router: Router, status: Status, rows: RowThreads) -> None:
    """The routes of the server as such; its health is answered before any model is loaded."""
    about = {"name": "migrate.server", "version": SERVER_VERSION, "extensions": ["binary_tensor_data", *EXTENSIONS]}
    router.add(("v2",), Route("v2", {"GET": _fixed(about)}))
    router.add(("v2", "health", "live"), Route("health", {"GET": _fixed({"live": True})}, is_open=True))
    ready = _ready(lambda: check_ready(status, rows), {"ready": True})
    router.add(("v2", "health", "ready"), Route("health", {"GET": ready}, is_open=True))


def _fixed(body: Mapping[str, object]) -> Handler:
    encoded = msgspec.json.encode(body)

    async def handler(request: Request) -> Response:
        del request
        return Response(encoded)

    return handler


def _ready(check: Callable[[], object], body: Mapping[str, object]) -> Handler:
    encoded = msgspec.json.encode(body)

    async def handler(request: Request) -> Response:
        del request
        check()
        return Response(encoded)

    return handler


def _platform(served: Served) -> str:
    return _PLATFORMS.get(served.model.engine, served.model.engine)


def metadata(served: Served) -> dict[str, object]:
    """The metadata of a model: its own tensors, not the named columns that ``/eval`` takes besides."""

    def tensors(fields: tuple[Field, ...], dtypes: Mapping[str, str]) -> list[dict[str, object]]:
        return [
            {"name": field.name, "datatype": datatype_of(dtypes[field.name]), "shape": list(field.shape or ())}
            for field in fields
        ]

    return {
        "name": served.model.id,
        "versions": [VERSION],
        "platform": _platform(served),
        "inputs": tensors(served.model.inputs, served.engine.inputs),
        "outputs": tensors(served.model.outputs, served.engine.outputs),
    }


class Inference:
    """``POST .../infer`` of one model."""

    def __init__(self, served: Served, settings: Settings, admission: Admission) -> None:
        self._served = served
        self._limit = settings.max_body_bytes
        self._admission = admission
        self._inputs = {field.name: field for field in served.model.inputs}
        self._outputs = [field.name for field in served.model.outputs]

    async def __call__(self, request: Request) -> Response:
        """Answer one request."""
        length = _header_length(request)
        coding = coding_of(request.header(b"content-encoding"))
        try:
            body = await self._admission.bodies.read(request)
            with self._admission:
                small = coding is None and len(body) <= SMALL_BYTES
                work = partial(self._answer, body, coding, length)
                return await self._admission.compute(work, self._served, small=small)
        finally:
            self._admission.bodies.drop(request)

    def _answer(self, body: bytes, coding: str | None, length: int | None) -> Response:
        if coding is not None:
            body = opened(body, coding, self._limit)
        if length is not None and length > len(body):
            raise bad_request("Inference-Header-Content-Length is larger than the body")
        head = body if length is None else body[:length]
        try:
            asked = _DECODER.decode(head)
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
            raise bad_request(f"the inference request cannot be read: {error}") from error
        feeds = self._feeds(asked, memoryview(body)[len(head) :])
        wanted = asked.outputs or []
        names = [output.name for output in wanted] or self._outputs
        for output in wanted:
            if output.name not in self._outputs:
                raise bad_request(f"output {output.name} is none of {self._outputs}")
            _check_parameters(output.name, output.parameters or {}, "classification")
        outputs = self._served.engine.run(feeds)
        by_default = bool((asked.parameters or {}).get("binary_data_output", False))
        binary = dict.fromkeys(names, by_default)
        binary.update(
            {output.name: bool((output.parameters or {}).get("binary_data", by_default)) for output in wanted}
        )
        return self._rendered(asked, {name: outputs[name] for name in names}, binary)

    def _feeds(self, asked: InferRequest, rest: memoryview) -> dict[str, Array]:
        feeds: dict[str, Array] = {}
        for tensor in asked.inputs:
            field = self._inputs.get(tensor.name)
            if field is None or tensor.name in feeds:
                raise bad_request(f"input {tensor.name} is none of {list(self._inputs)}, or there twice")
            dtype = self._served.engine.inputs[tensor.name]
            if tensor.datatype != datatype_of(dtype):
                raise bad_request(f"input {tensor.name} is {tensor.datatype}, the model takes {datatype_of(dtype)}")
            shape = _checked_shape(tensor, None if self._served.model.guessed else field.shape)
            parameters = tensor.parameters or {}
            _check_parameters(tensor.name, parameters, "shared_memory_region")
            size = parameters.get("binary_data_size")
            if size is None:
                if tensor.data is None:
                    raise bad_request(f"input {tensor.name} has no data")
                feeds[tensor.name] = from_json(tensor.name, tensor.data, dtype, shape)
                continue
            if type(size) is not int or not 0 <= size <= len(rest):
                raise bad_request(f"input {tensor.name}: binary_data_size {size} is not in the body")
            feeds[tensor.name] = from_binary(tensor.name, rest[:size], dtype, shape)
            rest = rest[size:]
        missing = [name for name in self._inputs if name not in feeds]
        if missing:
            raise bad_request(f"inputs {missing} are missing")
        if len(rest):
            raise bad_request(f"{len(rest)} bytes are left over after the binary data of all inputs")
        return feeds

    def _rendered(self, asked: InferRequest, outputs: Mapping[str, Array], binary: Mapping[str, bool]) -> Response:
        described, tails = [], []
        for name, data in outputs.items():
            dtype = "object" if data.dtype.kind == "O" else data.dtype.name
            entry: dict[str, Any] = {"name": name, "datatype": datatype_of(dtype), "shape": list(data.shape)}
            if binary[name]:
                tails.append(to_binary(name, data))
                entry["parameters"] = {"binary_data_size": len(tails[-1])}
            else:
                entry["data"] = msgspec.Raw(tensor_text(data.reshape(-1)))
            described.append(entry)
        head: dict[str, Any] = {"model_name": self._served.model.id, "model_version": VERSION, "outputs": described}
        if asked.id is not None:
            head["id"] = str(asked.id)
        encoded = msgspec.json.encode(head)
        first = next(iter(outputs.values()))
        rows = int(first.shape[0]) if first.ndim else 1
        if not tails:
            return Response(encoded, JSON, rows=rows)
        headers: Headers = [(_HEADER_LENGTH, b"%d" % len(encoded))]
        return Response(b"".join([encoded, *tails]), b"application/octet-stream", headers=headers, rows=rows)


def _header_length(request: Request) -> int | None:
    text = request.headers.get(_HEADER_LENGTH)
    if text is None:
        return None
    if not text.isdigit():
        raise bad_request("Inference-Header-Content-Length is not a number")
    return int(text)


def _checked_shape(tensor: InputTensor, declared: Shape | None) -> Shape:
    shape = tuple(tensor.shape)
    fits = all(dim >= 0 for dim in shape)
    if fits and declared:
        fits = len(shape) == len(declared) and all(
            want in (-1, have) for have, want in zip(shape, declared, strict=True)
        )
    if not fits:
        raise bad_request(f"input {tensor.name} has the shape {list(shape)}, the model takes {list(declared or ())}")
    return shape


def _check_parameters(name: str, parameters: Mapping[str, Any], unsupported: str) -> None:
    if parameters.get(unsupported):
        raise bad_request(f"{name}: the extension {unsupported} is not served")
