"""The table of routes of one process: the models', and the process's own."""

import json
from urllib.parse import quote

from migrate.server import openapi, page
from migrate.server.app import Status
from migrate.server.errors import HttpError
from migrate.server.evaluation import Admission, Evaluation
from migrate.server.http import JSON, Headers, Request, Response
from migrate.server.limits import Settings
from migrate.server.metrics import CONTENT_TYPE, Metrics
from migrate.server.routes import Handler, Route, Router
from migrate.server.served import Served

_PAGE_HEADERS: Headers = [(b"content-security-policy", page.POLICY), (b"x-content-type-options", b"nosniff")]
_ASSET_HEADERS: Headers = [(b"cache-control", b"public, max-age=3600"), (b"x-content-type-options", b"nosniff")]
_JSON_ONLY = ("application/json",)


def fixed(body: bytes, content_type: bytes = JSON, headers: Headers | None = None) -> Handler:
    """A handler that always answers the same."""

    async def handler(request: Request) -> Response:
        del request
        return Response(body, content_type, headers=headers)

    return handler


async def asset(request: Request) -> Response:
    """A style sheet or script; an unknown one is 204 and empty, as it always was."""
    found = page.asset(request.scope["path"].rstrip("/").rpartition("/")[2])
    if found is None:
        return Response(b"", b"", status=204)
    body, content_type = found
    return Response(body, content_type, headers=_ASSET_HEADERS)


def exposition(metrics: Metrics) -> bytes:
    """The text of ``/metrics``; the library for it is imported when somebody asks."""
    from migrate.server.exposition import exposition_text  # noqa: PLC0415 - it would delay the start by a quarter

    return exposition_text(metrics)


def add_process_routes(router: Router, status: Status, metrics: Metrics) -> None:
    """Health, metrics, and the files of the pages."""

    async def ready(request: Request) -> Response:
        del request
        if not status.ready:
            raise HttpError(503, f"Not ready: {status.phase.value}", headers={"Retry-After": "1"})
        return Response(b'{"status":"ready"}')

    async def text(request: Request) -> Response:
        del request
        return Response(exposition(metrics), CONTENT_TYPE)

    router.add(("health", "live"), Route("health", {"GET": fixed(b'{"status":"live"}')}, is_open=True))
    router.add(("health", "ready"), Route("health", {"GET": ready}, is_open=True))
    router.add(("metrics",), Route("metrics", {"GET": text}))
    router.add_files((), Route("page", {"GET": asset}))


def add_model_routes(router: Router, models: list[Served], settings: Settings, admission: Admission) -> None:
    """Every model under its id, and the only model at the root too; several have a page that lists them."""
    for served in models:
        routes = _model_routes(served, settings, admission)
        model = served.model
        for prefix in ((), (model.id,)) if len(models) == 1 else ((model.id,),):
            for name, route in routes.items():
                router.add((*prefix, name) if name else prefix, route)
            router.add_files(prefix, Route("page", {"GET": asset}, model=model.id))
    if len(models) > 1:
        listing = page.list_page(served.model for served in models)
        handler = fixed(listing, page.HTML, _PAGE_HEADERS)
        router.add((), Route("page", {"GET": handler}, produces=("text/html",)))


def _model_routes(served: Served, settings: Settings, admission: Admission) -> dict[str, Route]:
    model = served.model
    example = served.example or openapi.example_request(model)
    document = openapi.document(model, example)
    as_json = fixed(json.dumps(document, indent=2).encode())
    as_yaml = fixed(openapi.to_yaml(document).encode(), b"application/yaml")
    html = page.model_page(model, example)

    async def model_page(request: Request) -> Response:
        if request.scope["path"].endswith("/"):
            return Response(html, page.HTML, headers=_PAGE_HEADERS)
        # The page's links are relative to its folder, so that it works behind any prefix.
        target = quote(model.id, safe="").encode() + b"/"
        return Response(b"", b"", status=307, headers=[(b"location", target)])

    def route(name: str, handler: Handler, produces: tuple[str, ...]) -> Route:
        return Route(name, {"GET": handler}, model=model.id, produces=produces)

    return {
        "": route("page", model_page, ("text/html",)),
        "describe": route("describe", fixed(served.describe), _JSON_ONLY),
        "eval": Route("eval", {"POST": Evaluation(served, settings, admission)}, model=model.id),
        "openapi.json": route("openapi", as_json, _JSON_ONLY),
        "openapi.yaml": route("openapi", as_yaml, ("application/yaml",)),
    }
