"""From a model's record to its files on this machine, in the shared content store."""

import hashlib
import os
import shutil
import threading
from collections.abc import Callable, Mapping
from concurrent.futures import FIRST_EXCEPTION, ThreadPoolExecutor, wait
from contextlib import closing
from pathlib import Path
from typing import Final

from msgspec import Struct

from migrate.core.errors import Interrupted, NeedsYouError, RemoteError
from migrate.core.names import digest_of
from migrate.core.text import printable, type_again
from migrate.core.values import (
    Artifact,
    ArtifactFile,
    BucketLocation,
    ContainerLocation,
    FolderLocation,
    Location,
    ModelRecord,
    to_json,
)
from migrate.machine.disk import disk_error, disk_errors, unreadable
from migrate.machine.locks import exclusive
from migrate.machine.room import Held, Need, Room, Space
from migrate.ovhcloud.objects import ObjectStore
from migrate.ovhcloud.session import Cloud
from migrate.ovhcloud.swift import object_store
from migrate.sources.buckets import store_of
from migrate.sources.containers import ModelObject, find_container, objects_of_model
from migrate.sources.download import Download, waiter
from migrate.sources.failures import CHANGED, changed_again
from migrate.sources.folders import files_of_model
from migrate.sources.paths import check_paths, inside
from migrate.sources.ranges import LEAST, Connections, connections
from migrate.sources.unread import read_ones

Progress = Callable[[int, int | None], None]

_AT_ONCE: Final = 4
_CHUNK: Final = 1024 * 1024


def fetch(
    record: ModelRecord,
    store: Path,
    cloud: Cloud | None,
    progress: Progress,
    *,
    stop: threading.Event,
    tell: Callable[[str], None] = lambda _: None,
    space: Space | None = None,
    environ: Mapping[str, str] = os.environ,
) -> Artifact:
    """Bring a model's files into ``store/artifacts/<40 hex of the artifact's digest>/``.

    Partial data stays in ``store/partial/`` and is resumed by the next call, also of another process.

    Args:
        record: The model; its location says where the files lie.
        store: The content store that all sources share.
        cloud: Where OVHcloud's API is; None is enough for files on this machine, and with S3 keys.
        progress: Takes bytes done and bytes in total.
        stop: Set to end early.
        tell: Told in a sentence where an object changed, and its download began anew.
        space: The room on the disks: nothing is downloaded for which, or for whose later steps, there is none.
        environ: The environment, for S3 keys and ``MIGRATE_DOWNLOAD_CONNECTIONS``.

    Raises:
        NeedsYouError: ``preset-image``, ``no-storage-path``, ``no-files`` or ``sealed-archive``.
        RefusedError: ``hostile-path``.
        RemoteError: ``truncated-download``, ``corrupt-download``, ``object-gone``, ``object-changed``,
            ``storage-unavailable`` and what the session raises.
        LocalError: ``disk-full``, ``disk``.
        Interrupted: ``stop`` was set.
    """
    location = check_location(record)
    partial = store / "partial" / digest_of(to_json(location).decode())[:40]
    way = _Way(partial, progress, tell, stop, connections(environ), space or Space(Room()))
    with disk_errors(store):
        partial.mkdir(parents=True, exist_ok=True)
        with exclusive(partial.with_suffix(".lock"), stop=stop):
            partial.mkdir(exist_ok=True)
            if isinstance(location, FolderLocation):
                files = _copy(location, way)
            else:
                files = _download(location, store_at(location, cloud, environ), way)
            return _keep(files, partial, store)


def check_location(record: ModelRecord) -> Location:
    """Where a model's files lie.

    Raises:
        NeedsYouError: ML Serving knew of none: a preset (``preset-image``), or a record without a path
            (``no-storage-path``).
    """
    if record.location is not None:
        return record.location
    if record.image_id is not None or record.workflow_template == "preset-image":
        named = f" {printable(record.image_id)!r}" if record.image_id else ""
        raise NeedsYouError(
            f"The model was a preset of ML Serving: OVHcloud's own image{named}; its files never were in your storage.",
            code="preset-image",
            next_step="Choose a public model for the same task, put its files into a folder, and migrate that: "
            "migrate run FOLDER",
        )
    raise NeedsYouError(
        "ML Serving's record of the model names no storage path, so nothing says where its files lie.",
        code="no-storage-path",
        next_step="Look for them in the namespace's container, and migrate that: migrate run CONTAINER@REGION",
    )


def digest_of_files(files: Mapping[str, str]) -> str:
    """The digest of an artifact, 64 hex digits, from those of its files by path."""
    return digest_of(*(part for path in sorted(files) for part in (path, files[path])))


