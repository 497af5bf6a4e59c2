"""What lies at a model's place now, as one short text: a file that was uploaded again is fetched again."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Final

from migrate.core.errors import MigrateError
from migrate.core.names import digest_of
from migrate.core.values import ContainerLocation, FolderLocation, ModelRecord
from migrate.ovhcloud.objects import object_store
from migrate.ovhcloud.session import Cloud
from migrate.sources.containers import find_container, objects_at
from migrate.sources.folders import files_of

UNKNOWN: Final = ""


def revisions(cloud: Cloud, records: tuple[ModelRecord, ...], *, jobs: int) -> dict[str, str]:
    """The revision of each model, by id; ``UNKNOWN`` where it cannot be seen now, which fetching will explain."""
    with ThreadPoolExecutor(max_workers=max(1, jobs), thread_name_prefix="look") as pool:
        found = pool.map(lambda record: _revision(cloud, record), records)
        return dict(zip((record.id for record in records), found, strict=True))


def _revision(cloud: Cloud, record: ModelRecord) -> str:
    facts: list[tuple[str, ...]] = []
    try:
        match record.location:
            case ContainerLocation() as place:
                container_id = place.container_id or find_container(cloud, place.container, place.region).id
                store = object_store(cloud, container_id=container_id, container=place.container, region=place.region)
                facts = [
                    (item.path, str(item.stored.size), item.stored.last_modified[:19])
                    for item in objects_at(store, place.path)
                ]
            case FolderLocation() as place:
                for name, real, size in files_of(Path(place.path)):
                    facts.append((name, str(size), str(real.stat().st_mtime_ns)))
            case None:
                return UNKNOWN
    except (MigrateError, OSError):
        return UNKNOWN
    return digest_of(*(part for fact in sorted(facts) for part in fact))
