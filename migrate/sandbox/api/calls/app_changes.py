"""AI Deploy: what changes an app that exists."""

import time
from typing import Any, Final

from migrate.sandbox.api.appspec import (
    check_environment,
    check_image,
    check_label,
    check_port,
    complete_probe,
    complete_resources,
    complete_scaling,
    complete_strategy,
)
from migrate.sandbox.api.calls.apps import APP, find_app, record
from migrate.sandbox.base.errors import bad_request, conflict
from migrate.sandbox.world.apps import RESTING, AppRecord
from migrate.sandbox.world.world import Call, World

_SIZE: Final = ("cpu", "flavor", "flavorCount", "gpu")


def _start(world: World, call: Call) -> object:
    app = find_app(world, call)
    if app.state not in RESTING:
        raise conflict(f"This app cannot be started: it is {app.state}")
    world.apps.start(app)
    return None


def _stop(world: World, call: Call) -> object:
    app = find_app(world, call)
    if app.state in RESTING or app.state in {"STOPPING", "DELETING", "DELETED"}:
        raise conflict(f"This app cannot be stopped: it is {app.state}")
    world.apps.stop(app)
    return None


def _changeable(world: World, call: Call) -> AppRecord:
    app = find_app(world, call)
    if app.state in {"DELETING", "DELETED"}:
        raise conflict("This app is being deleted")
    app.updated = time.time()
    return app


def _rolled(world: World, app: AppRecord) -> None:
    if world.options.image_update == "rolling" and app.state == "RUNNING":
        world.apps.rescale(app, relaunch=True)


def _image(world: World, call: Call) -> object:
    check_image(call.body["url"], "body.url")
    app = _changeable(world, call)
    app.spec["image"] = call.body["url"]
    _rolled(world, app)
    return {"message": "The image of the app has been changed"}


def _update(world: World, call: Call) -> object:
    body: dict[str, Any] = call.body
    changes: dict[str, Any] = {}
    for where in ("defaultHttpPort", "grpcPort"):
        check_port(body.get(where), f"body.{where}")
        changes |= {where: body[where]} if body.get(where) is not None else {}
    if body.get("url") is not None:
        check_image(body["url"], "body.url")
        changes["image"] = body["url"]
    if body.get("command") is not None:
        changes["command"] = body["command"]
    if body.get("envVars") is not None:
        given = [item | {"value": item.get("value") or ""} for item in body["envVars"]]
        changes["envVars"] = check_environment(given)
    for where in ("probe", "livenessProbe"):
        if body.get(where) is not None:
            changes[where] = complete_probe(body[where], f"body.{where}")
    if body.get("deploymentStrategy") is not None:
        changes["deploymentStrategy"] = complete_strategy(body["deploymentStrategy"])
    asked = {name: body[name] for name in _SIZE if body.get(name) is not None}
    if asked:
        changes["resources"] = complete_resources(asked)
    app = _changeable(world, call)
    app.spec |= changes
    _rolled(world, app)
    return record(app)


def _scaling(world: World, call: Call) -> object:
    strategy = complete_scaling(call.body, "body")
    app = _changeable(world, call)
    app.spec["scalingStrategy"] = strategy
    if app.state == "RUNNING":
        world.apps.rescale(app, relaunch=False)
    return None


def _label(world: World, call: Call) -> object:
    name, value = call.body["name"], call.body.get("value")
    if name.startswith("ovh/"):
        raise bad_request("body.name: labels under ovh/ belong to the platform")
    check_label(name, value or "")
    app = _changeable(world, call)
    if value is None:
        app.spec["labels"].pop(name, None)
    else:
        app.spec["labels"][name] = value
    return None


HANDLERS = {
    ("PUT", f"{APP}/{{appId}}"): _update,
    ("PUT", f"{APP}/{{appId}}/image"): _image,
    ("PUT", f"{APP}/{{appId}}/label"): _label,
    ("PUT", f"{APP}/{{appId}}/scalingstrategy"): _scaling,
    ("PUT", f"{APP}/{{appId}}/start"): _start,
    ("PUT", f"{APP}/{{appId}}/stop"): _stop,
}
