"""The handlers of ``/eval``: admission, where to compute, and the form of the answer."""

import asyncio
from concurrent.futures import Executor
from typing import Final

from migrate.server.errors import HttpError
from migrate.server.http import Request, Response, read_body
from migrate.server.limits import Settings
from migrate.server.metrics import Metrics
from migrate.server.negotiation import PRODUCED, accepted, answer_type, content_type_of
from migrate.server.rendering import json as json_form
from migrate.server.served import Call, Served

# A model this quick is run where the request is read: handing it to a thread would cost more than running it.
INLINE_SECONDS: Final = 0.001
_INLINE_BYTES: Final = 32 * 1024


class Admission:
    """How many requests compute or wait to, over all models."""

    def __init__(self, settings: Settings, metrics: Metrics) -> None:
        self._limit = settings.max_in_flight
        self._metrics = metrics

    def __enter__(self) -> None:
        if self._metrics.in_flight >= self._limit:
            raise HttpError(503, f"{self._limit} requests are in flight already", headers={"Retry-After": "1"})
        self._metrics.in_flight += 1

    def __exit__(self, *exception: object) -> None:
        self._metrics.in_flight -= 1


class Evaluation:
    """``POST /eval`` of one model."""

    def __init__(self, served: Served, settings: Settings, admission: Admission, executor: Executor) -> None:
        self._served = served
        self._settings = settings
        self._admission = admission
        self._executor = executor

    async def __call__(self, request: Request) -> Response:
        """Answer one request."""
        content_type = content_type_of(request.header(b"content-type"))
        accept = request.header(b"accept")
        accepted(accept, PRODUCED)
        with self._admission:
            body = await read_body(request, self._settings.max_body_bytes)
            call = Call(body, content_type, accept, request.header(b"step"))
            if self._served.seconds_per_call < INLINE_SECONDS and len(body) <= _INLINE_BYTES:
                return self.answer(call)
            return await asyncio.get_running_loop().run_in_executor(self._executor, self.answer, call)

    def answer(self, call: Call) -> Response:
        """Compute and render; safe in any thread.

        Raises:
            HttpError: When the request, the model's answer or its form does not fit.
        """
        answer = self._served.evaluate(call)
        answer_type(call.accept)
        return Response(json_form.render(answer.tensors), json_form.MEDIA_TYPE, rows=answer.batch)