def artifact_exists(artifact: Artifact) -> bool:
    """Whether the files are still there with their sizes; nothing is read."""
    folder = Path(artifact.folder)
    try:
        return all(inside(folder, file.path).stat().st_size == file.size for file in artifact.files)
    except OSError:
        return False


def store_at(
    location: ContainerLocation | BucketLocation, cloud: Cloud | None, environ: Mapping[str, str]
) -> ObjectStore:
    """The container or bucket of a place.

    Raises:
        ConfigurationError: There is none, or what reading S3 keys raises.
    """
    if isinstance(location, BucketLocation):
        return store_of(location, cloud, environ)
    if cloud is None:
        message = "files in a container need a cloud"
        raise ValueError(message)
    container_id = location.container_id or find_container(cloud, location.container, location.region).id
    return object_store(cloud, container_id=container_id, container=location.container, region=location.region)


class _Way(Struct, frozen=True):
    """How a download is watched: its partial data, who is told of progress and of what happens, and who ends it."""

    partial: Path
    progress: Progress
    tell: Callable[[str], None]
    stop: threading.Event
    connections: int
    space: Space


def _download(location: ContainerLocation | BucketLocation, store: ObjectStore, way: _Way) -> tuple[ArtifactFile, ...]:
    """The objects, all as one listing has them: where one changed meanwhile, that listing is made anew, once."""
    wanted = objects_of(location, store)
    try:
        files = _all(store, wanted, way)
        if not _any_large(wanted) or _same(wanted, now := objects_of(location, store)):
            return files
        way.tell("Files changed in the storage while they were downloaded: those that did are downloaded anew.")
    except RemoteError as error:
        if error.code != CHANGED:
            raise
        way.tell(f"{error.what} What was there of it is thrown away, and it is downloaded anew.")
        now = objects_of(location, store)
    files = _all(store, now, way)
    if not _same(now, objects_of(location, store)):
        raise changed_again(location.words)
    return files


def _any_large(wanted: tuple[ModelObject, ...]) -> bool:
    """Whether the download may have taken so long that somebody uploaded other files meanwhile."""
    return any(item.stored.size >= LEAST for item in wanted)


def _same(one: tuple[ModelObject, ...], other: tuple[ModelObject, ...]) -> bool:
    return [(item.path, item.stored.size, item.stored.last_modified) for item in one] == [
        (item.path, item.stored.size, item.stored.last_modified) for item in other
    ]


def _all(store: ObjectStore, wanted: tuple[ModelObject, ...], way: _Way) -> tuple[ArtifactFile, ...]:
    total = sum(item.stored.size for item in wanted)
    store.many(len(wanted))
    present = _present(way.partial)
    need = Need(folder=way.partial, size=total - present, what="the download")
    with way.space.room.hold(need, way.space.later(total)) as held:
        held.wrote(-present)  # which is counted once more when it is read
        return _beside(store, wanted, way, _Count(way.progress, total, held))


def _beside(
    store: ObjectStore, wanted: tuple[ModelObject, ...], way: _Way, count: "_Count"
) -> tuple[ArtifactFile, ...]:
    """Several at a time."""
    halt = threading.Event()

    def one(item: ModelObject) -> ArtifactFile:
        name = hashlib.sha256(item.path.encode()).hexdigest()[:40]
        return Download(
            store,
            item.stored,
            path=item.path,
            target=inside(way.partial / "files", item.path),
            partial=way.partial / f"{name}.partial",
            connections=parallel,
            advance=count.add,
            tell=way.tell,
            stop=waiter(halt, way.stop),
        ).run()

    with (
        closing(Connections(way.connections)) as parallel,
        ThreadPoolExecutor(max_workers=_AT_ONCE, thread_name_prefix="download") as pool,
    ):
        futures = [pool.submit(one, item) for item in wanted]
        try:
            done, _ = wait(futures, return_when=FIRST_EXCEPTION)
        finally:
            halt.set()
            pool.shutdown(wait=True, cancel_futures=True)
    failures = [error for future in done if (error := future.exception())]
    for failure in sorted(failures, key=lambda error: isinstance(error, Interrupted)):
        raise failure
    return tuple(future.result() for future in futures)


