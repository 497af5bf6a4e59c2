"""Object Storage through the API: containers, listings, temporary URLs, and the way to Swift itself."""

import math
import time
from itertools import islice
from typing import Final

from migrate.sandbox.api.calls.project import PROJECT, STORAGE_REGIONS
from migrate.sandbox.base.errors import bad_request, not_found
from migrate.sandbox.base.requestlog import timestamp
from migrate.sandbox.base.validation import parse_datetime
from migrate.sandbox.world.objects import Container, StoredObject
from migrate.sandbox.world.world import Call, World

STORAGE: Final = f"{PROJECT}/storage"


def _find(world: World, call: Call) -> Container:
    container = world.objects.containers.get(call.path["containerId"])
    if container is None:
        raise not_found("This container does not exist")
    return container


def _container(container: Container, *, typed: bool) -> dict[str, object]:
    return {
        "archive": container.archive,
        "containerType": "private" if typed else None,
        "id": container.id,
        "name": container.name,
        "region": container.region,
        "storedBytes": sum(item.size for item in container.objects.values()),
        "storedObjects": len(container.objects),
    }


def _object(item: StoredObject, *, archive: bool) -> dict[str, object]:
    return {
        "contentType": item.content_type,
        "lastModified": timestamp(item.modified),
        "name": item.name,
        "retrievalDelay": 0,
        "retrievalState": "sealed" if archive else "unsealed",
        "size": item.size,
    }


def _containers(world: World, call: Call) -> object:
    typed = bool(call.query.get("includeType"))
    return [_container(container, typed=typed) for container in world.objects.containers.values()]


def _detail(world: World, call: Call) -> object:
    container = _find(world, call)
    found = container.listing(prefix=call.query.get("prefix", ""))
    cap = 0 if call.query.get("noObjects") else world.options.listing_cap
    return {
        "archive": container.archive,
        "containerType": "private",
        "cors": [],
        "name": container.name,
        "objects": [_object(item, archive=container.archive) for item in islice(found, cap)],
        "public": False,
        "region": container.region,
        "staticUrl": f"{endpoint(world, container.region)}/{container.name}",
        "storedBytes": sum(item.size for item in container.objects.values()),
        "storedObjects": len(container.objects),
    }


def _public_url(world: World, call: Call) -> object:
    container = _find(world, call)
    name = call.body["objectName"]
    expires = parse_datetime(call.body["expirationDate"])
    if expires.timestamp() <= time.time():
        raise bad_request("body.expirationDate is in the past")
    if not name:
        raise bad_request("body.objectName must not be empty")
    number = math.floor(expires.timestamp())
    path = f"/v1/{world.objects.account}/{container.name}/{name}"
    url = f"{origin(world, container.region)}{world.objects.path_of(container.name, name)}"
    return {
        "expirationDate": call.body["expirationDate"],
        "getURL": f"{url}?{world.objects.sign(path, number)}",
    }


def _access(world: World, _call: Call) -> object:
    regions = sorted({*STORAGE_REGIONS, *(item.region for item in world.objects.containers.values())})
    return {
        "endpoints": [{"region": region, "url": endpoint(world, region)} for region in regions],
        "token": world.swift_tokens.issue(),
    }


def origin(world: World, region: str) -> str:
    """Where the object storage of a region answers."""
    return f"{world.base}/swift/{region}"


def endpoint(world: World, region: str) -> str:
    """The project's account at the object storage of a region."""
    return f"{origin(world, region)}/v1/{world.objects.account}"


HANDLERS = {
    ("GET", STORAGE): _containers,
    ("GET", f"{STORAGE}/{{containerId}}"): _detail,
    ("POST", f"{STORAGE}/{{containerId}}/publicUrl"): _public_url,
    ("POST", f"{STORAGE}/access"): _access,
}
