"""The Open Inference Protocol v2 over HTTP: metadata, health, and inference in JSON or with binary tensors.

https://github.com/kserve/open-inference-protocol, with Triton's binary tensor data extension.
"""

from collections.abc import Callable, Mapping
from functools import partial
from typing import Final

import msgspec

from migrate.server.compression import coding_of
from migrate.server.errors import HttpError, bad_request
from migrate.server.evaluation import Admission
from migrate.server.http import Request, Response
from migrate.server.limits import Settings
from migrate.server.model import Field
from migrate.server.routes import Handler, Route, Router
from migrate.server.rows import RowThreads
from migrate.server.served import SMALL_BYTES, Served
from migrate.server.site import check_ready
from migrate.server.status import Status
from migrate.server.triton import EXTENSIONS, add_triton_routes
from migrate.server.v2_inference import HEADER_LENGTH, LENGTH_DIGITS, VERSION, Inference
from migrate.server.v2_tensors import datatype_of

SERVER_VERSION: Final = "1"
_PLATFORMS: Final = {"onnx": "onnxruntime_onnx"}


def add_v2_routes(router: Router, served: Served, status: Status, settings: Settings, admission: Admission) -> None:
    """The routes of a model."""
    name = served.model.id
    add_triton_routes(router, served, admission.metrics, version=VERSION, platform=_platform(served))

    def check() -> None:
        admission.rows.check(name)
        if why := check_ready(status, admission.rows).get(name):
            raise HttpError(503, f"The model {name} is not served now: {why}")

    ready = _ready(check, {"name": name, "ready": True})
    for prefix in (("v2", "models", name), ("v2", "models", name, "versions", VERSION)):
        router.add(prefix, Route("v2", {"GET": _fixed(metadata(served))}, model=name))
        router.add((*prefix, "ready"), Route("v2", {"GET": ready}, model=name))
        infer = Infer(served, settings, admission)
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


class Infer:
    """``POST .../infer`` of one model."""

    def __init__(self, served: Served, settings: Settings, admission: Admission) -> None:
        self._served = served
        self._inference = Inference(served, settings)
        self._admission = admission

    async def __call__(self, request: Request) -> Response:
        """Answer one request."""
        length = _header_length(request)
        coding = coding_of(request.header(b"content-encoding"))
        try:
            body = await self._admission.bodies.read(request)
            with self._admission:
                small = coding is None and len(body) <= SMALL_BYTES
                work = partial(self._inference.answer, body, coding, length)
                return await self._admission.compute(work, self._served, small=small)
        finally:
            self._admission.bodies.drop(request)


def _header_length(request: Request) -> int | None:
    text = request.headers.get(HEADER_LENGTH)
    if text is None:
        return None
    if not text.isdigit():
        raise bad_request("Inference-Header-Content-Length is not a number")
    if len(text) > LENGTH_DIGITS:
        raise bad_request("Inference-Header-Content-Length is larger than the body")
    return int(text)
