"""AI Deploy: list, create, read and delete apps, their logs, and the command line that would make one."""

import asyncio
import shlex
from datetime import UTC, datetime
from typing import Any, Final

from migrate.sandbox.api.appspec import complete_spec
from migrate.sandbox.api.calls.project import PROJECT
from migrate.sandbox.base.errors import bad_request, conflict, error, not_found
from migrate.sandbox.base.requestlog import timestamp
from migrate.sandbox.base.validation import parse_datetime
from migrate.sandbox.world.apps import RESTING, AppRecord
from migrate.sandbox.world.people import parse_selector
from migrate.sandbox.world.world import Call, World

APP: Final = f"{PROJECT}/ai/app"
_SORTS: Final = {"createdAt": "created", "updatedAt": "updated", "id": "id"}
_PAGE: Final = 100


def find_app(world: World, call: Call) -> AppRecord:
    """The app of the path.

    Raises:
        ApiError: 404.
    """
    app = world.apps.find(call.path["appId"])
    if app is None:
        raise not_found("This app does not exist")
    return app


def show(world: World, app: AppRecord) -> dict[str, object]:
    """The app as the API answers it; its state counts as seen."""
    world.apps.show(app)
    return record(app)


def record(app: AppRecord) -> dict[str, object]:
    """The app as the API answers it."""
    region = app.spec["region"].lower()
    return {
        "createdAt": timestamp(app.created),
        "id": app.id,
        "spec": app.spec,
        "status": {
            "availableReplicas": app.replicas() if app.state == "RUNNING" else 0,
            "dataSync": [],
            "grpcAddress": None,
            "history": [{"date": timestamp(moment), "state": state} for state, moment in app.history],
            "info": {"code": app.info_code(), "message": app.message},
            "infoUrl": f"https://ui.{region}.ai.cloud.ovh.net/app/{app.id}",
            "internalServiceIp": None,
            "lastTransitionDate": timestamp(app.since),
            "monitoringUrl": f"https://monitoring.{region}.ai.cloud.ovh.net/d/app?var-app={app.id}",
            "state": app.state,
            "url": app.url,
            "volumes": [],
        },
        "updatedAt": timestamp(app.updated),
        "user": app.user,
    }


def _list(world: World, call: Call) -> object:
    query = call.query
    found = [app for app in world.apps.all() if _selected(app, query)]
    sort = query.get("sort", "createdAt")
    if sort not in _SORTS:
        raise bad_request(f"query parameter sort must be one of {', '.join(_SORTS)}")
    found.sort(key=lambda app: getattr(app, _SORTS[sort]), reverse=query.get("order", "asc") == "desc")
    page, size = query.get("page", 1), query.get("size", _PAGE)
    if page < 1 or not 1 <= size <= _PAGE:
        raise bad_request(f"query parameter page begins at 1, and size is from 1 to {_PAGE}")
    return [show(world, app) for app in found[(page - 1) * size : page * size]]


def _selected(app: AppRecord, query: dict[str, Any]) -> bool:
    try:
        selector = parse_selector(query.get("labelSelector", ""))
    except ValueError:
        raise bad_request("query parameter labelSelector must be key=value[,key=value...]") from None
    after, before = query.get("updatedAfter"), query.get("updatedBefore")
    updated = datetime.fromtimestamp(app.updated, UTC)
    return (
        all(app.spec["labels"].get(key) == value for key, value in selector.items())
        and ("statusState" not in query or app.state in query["statusState"])
        and query.get("userName", app.user) == app.user
        and (after is None or updated > parse_datetime(after))
        and (before is None or updated < parse_datetime(before))
    )


def _create(world: World, call: Call) -> object:
    spec = complete_spec(call.body)
    if not world.authorized:
        raise error(403, "Client::Forbidden", "The project has not authorized AI Deploy: POST ai/authorization first")
    made = record(world.apps.create(spec, world.identity.nichandle))
    status = made["status"]
    # The state is nullable right after the creation, and callers must live with that.
    return made | {"status": status | {"state": None}} if isinstance(status, dict) else made


def _command(_world: World, call: Call) -> object:
    spec = complete_spec(call.body)
    words = ["ovhai", "app", "run", "--name", spec["name"], "--flavor", spec["resources"]["flavor"]]
    kind = "gpu" if spec["resources"]["gpu"] else "cpu"
    words += [f"--{kind}", str(spec["resources"]["flavorCount"])]
    words += ["--default-http-port", str(spec["defaultHttpPort"])]
    for key, value in spec["labels"].items():
        words += ["--label", f"{key}={value}"]
    for item in spec["envVars"]:
        words += ["--env", f"{item['name']}={item['value']}"]
    fixed, automatic = spec["scalingStrategy"]["fixed"], spec["scalingStrategy"]["automatic"]
    if fixed:
        words += ["--replicas", str(fixed["replicas"])]
    else:
        words += ["--auto-min-replicas", str(automatic["replicasMin"])]
        words += ["--auto-max-replicas", str(automatic["replicasMax"])]
    if spec["probe"] and spec["probe"]["path"]:
        words += ["--probe-path", spec["probe"]["path"]]
    if spec["unsecureHttp"]:
        words.append("--unsecure-http")
    words.append(spec["image"])
    if spec["command"]:
        words += ["--", *spec["command"]]
    return {"command": shlex.join(words)}


def _get(world: World, call: Call) -> object:
    return show(world, find_app(world, call))


def _delete(world: World, call: Call) -> object:
    app = find_app(world, call)
    if app.state in {"DELETING", "DELETED"}:
        raise conflict("This app is already being deleted")
    if app.state not in RESTING and not call.query.get("force"):
        raise conflict("This app is running: stop it first, or force its deletion")
    world.apps.delete(app)
    return None


async def _log(world: World, call: Call) -> object:
    app = find_app(world, call)
    lines = await asyncio.to_thread(world.apps.log, app)
    page, size = call.query.get("page", 1), call.query.get("size", 1000)
    if page < 1 or size < 1:
        raise bad_request("query parameters page and size begin at 1")
    shown = lines[(page - 1) * size : page * size]
    return {
        "lastActivity": lines[-1].timestamp if lines else None,
        "logs": [{"content": line.content, "timestamp": line.timestamp} for line in shown],
    }


HANDLERS = {
    ("GET", APP): _list,
    ("POST", APP): _create,
    ("POST", f"{APP}/command"): _command,
    ("GET", f"{APP}/{{appId}}"): _get,
    ("DELETE", f"{APP}/{{appId}}"): _delete,
    ("GET", f"{APP}/{{appId}}/log"): _log,
}
