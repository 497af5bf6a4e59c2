"""Private registries that AI Deploy is told of, and the leave to read the project's storage."""

import time
import uuid
from typing import Final

from migrate.sandbox.api.calls.project import PROJECT
from migrate.sandbox.base.errors import bad_request, not_found
from migrate.sandbox.base.flavors import check_region
from migrate.sandbox.base.requestlog import timestamp
from migrate.sandbox.world.people import Registration
from migrate.sandbox.world.world import Call, World

REGISTRY: Final = f"{PROJECT}/ai/registry"
AUTHORIZATION: Final = f"{PROJECT}/ai/authorization"


def _record(world: World, item: Registration) -> dict[str, object]:
    return {
        "createdAt": timestamp(item.created),
        "id": item.id,
        "password": None,
        "region": item.region,
        "updatedAt": timestamp(item.updated),
        "url": item.url,
        "user": world.identity.nichandle,
        "username": item.username,
    }


def _find(world: World, call: Call) -> Registration:
    item = world.people.registrations.get(call.path["registryId"])
    if item is None:
        raise not_found("This registry does not exist")
    return item


def _list(world: World, _call: Call) -> object:
    return [_record(world, item) for item in world.people.registrations.values()]


def _create(world: World, call: Call) -> object:
    body = call.body
    for name in ("url", "username", "password"):
        if not body[name]:
            raise bad_request(f"body.{name} must not be empty")
    check_region(body["region"], "body.region")
    now = time.time()
    item = Registration(
        id=str(uuid.uuid4()),
        region=body["region"],
        url=body["url"],
        username=body["username"],
        password=body["password"],
        created=now,
        updated=now,
    )
    world.people.registrations[item.id] = item
    return _record(world, item)


def _get(world: World, call: Call) -> object:
    return _record(world, _find(world, call))


def _update(world: World, call: Call) -> None:
    item = _find(world, call)
    item.url = call.body.get("url") or item.url
    item.username = call.body.get("username") or item.username
    item.password = call.body.get("password") or item.password
    item.updated = time.time()


def _delete(world: World, call: Call) -> None:
    del world.people.registrations[_find(world, call).id]


def _authorized(world: World, _call: Call) -> object:
    return {"authorized": world.authorized}


def _authorize(world: World, _call: Call) -> None:
    world.authorized = True


HANDLERS = {
    ("GET", REGISTRY): _list,
    ("POST", REGISTRY): _create,
    ("GET", f"{REGISTRY}/{{registryId}}"): _get,
    ("PUT", f"{REGISTRY}/{{registryId}}"): _update,
    ("DELETE", f"{REGISTRY}/{{registryId}}"): _delete,
    ("GET", AUTHORIZATION): _authorized,
    ("POST", AUTHORIZATION): _authorize,
}
