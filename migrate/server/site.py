"""The table of routes of one process: the models', and the process's own."""

import json
from collections.abc import Callable, Mapping
from collections.abc import Set as AbstractSet
from functools import cache
from urllib.parse import quote

from migrate.server import openapi, page
from migrate.server.access import check_token
from migrate.server.errors import HttpError
from migrate.server.evaluation import Admission, Evaluation
from migrate.server.http import JSON, Headers, Request, Response
from migrate.server.limits import Settings
from migrate.server.metrics import CONTENT_TYPE, Metrics
from migrate.server.model import Model
from migrate.server.routes import Handler, Route, Router
from migrate.server.rows import RowThreads
from migrate.server.served import Served
from migrate.server.status import Status

_PAGE_HEADERS: Headers = [(b"content-security-policy", page.POLICY), (b"x-content-type-options", b"nosniff")]
_ASSET_HEADERS: Headers = [(b"cache-control", b"public, max-age=3600"), (b"x-content-type-options", b"nosniff")]
_JSON_ONLY = ("application/json",)


def fixed(body: bytes, content_type: bytes = JSON, headers: Headers | None = None) -> Handler:
    """A handler that always answers the same."""

    async def handler(request: Request) -> Response:
        del request
        return Response(body, content_type, headers=headers)

    return handler


def made_once(make: Callable[[], bytes], content_type: bytes = JSON, headers: Headers | None = None) -> Handler:
    """A handler that always answers the same, made when it is asked for first: of many models, few ever are."""
    body = cache(make)

    async def handler(request: Request) -> Response:
        del request
        return Response(body(), content_type, headers=headers)

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


def add_process_routes(
    router: Router, status: Status, metrics: Metrics, rows: RowThreads, tokens: AbstractSet[str]
) -> None:
    """Health, metrics, and the files of the pages; ``tokens`` are the digests of those that are accepted."""

    async def ready(request: Request) -> Response:
        tells = _is_accepted(request, tokens)
        busy = check_ready(status, rows, tells=tells)
        found = readiness(status, busy) if tells else {"status": "ready"}
        return Response(json.dumps(found).encode())

    async def text(request: Request) -> Response:
        del request
        return Response(exposition(metrics), CONTENT_TYPE)

    router.add(("health", "live"), Route("health", {"GET": fixed(b'{"status":"live"}')}, is_open=True))
    router.add(("health", "ready"), Route("health", {"GET": ready}, is_open=True))
    router.add(("metrics",), Route("metrics", {"GET": text}))
    router.add_files((), Route("page", {"GET": asset}))


def _is_accepted(request: Request, tokens: AbstractSet[str]) -> bool:
    """Whether a caller may know of models: a probe, which has no token, only asks whether they answer."""
    try:
        check_token(request.header(b"authorization"), tokens)
    except HttpError:
        return False
    return True


def refusals(status: Status, rows: RowThreads) -> dict[str, str]:
    """The models that are served and do not answer now, and why."""
    return {name: why for name in status.served if (why := rows.refusal(name) or status.failing.get(name, ""))}


def check_ready(status: Status, rows: RowThreads, *, tells: bool = False) -> dict[str, str]:
    """The models that are served and do not answer now, and why.

    Raises:
        HttpError: 503, when no model answers, or not any longer; it names them where it ``tells``.
    """
    busy = refusals(status, rows)
    if not status.ready or len(busy) == len(status.served):
        detail = json.dumps(busy) if busy else status.progress()
        what = "no model answers" if status.ready else status.phase.value
        raise HttpError(503, f"Not ready: {what}", detail if tells else "", headers={"Retry-After": "1"})
    return busy


def readiness(status: Status, busy: Mapping[str, str]) -> dict[str, object]:
    """The answer of ``/health/ready``: the models that do not answer, and why, beside those that do.

    Args:
        status: Which models there are.
        busy: What :func:`check_ready` found.
    """
    names = (*status.unserved, *status.loading)
    unserved = {name: status.why_not(name) for name in names} | dict(busy)
    found: dict[str, object] = {"status": "ready"}
    if unserved:
        found["not_served"] = unserved
    if status.loading:
        found["loading"] = list(status.loading)
    return found


def add_model_routes(
    router: Router, served: Served, settings: Settings, admission: Admission, *, is_only: bool
) -> None:
    """A model under its id, and the only one at the root too."""
    routes = _model_routes(served, settings, admission)
    model = served.model
    for prefix in ((), (model.id,)) if is_only else ((model.id,),):
        for name, route in routes.items():
            router.add((*prefix, name) if name else prefix, route)
        router.add_files(prefix, Route("page", {"GET": asset}, model=model.id))


def add_list_route(router: Router, models: Mapping[str, Model], status: Status) -> None:
    """The page that lists several models, those that are served and those that are not."""

    async def handler(request: Request) -> Response:
        del request
        reasons = {name: status.why_not(name) for name in (*status.unserved, *status.loading)}
        served = (models[name] for name in sorted(status.served))
        return Response(page.list_page(served, reasons), page.HTML, headers=_PAGE_HEADERS)

    router.add((), Route("page", {"GET": handler}, produces=("text/html",)))


def _model_routes(served: Served, settings: Settings, admission: Admission) -> dict[str, Route]:
    model = served.model

    @cache
    def example() -> dict[str, object]:
        return served.example or openapi.example_request(model)

    @cache
    def document() -> dict[str, object]:
        return openapi.document(model, example())

    as_json = made_once(lambda: json.dumps(document(), indent=2).encode())
    as_yaml = made_once(lambda: openapi.to_yaml(document()).encode(), b"application/yaml")
    html = made_once(lambda: page.model_page(model, example()), page.HTML, _PAGE_HEADERS)

    async def model_page(request: Request) -> Response:
        if request.scope["path"].endswith("/"):
            return await html(request)
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