def objects_of(location: ContainerLocation | BucketLocation, store: ObjectStore) -> tuple[ModelObject, ...]:
    """The objects of a model that are read, in the order of the listing.

    Raises:
        NeedsYouError: ``no-files`` or ``sealed-archive``.
        RefusedError: ``hostile-path``.
        RemoteError: ``storage-unavailable``.
    """
    wanted = tuple(read_ones(objects_of_model(store, location), lambda item: item.path, location.beside))
    where = printable(location.words, 400)
    if not wanted:
        raise NeedsYouError(
            f"There are no files at {where}.",
            code="no-files",
            next_step="Put the model's files there, or give the source where they lie now.",
        )
    if any(item.stored.sealed for item in wanted):
        raise NeedsYouError(
            f"The files at {where} lie sealed in a cold archive.",
            code="sealed-archive",
            next_step=type_again("Unseal the container in the control panel, and wait until it is unsealed"),
        )
    check_paths([item.path for item in wanted])
    return wanted


def _present(partial: Path) -> int:
    """The bytes on the disk; a file of parts has holes."""
    states = [path.stat() for path in partial.rglob("*") if path.is_file()]
    return sum(min(state.st_size, 512 * state.st_blocks) for state in states)


def files_at(location: FolderLocation) -> list[tuple[str, Path, int]]:
    """The files of a model on this machine that are read: path in the model, real path, size.

    Raises:
        NeedsYouError: ``no-files``.
        RefusedError: ``hostile-path``.
        LocalError: They cannot be read.
    """
    try:
        found = read_ones(files_of_model(location), lambda file: file[0], location.beside)
    except FileNotFoundError:
        found = []
    except OSError as error:
        raise unreadable(Path(location.path), error) from error
    if not found:
        raise NeedsYouError(
            f"There are no files at {printable(location.path, 300)}.",
            code="no-files",
            next_step="Put the model's files there, or give the source where they lie now.",
        )
    check_paths([name for name, _, _ in found])
    return found


def _copy(location: FolderLocation, way: _Way) -> tuple[ArtifactFile, ...]:
    found = files_at(location)
    folder = way.partial / "files"
    shutil.rmtree(folder, ignore_errors=True)
    total = sum(size for _, _, size in found)
    need = Need(folder=way.partial, size=total, what="a copy of the files")
    with way.space.room.hold(need, way.space.later(total)) as held:
        count = _Count(way.progress, total, held)
        return tuple(_copied(name, real, inside(folder, name), count, way.stop) for name, real, _ in found)


def _copied(name: str, real: Path, target: Path, count: "_Count", stop: threading.Event) -> ArtifactFile:
    target.parent.mkdir(parents=True, exist_ok=True)
    sha, size = hashlib.sha256(), 0
    try:
        source = real.open("rb")
    except OSError as error:
        raise unreadable(real, error) from error
    with source, target.open("wb") as file:
        while chunk := source.read(_CHUNK):
            if stop.is_set():
                raise Interrupted
            file.write(chunk)
            sha.update(chunk)
            size += len(chunk)
            count.add(len(chunk))
    return ArtifactFile(path=name, size=size, digest=f"sha256:{sha.hexdigest()}")


def _keep(files: tuple[ArtifactFile, ...], partial: Path, store: Path) -> Artifact:
    """Move whole files to the place that their digest names; what an earlier listing left is removed."""
    ordered = tuple(sorted(files, key=lambda file: file.path))
    digest = digest_of_files({file.path: file.digest for file in files})
    folder = store / "artifacts" / digest[:40]
    artifact = Artifact(
        folder=str(folder), files=ordered, size=sum(file.size for file in ordered), digest=f"sha256:{digest}"
    )
    names = {file.path for file in ordered}
    root = partial / "files"
    for path in sorted(root.rglob("*"), reverse=True):
        if path.is_file() and path.relative_to(root).as_posix() not in names:
            path.unlink()
        elif path.is_dir() and not any(path.iterdir()):
            path.rmdir()
    if not artifact_exists(artifact):
        shutil.rmtree(folder, ignore_errors=True)
        folder.parent.mkdir(parents=True, exist_ok=True)
        try:
            root.replace(folder)
        except OSError as error:
            if not artifact_exists(artifact):  # else another process was quicker with the same files
                raise disk_error(error, folder, doing="made") from error
    shutil.rmtree(partial, ignore_errors=True)
    return artifact


class _Count:
    """Bytes of several downloads, added up for one progress callback."""

    def __init__(self, progress: Progress, total: int, held: Held) -> None:
        self._progress = progress
        self._held = held
        self._total = total
        self._done = 0
        self._lock = threading.Lock()
        progress(0, total)

    def add(self, number: int) -> None:
        with self._lock:
            self._done += number
            self._held.wrote(number)
            self._progress(self._done, self._total)
