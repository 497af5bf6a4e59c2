"""The objects of a model as a plan has them: names, sizes, ETags and times of change, without their bytes."""

import hashlib
from collections.abc import Container, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Final

from migrate.core.errors import MigrateError, NeedsYouError
from migrate.core.looked import NotKnown, SeenObject
from migrate.core.planfile.content import PlannedObject
from migrate.core.text import printable
from migrate.core.values import FolderLocation, ModelRecord
from migrate.machine.disk import unreadable
from migrate.migration.run.cloud_run import Run
from migrate.sources.containers import objects_of_model
from migrate.sources.fetch import files_at, store_at
from migrate.sources.look import open_model

_BLOCK: Final = 1 << 20


def planned_objects(record: ModelRecord, seen: Iterable[SeenObject]) -> tuple[PlannedObject, ...]:
    """What a look has seen, by name; files of a machine by their bytes, for their times mean nothing elsewhere.

    Raises:
        LocalError: A file of a folder cannot be read.
    """
    if isinstance(record.location, FolderLocation):
        return _files(record.location)
    found = [
        PlannedObject(
            name=plain_name(item.name),
            size=item.size,
            etag=printable(item.etag, 180),
            changed=printable(item.last_modified, 30),
        )
        for item in seen
    ]
    return tuple(sorted(found, key=lambda item: item.name))


def objects_of_all(
    run: Run, seen: Mapping[str, tuple[SeenObject, ...]], *, optional: Container[str]
) -> dict[str, tuple[PlannedObject, ...]]:
    """The objects of every model of a run by its id; those that nobody has looked at yet are asked for now.

    Args:
        run: The run.
        seen: What is known already.
        optional: The models that have none where they cannot be asked for.

    Raises:
        MigrateError: The storage does not tell, or a file of a folder cannot be read.
    """
    records = run.listing.models

    def ask(record: ModelRecord) -> tuple[PlannedObject, ...]:
        try:
            return planned_objects(record, seen.get(record.id) or _now(run, record))
        except MigrateError:
            if record.id in optional:
                return ()
            raise

    with ThreadPoolExecutor(max_workers=run.options.jobs, thread_name_prefix="objects") as pool:
        return dict(zip((record.id for record in records), pool.map(ask, records), strict=True))


def file_digest(path: Path) -> str:
    """``sha256:`` and the SHA-256 of a file.

    Raises:
        OSError: It cannot be read.
    """
    sha = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(_BLOCK):
            sha.update(block)
    return f"sha256:{sha.hexdigest()}"


def plain_name(text: str) -> str:
    """A name from outside; a plan can hold any that is text."""
    return text.encode("utf-8", "backslashreplace").decode()


def _now(run: Run, record: ModelRecord) -> tuple[SeenObject, ...]:
    location = record.location
    if location is None or isinstance(location, FolderLocation):
        return ()
    try:
        return open_model(record, run.storage, stopped=run.stop.is_set, environ=run.environ).objects
    except (NotKnown, MigrateError):  # they cannot be opened as they are, and a listing has to do
        listed = objects_of_model(store_at(location, run.storage, run.environ), location)
    return tuple(
        SeenObject(name=item.stored.name, size=item.stored.size, etag="", last_modified=f"{item.stored.last_modified}Z")
        for item in listed
    )


def _files(location: FolderLocation) -> tuple[PlannedObject, ...]:
    try:
        found = [
            PlannedObject(name=plain_name(name), size=size, etag=file_digest(real), changed="")
            for name, real, size in files_at(location)
        ]
    except OSError as error:
        raise unreadable(Path(location.path), error) from error
    except NeedsYouError:
        return ()
    return tuple(sorted(found, key=lambda item: item.name))
