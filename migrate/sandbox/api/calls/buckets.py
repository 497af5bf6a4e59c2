"""S3 buckets through the API: listings, and presigned URLs for reading."""

import time
from itertools import islice
from typing import Final
from urllib.parse import quote

from migrate.sandbox.api.calls.project import PROJECT, STORAGE_REGIONS
from migrate.sandbox.base.errors import bad_request, not_found
from migrate.sandbox.base.requestlog import timestamp
from migrate.sandbox.world.objects import Container, StoredObject
from migrate.sandbox.world.world import Call, World

BUCKETS: Final = f"{PROJECT}/region/{{regionName}}/storage"
_MOST: Final = 1000
_LONGEST: Final = 7 * 24 * 3600
_OWNER: Final = 1


def _region(call: Call) -> str:
    region: str = call.path["regionName"]
    if region not in STORAGE_REGIONS:
        raise not_found("This region does not exist")
    return region


def _find(world: World, call: Call) -> Container:
    found = world.buckets.find(call.path["name"], _region(call))
    if found is None:
        raise not_found("This container does not exist")
    return found


def _place(world: World, bucket: Container) -> str:
    return f"{world.base}/s3/{bucket.region}/{quote(bucket.name, safe='')}"


def _bucket(world: World, bucket: Container) -> dict[str, object]:
    return {
        "createdAt": timestamp(bucket.made),
        "name": bucket.name,
        "objects": [],
        "objectsCount": len(bucket.objects),
        "objectsSize": bucket.size,
        "ownerId": _OWNER,
        "region": bucket.region,
        "virtualHost": _place(world, bucket),
    }


def _object(item: StoredObject, *, archive: bool) -> dict[str, object]:
    return {
        "etag": item.etag,
        "isCommonPrefix": False,
        "isDeleteMarker": False,
        "isLatest": True,
        "key": item.name,
        "lastModified": timestamp(item.modified),
        "restoreStatus": None,
        "size": item.size,
        "storageClass": "DEEP_ARCHIVE" if archive else "STANDARD",
        "versionId": None,
    }


def _buckets(world: World, call: Call) -> object:
    return [_bucket(world, bucket) for bucket in world.buckets.held(_region(call))]


def _objects(world: World, call: Call) -> object:
    bucket = _find(world, call)
    for name in ("delimiter", "withVersions", "versionIdMarker"):
        if call.query.get(name):
            raise bad_request(f"The sandbox does not take query.{name}")
    limit = call.query.get("limit", _MOST)
    if not 0 < limit <= _MOST:
        raise bad_request(f"query.limit must be between 1 and {_MOST}")
    found = bucket.listing(prefix=call.query.get("prefix", ""), marker=call.query.get("keyMarker", ""))
    return [_object(item, archive=bucket.archive) for item in islice(found, limit)]


def _presign(world: World, call: Call) -> object:
    bucket = _find(world, call)
    body = call.body
    if body.get("method") != "GET":
        raise bad_request("The sandbox signs for GET only")
    if not body.get("object"):
        raise bad_request("body.object must not be empty")
    seconds = body.get("expire", 3600)
    if not 0 < seconds <= _LONGEST:
        raise bad_request(f"body.expire must be between 1 and {_LONGEST}")
    name, expires = body["object"], int(time.time()) + seconds
    signature = world.buckets.signature(f"{bucket.region}/{bucket.name}/{name}", expires)
    url = f"{_place(world, bucket)}/{quote(name)}?X-Amz-Expires={expires}&X-Amz-Signature={signature}"
    host = world.base.partition("://")[2]
    return {"method": "GET", "signedHeaders": {"host": host}, "url": url}


HANDLERS = {
    ("GET", BUCKETS): _buckets,
    ("GET", f"{BUCKETS}/{{name}}/object"): _objects,
    ("POST", f"{BUCKETS}/{{name}}/presign"): _presign,
}
