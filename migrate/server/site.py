"""The table of routes of one process: the models', and the process's own."""

from urllib.parse import quote

import msgspec

from migrate.server.errors import HttpError
from migrate.server.evaluation import Admission, Evaluation
from migrate.server.http import JSON, Request, Response
from migrate.server.limits import Settings
from migrate.server.metrics import CONTENT_TYPE, Metrics
from migrate.server.routes import Handler, Route, Router
from migrate.server.served import Served
from migrate.server.status import Status


def fixed(body: bytes, content_type: bytes = JSON) -> Handler:
    """A handler that always answers the same."""

    async def handler(request: Request) -> Response:
        del request
        return Response(body, content_type)

    return handler


def add_process_routes(router: Router, status: Status, metrics: Metrics) -> None:
    """Health and metrics."""

    async def ready(request: Request) -> Response:
        del request
        if not status.ready:
            raise HttpError(503, f"Not ready: {status.phase.value}", headers={"Retry-After": "1"})
        return Response(b'{"status":"ready"}')

    async def text(request: Request) -> Response:
        del request
        return Response(metrics.text(), CONTENT_TYPE)

    router.add(("health", "live"), Route("health", {"GET": fixed(b'{"status":"live"}')}, is_open=True))
    router.add(("health", "ready"), Route("health", {"GET": ready}, is_open=True))
    router.add(("metrics",), Route("metrics", {"GET": text}))


def add_model_routes(
    router: Router,
    models: list[Served],
    settings: Settings,
    admission: Admission,
) -> None:
    """Every model under its id, and the only model at the root too."""
    for served in models:
        name = served.model.id
        evaluation = Evaluation(served, settings, admission)
        describe = Route("describe", {"GET": fixed(served.describe)}, model=name, produces=("application/json",))
        evaluate = Route("eval", {"POST": evaluation}, model=name)
        for prefix in ((), (name,)) if len(models) == 1 else ((name,),):
            router.add((*prefix, "describe"), describe)
            router.add((*prefix, "eval"), evaluate)
            router.add(prefix, Route("page", {"GET": fixed(_page(served), b"text/html;charset=utf-8")}, model=name))
    if len(models) > 1:
        listing = {served.model.id: f"/{quote(served.model.id, safe='')}/" for served in models}
        router.add((), Route("page", {"GET": fixed(msgspec.json.encode(listing))}))


def _page(served: Served) -> bytes:
    return f"<!doctype html><title>{len(served.model.inputs)}</title>".encode()
