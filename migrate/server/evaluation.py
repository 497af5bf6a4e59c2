"""The handler of ``/eval``: admission, where to compute, and the form of the answer."""

import asyncio
from collections.abc import Callable, Sequence
from concurrent.futures import Executor
from contextlib import AbstractAsyncContextManager, nullcontext
from functools import lru_cache, partial
from time import thread_time
from typing import TYPE_CHECKING, Any, Final

from migrate.server.bodies import Bodies
from migrate.server.compression import coding_of, opened
from migrate.server.errors import HttpError
from migrate.server.express import Headers, Reply, Usual
from migrate.server.http import Request, Response
from migrate.server.limits import Settings
from migrate.server.metrics import Metrics
from migrate.server.negotiation import JSON_BODY, PRODUCED, accepted, answer_type, content_type_of
from migrate.server.pace import Pace
from migrate.server.rendering.answer import render_answer
from migrate.server.rendering.json import MEDIA_TYPE
from migrate.server.rows import RowThreads
from migrate.server.served import SMALL_BYTES, Call, Served

if TYPE_CHECKING:
    from migrate.server.unloading import Unloading

_YES: Final = frozenset({b"1", b"true", b"yes"})
# Headers that change what is answered; whoever sends one is not the usual caller.
_UNUSUAL: Final = frozenset({b"step", b"keep-dimensions", b"content-encoding", b"upgrade", b"origin"})


class Admission:
    """How many requests compute or wait to, over all models; a context for each.

    Attributes:
        bodies: What is read before, so that nobody who sends slowly takes a place.
        metrics: What is counted of all requests.
        rows: Where engines compute that tell of each row.
        unloading: What waits for models that are not in memory; None where all always are.
    """

    def __init__(self, settings: Settings, metrics: Metrics, executor: Executor, rows: RowThreads) -> None:
        self.bodies = Bodies(settings, metrics)
        self.rows = rows
        self._limit = settings.max_in_flight
        self.metrics = metrics
        self._executor = executor
        self.unloading: Unloading | None = None

    def __enter__(self) -> None:
        if self.metrics.in_flight >= self._limit:
            raise HttpError(503, f"{self._limit} requests are in flight already", headers={"Retry-After": "1"})
        self.metrics.in_flight += 1

    def __exit__(self, *exception: object) -> None:
        self.metrics.in_flight -= 1

    async def compute(self, work: Callable[[], Response], served: Served, *, small: bool) -> Response:
        """Do small work of a quick model at once, and other work in a thread, so that the process keeps answering."""
        if self.unloading is None:
            return await self._compute(work, served, small=small)
        async with self.unloading.loaded(served):
            return await self._compute(work, served, small=small)

    def kept(self, served: Served) -> AbstractAsyncContextManager[None]:
        """Keep a model in memory inside of the context."""
        return nullcontext() if self.unloading is None else self.unloading.loaded(served)

    async def _compute(self, work: Callable[[], Response], served: Served, *, small: bool) -> Response:
        pace = served.pace
        if small and pace.quick and not served.may_not_end:
            return _timed(work, pace)
        do = partial(_timed, work, pace) if small else work
        if served.row_by_row:
            return await self.rows.run(served.model.id, do)
        return await asyncio.get_running_loop().run_in_executor(self._executor, do)


def _timed(work: Callable[[], Response], pace: Pace) -> Response:
    # The time of this thread alone: a stall of the whole machine says nothing of the model.
    start = thread_time()
    try:
        return work()
    finally:
        pace.tell(thread_time() - start)


class Evaluation:
    """``POST /eval`` of one model."""

    def __init__(self, served: Served, settings: Settings, admission: Admission) -> None:
        self._served = served
        self._limit = settings.max_body_bytes
        self._admission = admission

    async def __call__(self, request: Request) -> Response:
        """Answer one request."""
        content_type = content_type_of(request.header(b"content-type"))
        accept = request.header(b"accept")
        accepted(accept, PRODUCED)
        coding = coding_of(request.header(b"content-encoding")) if b"content-encoding" in request.headers else None
        try:
            body = await self._admission.bodies.read(request)
            with self._admission:
                keep = request.headers.get(b"keep-dimensions", b"").lower() in _YES
                call = Call(body, content_type, accept, request.header(b"step"), keep)
                small = coding is None and content_type.name == JSON_BODY.name and len(body) <= SMALL_BYTES
                return await self._admission.compute(lambda: self._answer(call, coding), self._served, small=small)
        finally:
            self._admission.bodies.drop(request)

    def _answer(self, call: Call, coding: str | None) -> Response:
        """Compute and render; safe in any thread."""
        if coding is not None:
            body = opened(call.body, coding, self._limit)
            call = Call(body, call.content_type, call.accept, call.step, call.keep_dimensions)
        answer = self._served.evaluate(call)
        body, content_type = render_answer(
            answer.tensors, answer.fields, answer_type(call.accept), simplify=answer.simplify, form=answer.form
        )
        return Response(body, content_type, rows=answer.batch)


class EvalCalls:
    """The usual calls of ``/eval`` of one model: JSON for JSON (:class:`migrate.server.express.Calls`)."""

    route = "eval"
    lines = b"content-type: " + MEDIA_TYPE + b"\r\n"

    def __init__(self, served: Served) -> None:
        self.served = served

    def usual(self, headers: Headers) -> Usual | None:
        """The caller's own id; None for other media types and headers."""
        content_type = accept = given = b""
        for name, value in headers:
            if name == b"content-type":
                content_type = value
            elif name == b"accept":
                accept = value
            elif name == b"x-request-id":
                given = value
            elif name in _UNUSUAL:
                return None
        return (given, None) if _is_usual(content_type, accept) else None

    def row(self, body: bytes, usual: Usual) -> Any | None:
        """The only row of a body; None where there is not just one."""
        del usual
        return self.served.row(body)

    def merged(self, rows: Sequence[Any]) -> list[bytes] | None:
        """The answers to bodies of one row each."""
        return self.served.merged_answers(rows)

    def alone(self, body: bytes, usual: Usual) -> Reply | None:
        """The answer to a body."""
        del usual
        found = self.served.quick_answer(body)
        if found is not None:
            return (*found, self.lines)
        if self.served.may_not_end:
            return None
        answer = self.served.evaluate(Call(body))
        text, _ = render_answer(answer.tensors, answer.fields, JSON_BODY, simplify=answer.simplify, form=answer.form)
        return text, answer.batch, self.lines


@lru_cache(maxsize=256)
def _is_usual(content_type: bytes, accept: bytes) -> bool:
    """Whether JSON is sent and asked for, in valid headers."""
    try:
        sent = content_type_of(content_type.decode("latin-1"))
        return sent == JSON_BODY and answer_type(accept.decode("latin-1")).name == JSON_BODY.name
    except HttpError:
        return False
