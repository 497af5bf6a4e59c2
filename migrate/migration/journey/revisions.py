"""What lies at a model's place now, as one short text: a file that was uploaded again is fetched again."""

import os
from collections import defaultdict
from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Final

from msgspec import Struct

from migrate.core.errors import MigrateError
from migrate.core.names import digest_of
from migrate.core.values import BucketLocation, ContainerLocation, FolderLocation, ModelRecord
from migrate.ovhcloud import storage
from migrate.ovhcloud.s3 import bucket_store
from migrate.ovhcloud.session import Cloud
from migrate.ovhcloud.stored import StoredObject
from migrate.ovhcloud.swift import object_store
from migrate.sources.buckets import store_of
from migrate.sources.containers import find_container
from migrate.sources.folders import files_of_model
from migrate.sources.large_objects import is_marker
from migrate.sources.unread import read_ones

if TYPE_CHECKING:
    from migrate.ovhcloud.objects import ObjectStore

_WHOLE: Final = 1000  # objects: a listing that is shorter is surely complete (contract: Object Storage)
_SECONDS: Final = len("2021-03-02T08:12:41")  # the API and Swift write times with different ends


class Seen(Struct, frozen=True):
    """What lies at a model's place: one text for names, sizes and times, and the bytes in all.

    ``size`` is None where nothing says it: a dynamic large object of any size is listed with 0 bytes, as a link is.
    """

    revision: str
    size: int | None


UNKNOWN: Final = Seen("", None)

_Object = storage.ContainerObject | StoredObject


def revisions(
    cloud: Cloud, records: tuple[ModelRecord, ...], *, jobs: int, environ: Mapping[str, str] = os.environ
) -> dict[str, Seen]:
    """What is seen of each model, by id; ``UNKNOWN`` where it cannot be seen now, which fetching will explain.

    Models of one container or bucket are read off the listing that told them, or else off one of all the container,
    where that fits into one answer.
    """
    listed = _kept(cloud, records)
    places = {record.location.container_id for record in records if isinstance(record.location, ContainerLocation)}
    listed |= {
        place: objects
        for place in places
        if place and place not in listed and (objects := _whole(cloud, place)) is not None
    }
    with ThreadPoolExecutor(max_workers=max(1, jobs), thread_name_prefix="look") as pool:
        found = pool.map(lambda record: _revision(cloud, record, listed, environ), records)
        return dict(zip((record.id for record in records), found, strict=True))


def _kept(cloud: Cloud, records: tuple[ModelRecord, ...]) -> dict[str, tuple[_Object, ...]]:
    """What the listing of this source has just seen of a container or bucket, where that covers all of its models."""
    stores: dict[str, ObjectStore] = {}
    paths: defaultdict[str, list[str]] = defaultdict(list)
    for record in records:
        match record.location:
            case ContainerLocation(container_id=known, container=name, region=region) as place if known:
                stores[_place(place)] = object_store(cloud, container_id=known, container=name, region=region)
            case BucketLocation(bucket=name, region=region, endpoint=None) as place:
                stores[_place(place)] = bucket_store(cloud, bucket=name, region=region)
            case _:
                continue
        paths[_place(place)] += _paths(place)
    kept = {name: listing for name, store in stores.items() if (listing := store.take_listing()) is not None}
    return {
        name: objects
        for name, (prefix, objects) in kept.items()
        if all(not prefix or path == prefix or path.startswith(f"{prefix}/") for path in paths[name])
    }


def _place(place: ContainerLocation | BucketLocation) -> str:
    """A name for the container or bucket; empty where a container's id is not known."""
    if isinstance(place, ContainerLocation):
        return place.container_id
    return f"{place.endpoint} {place.region} {place.bucket}"


def _whole(cloud: Cloud, container_id: str) -> tuple[_Object, ...] | None:
    try:
        objects = storage.objects(cloud, container_id, "")
    except MigrateError:
        return None
    return objects if len(objects) < _WHOLE else None


def _revision(
    cloud: Cloud, record: ModelRecord, listed: dict[str, tuple[_Object, ...]], environ: Mapping[str, str]
) -> Seen:
    try:
        match record.location:
            case ContainerLocation() as place:
                return _of_objects(listed.get(_place(place)) or _below(cloud, place), _paths(place))
            case BucketLocation() as place:
                objects = listed.get(_place(place)) or store_of(place, cloud, environ).list(_above(_paths(place)))
                return _of_objects(objects, _paths(place))
            case FolderLocation() as place:
                files = read_ones(files_of_model(place), lambda file: file[0], place.beside)
                return _seen([(name, str(size), str(real.stat().st_mtime_ns)) for name, real, size in files])
            case _:
                return UNKNOWN
    except (MigrateError, OSError):
        return UNKNOWN


def _seen(facts: list[tuple[str, str, str]]) -> Seen:
    return Seen(digest_of(*(part for fact in sorted(facts) for part in fact)), sum(int(size) for _, size, _ in facts))


def _below(cloud: Cloud, place: ContainerLocation) -> tuple[_Object, ...]:
    container_id = place.container_id or find_container(cloud, place.container, place.region).id
    store = object_store(cloud, container_id=container_id, container=place.container, region=place.region)
    return store.list(_above(_paths(place)))


def _paths(place: ContainerLocation | BucketLocation) -> tuple[str, ...]:
    """The paths of a model's objects: the one of its place, and those of the files beside that."""
    path = place.path.strip("/")
    folder = path.rpartition("/")[0]
    return path, *(f"{folder}/{name}" if folder else name for name in place.beside)


def _above(paths: tuple[str, ...]) -> str:
    """What to list to see all of these."""
    return paths[0] if len(paths) == 1 else paths[0].rpartition("/")[0]


def _of_objects(objects: Iterable[_Object], paths: tuple[str, ...]) -> Seen:
    """By names, sizes and times of what the paths may mean: the objects of these names, and what lies under the first.

    What is beside a file is read whatever it is called.
    """
    path, beside = paths[0], frozenset(paths[1:])
    every = list(objects)
    meant = read_ones(
        (item for item in every if not path or item.name == path or item.name.startswith(f"{path}/")),
        lambda item: item.name[len(path) :].lstrip("/"),
    )
    meant += [item for item in every if item.name in beside]
    seen = _seen([(item.name, str(item.size), item.last_modified[:_SECONDS]) for item in meant])
    return seen if all(item.size or is_marker(item) for item in meant) else Seen(seen.revision, None)
