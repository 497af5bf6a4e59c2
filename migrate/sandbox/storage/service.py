"""What every storage service of the sandbox does with a request: faults, points where it stops, a line in the log."""

import secrets
import time
from abc import ABC, abstractmethod
from typing import ClassVar

from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from migrate.sandbox.base.faults import ExpiredCredential, ServerError, TooMany, on
from migrate.sandbox.base.points import CallerGoneError, Logged, hold
from migrate.sandbox.base.requestlog import Line, timestamp
from migrate.sandbox.storage.download import Download
from migrate.sandbox.world.world import World


class StorageService(ABC):
    """An ASGI application; how it answers, and in which words it refuses, is the protocol's.

    Attributes:
        id_headers: The headers that name a request to its caller.
    """

    id_headers: ClassVar[tuple[str, ...]]

    def __init__(self, world: World) -> None:
        self._world = world

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request and write its line in the log."""
        request = Request(scope, receive)
        path = scope["raw_path"].decode("ascii")
        line = Line(
            time=timestamp(time.time()),
            service="storage",
            method=request.method,
            path=path,
            status=0,
            bytes=0,
            query=request.url.query,
            query_id=f"tx{secrets.token_hex(10)}",
        )
        logged = Logged(send, line, self._world.log)
        try:
            answer = await self._respond(request, path, line)
            for name in self.id_headers:
                answer.headers[name] = line.query_id
            await answer(scope, receive, logged)
        except CallerGoneError:
            line.fault = "gone"
        finally:
            logged.finish()
        await hold(self._world.faults, "answered", service="storage", method=request.method, path=path)

    async def _respond(self, request: Request, path: str, line: Line) -> Response | Download:
        faults, method = self._world.faults, request.method
        selects = on("storage", method, path)
        if await hold(
            faults, "before", service="storage", method=method, path=path, disconnected=request.is_disconnected
        ):
            line.fault = "hold"
        if faults.strike(TooMany, selects):
            line.fault = "429"
            return self._limited()
        if met := faults.strike(ServerError, selects):
            line.fault = "5xx"
            return self._failing(met[0].status)
        if faults.strike(ExpiredCredential, selects):
            line.fault = "expired-credential"
            return self._expired(path)
        answer = self._answer(request, path, line)
        if await hold(
            faults, "after", service="storage", method=method, path=path, disconnected=request.is_disconnected
        ):
            line.fault = "hold"
        return answer

    @abstractmethod
    def _answer(self, request: Request, path: str, line: Line) -> Response | Download:
        """The answer where no fault is on; ``path`` is as it was sent, with its escapes."""

    @abstractmethod
    def _limited(self) -> Response:
        """The refusal of one request too many."""

    @abstractmethod
    def _expired(self, path: str) -> Response:
        """The refusal of a token, or of a signed URL, whose time is over."""

    @abstractmethod
    def _failing(self, status: int) -> Response:
        """The answer of a service that fails."""
