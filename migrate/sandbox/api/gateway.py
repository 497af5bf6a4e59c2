"""The API's front door: every request is routed, recognised, counted, checked, carried out, checked again, logged."""

import asyncio
import inspect
import json
import secrets
import time
from typing import Final
from urllib.parse import unquote

from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

from migrate.sandbox.api.calls import HANDLERS
from migrate.sandbox.base.errors import INVALID_URL, ApiError, bad_request, error, not_found, not_granted
from migrate.sandbox.base.faults import (
    ClockSkew,
    Drop,
    ExpiredCredential,
    NotGranted,
    ServerError,
    ServingGone,
    Slow,
    TooMany,
    on,
)
from migrate.sandbox.base.points import BrokenAnswer, CallerGoneError, Logged, hold
from migrate.sandbox.base.requestlog import Line, timestamp
from migrate.sandbox.base.routing import Match
from migrate.sandbox.base.validation import Invalid, check_body, check_path, check_value, read_query
from migrate.sandbox.world.auth import Caller, granted, too_many
from migrate.sandbox.world.world import Call, World

PREFIX: Final = "/1.0"
ASKS_FOR_A_KEY: Final = "/auth/credential"
_PAGE: Final = "<html><head><title>{0}</title></head><body><h1>{0} Service Unavailable</h1></body></html>"


class Gateway:
    """The ASGI application below ``/1.0``."""

    def __init__(self, world: World) -> None:
        self._world = world

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request and write its line in the log."""
        request = Request(scope, receive)
        path = scope["raw_path"].decode("ascii")
        started = time.time()
        query_id = f"EU.ext-1.{secrets.token_hex(4)}.{int(started)}.{secrets.token_hex(8)}"
        line = Line(
            time=timestamp(started),
            service="api",
            method=request.method,
            path=path,
            status=0,
            bytes=0,
            query=request.url.query,
            query_id=query_id,
        )
        logged = Logged(send, line, self._world.log)
        try:
            answer = await self._respond(request, path, line)
            if isinstance(answer, Response):
                answer.headers["X-OVH-QUERYID"] = query_id
            await answer(scope, receive, logged)
        except (CallerGoneError, ClientDisconnect):
            line.fault = line.fault or "gone"
        finally:
            logged.finish()
        await hold(self._world.faults, "answered", service="api", method=request.method, path=path)

    async def _respond(self, request: Request, path: str, line: Line) -> ASGIApp:
        method, faults = request.method, self._world.faults
        selects = on("api", method, path)
        body = await request.body()
        if await hold(faults, "before", service="api", method=method, path=path, disconnected=request.is_disconnected):
            line.fault = "hold"
        if met := faults.strike(Slow, selects):
            line.fault = "slow"
            await asyncio.sleep(met[0].seconds)
        dropped = faults.strike(Drop, selects)
        if dropped and dropped[0].point == "before":
            line.fault = "drop"
            return BrokenAnswer()
        broken = faults.strike(ServerError, selects)
        if broken and not broken[0].done:
            answer = _server_error(broken[0])
        else:
            answer = await self._carry_out(request, path, body, line)
            answer = _server_error(broken[0]) if broken else answer
        if broken:
            line.fault = "5xx"
        if await hold(faults, "after", service="api", method=method, path=path, disconnected=request.is_disconnected):
            line.fault = "hold"
        if dropped:
            line.fault = "drop"
            return BrokenAnswer(answer, dropped[0].after_bytes)
        return answer

    async def _carry_out(self, request: Request, path: str, body: bytes, line: Line) -> Response:
        try:
            return _json(200, await self._handle(request, path, body, line))
        except ApiError as problem:
            return _json(problem.status, problem.body, problem.headers)
        except Invalid as problem:
            finding = bad_request(str(problem))
            return _json(finding.status, finding.body)

    async def _handle(self, request: Request, path: str, body: bytes, line: Line) -> object:
        world = self._world
        match = world.routes.find(request.method, path.removeprefix(PREFIX), serving=world.serving)
        if match is None:
            if not world.serving and world.routes.find(request.method, path.removeprefix(PREFIX), serving=True):
                world.faults.met(ServingGone)
            raise not_found(INVALID_URL)
        line.operation = match.template
        skew = world.faults.strike(ClockSkew, on("api", request.method, path))
        now, shown = _clocks(skew[0] if skew else None)
        caller = self._caller(request, path, body, match, now)
        project = match.parameters.get("serviceName")
        if project is not None and project != world.identity.project:
            raise not_found("This service does not exist")
        check_path(world.contract, match.operation, match.parameters)
        query = read_query(world.contract, match.operation, request.url.query)
        given, content = _read_json(request, body)
        check_body(world.contract, match.operation, given=given, body=content)
        handler = HANDLERS.get((request.method, match.template))
        if handler is None:
            raise error(501, "Server::NotImplemented", "The sandbox does not carry out this call")
        result = handler(
            world,
            Call(
                template=match.template,
                operation=match.operation,
                path=dict(match.parameters),
                query=query,
                body=content,
                caller=caller,
                shown_time=shown,
            ),
        )
        if inspect.isawaitable(result):
            result = await result
        if match.operation.response != "void":
            # A mistake in the sandbox, which must not pass as the API's answer: ends as 500 with a traceback.
            check_value(world.contract, result, match.operation.response, "answer", answer=True)
        return result

    def _caller(self, request: Request, path: str, body: bytes, match: Match, now: float) -> Caller:
        world = self._world
        if match.operation.no_authentication:
            if match.template == ASKS_FOR_A_KEY:
                world.keyring.check_application(request.headers)
            return Caller(key="", method="none")
        query = request.url.query
        url = f"http://{request.headers.get('host', '')}{path}{'?' if query else ''}{query}"
        selects = on("api", request.method, path)
        if world.faults.strike(ExpiredCredential, selects):
            raise error(403, "Client::Forbidden", "This credential is not valid")
        caller = world.keyring.identify(request.method, url, body, request.headers, now)
        if met := world.faults.strike(TooMany, selects):
            raise too_many(met[0].retry_after)
        world.rate.take(caller.key)
        plain = unquote(path.removeprefix(PREFIX))
        if caller.credential is not None and not granted(caller.credential.rules, request.method, plain):
            raise not_granted(match.operation.iam_actions)
        if denied := world.keyring.denied(caller, match.operation.iam_actions):
            raise not_granted(denied)
        if world.faults.strike(NotGranted, selects):
            raise not_granted(match.operation.iam_actions)
        return caller


def _clocks(skew: ClockSkew | None) -> tuple[float, float]:
    """The time by which signatures are judged, and the time that is told."""
    now = time.time()
    if skew is None:
        return now, now
    return (now if skew.lying else now + skew.seconds), now + skew.seconds


def _read_json(request: Request, body: bytes) -> tuple[bool, object]:
    if not body:
        return False, None
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind != "application/json":
        raise bad_request(f"The body must be application/json, not {kind or 'without a type'}")
    try:
        return True, json.loads(body)
    except ValueError:
        raise bad_request("The body is not JSON") from None


def _json(status: int, content: object, headers: dict[str, str] | None = None) -> Response:
    text = json.dumps(content, separators=(",", ":"))
    return Response(text, status, headers, media_type="application/json; charset=utf-8")


def _server_error(fault: ServerError) -> Response:
    if fault.html:
        return Response(_PAGE.format(fault.status), fault.status, media_type="text/html")
    return _json(fault.status, {"class": "Server::InternalServerError", "message": "Internal server error"})
