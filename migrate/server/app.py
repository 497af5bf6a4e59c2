"""The ASGI application, and where the process is in its life.

It finds the route, keeps the order of checks, counts, logs, and never lets an error escape.
"""

import logging
from time import perf_counter

from migrate.server.access import check_token
from migrate.server.cors import Cors
from migrate.server.errors import HttpError
from migrate.server.http import (
    ClientGoneError,
    Headers,
    Receive,
    Request,
    RequestIds,
    Response,
    Scope,
    Send,
    error_response,
)
from migrate.server.limits import Settings
from migrate.server.logs import LOGGER, log
from migrate.server.metrics import Metrics
from migrate.server.routes import Route, Router, model_of
from migrate.server.status import Phase, Status


class App:
    """What uvicorn calls for every request."""

    def __init__(self, settings: Settings, status: Status, metrics: Metrics, router: Router) -> None:
        self.router = router
        self._settings = settings
        self._status = status
        self._metrics = metrics
        self.ids = RequestIds()
        self._cors = Cors(settings.cors_origins)
        self._log_all = settings.access_log == "all"
        self._log_errors = settings.access_log != "none"

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        start = perf_counter()
        request = Request(scope, receive)
        request.id = self.ids.of(request.headers.get(b"x-request-id"))
        route = self.router.find(scope["raw_path"])
        try:
            response = await self._answer(request, route)
        except HttpError as error:
            response = error_response(error, request)
            # "Not ready yet" is what a probe asks for, many times a second: the log is for what led to it.
            probe = route is not None and route.open and error.status == 503
            if self._log_errors and not self._log_all and not probe:
                self._log(request, response, error.detail)
        except ClientGoneError:
            return
        except Exception:  # noqa: BLE001 - a bug is logged whole and answered as the old runtime did
            LOGGER.exception("Internal error", extra={"fields": {"request_id": request.id.decode("latin-1")}})
            response = error_response(HttpError(500, "Internal error"), request)
        await self._send(send, request, response)
        seconds = perf_counter() - start
        name, model = ("other", "") if route is None else (route.name, route.model)
        self._metrics.count(model, name, response.status, seconds, response.rows)
        if self._log_all:
            self._log(request, response, "", seconds=round(seconds, 6))

    async def _answer(self, request: Request, route: Route | None) -> Response:
        if route is None:
            raise self._nowhere(request)
        if (preflight := self._cors.preflight(request, route.allow)) is not None:
            return preflight
        if not route.open:
            check_token(request.header(b"authorization"), self._settings.tokens_sha256)
        handler = route.handler(request)
        if not route.open and not self._status.serving:
            raise loading(self._status)
        return await handler(request)

    def _nowhere(self, request: Request) -> HttpError:
        """The error for a path without a route: none is there yet while models are loaded, nor of one that failed."""
        if not self._status.serving:
            check_token(request.header(b"authorization"), self._settings.tokens_sha256)
            return loading(self._status)
        model = model_of(request.scope["raw_path"])
        if why := self._status.why_not(model):
            check_token(request.header(b"authorization"), self._settings.tokens_sha256)
            return HttpError(503, f"The model {model} is not served: {why}")
        return HttpError(404, f"RESTEASY003210: Could not find resource for full path: {request.url}")

    async def _send(self, send: Send, request: Request, response: Response) -> None:
        headers: Headers = [(b"x-request-id", request.id), *response.headers, *self._cors.headers(request)]
        if response.content_type:
            headers.append((b"content-type", response.content_type))
        if response.status != 204:
            headers.append((b"content-length", b"%d" % len(response.body)))
        if self._status.phase is Phase.DRAINING:
            headers.append((b"connection", b"close"))
        await send({"type": "http.response.start", "status": response.status, "headers": headers})
        await send({"type": "http.response.body", "body": response.body})

    def _log(self, request: Request, response: Response, detail: str, **fields: object) -> None:
        level = logging.ERROR if response.status >= 500 else logging.INFO
        more = {"detail": detail} if detail else {}
        log(
            level,
            "request",
            request_id=request.id.decode("latin-1"),
            method=request.method,
            path=request.scope["path"],
            status=response.status,
            **more,
            **fields,
        )


def loading(status: Status) -> HttpError:
    """The error for what only a loaded model can answer."""
    return HttpError(503, "The models are being loaded", status.progress(), headers={"Retry-After": "1"})
