"""A model's files where they lie, opened for a look: nothing is downloaded, and nothing is written."""

import io
import os
import zlib
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Final

from migrate.core.errors import Interrupted
from migrate.core.looked import NotKnown, SeenObject
from migrate.core.values import BucketLocation, ContainerLocation, FolderLocation, ModelRecord
from migrate.ovhcloud.objects import ObjectStore
from migrate.ovhcloud.session import Cloud
from migrate.ovhcloud.stored import ObjectFacts, OtherBytesError
from migrate.sources.checksums import is_md5
from migrate.sources.containers import ModelObject
from migrate.sources.encoding import codings, is_packed, unknown, unpacked
from migrate.sources.failures import damaged, encoded
from migrate.sources.fetch import check_location, objects_of, store_at
from migrate.sources.large_objects import AT_ONCE
from migrate.sources.local import LocalFiles
from migrate.sources.ranged import MOST_HELD, Budget, Fetch, RangedFile, RangedFiles, named

Stopped = Callable[[], bool]

_PIECE: Final = 256 * 1024


def open_model(
    record: ModelRecord, cloud: Cloud | None, *, stopped: Stopped, environ: Mapping[str, str] = os.environ
) -> RangedFiles | LocalFiles:
    """The files of a model, to be read where they lie; a door for ``formats.inspect.inspect_files``.

    Args:
        record: The model.
        cloud: OVHcloud's API; None is enough for files on this machine, and with S3 keys.
        stopped: Whether to end early.
        environ: The environment, for S3 keys.

    Raises:
        MigrateError: As for ``fetch.fetch``, as far as it is known before a download.
        NotKnown: Only a download tells what they are.
        Interrupted: ``stopped`` said so.
    """
    location = check_location(record)
    if isinstance(location, FolderLocation):
        return LocalFiles(location, stopped)
    return stored_files(location, store_at(location, cloud, environ), stopped)


def stored_files(
    location: ContainerLocation | BucketLocation, store: ObjectStore, stopped: Stopped = lambda: False
) -> RangedFiles:
    """The files of a model in object storage, read by ranges within a budget.

    Raises:
        MigrateError: There are none, or the storage does not give one of them.
        NotKnown: One is stored as compressed, and is large.
    """
    wanted = sorted(objects_of(location, store), key=lambda item: item.path)
    store.many(len(wanted))
    with ThreadPoolExecutor(max_workers=AT_ONCE, thread_name_prefix="facts") as pool:
        facts = list(pool.map(lambda item: store.facts_now(item.stored.name), wanted))
    objects = tuple(map(_seen, wanted, facts))
    budget = Budget(sum(item.size for item in objects))
    files = [
        _opened(item, known, RangedFile(item.path, seen.size, _fetch(store, item.stored.name, known, stopped), budget))
        for item, known, seen in zip(wanted, facts, objects, strict=True)
    ]
    return RangedFiles(files, budget, objects, asked=len(wanted))


def _opened(item: ModelObject, known: ObjectFacts, file: RangedFile) -> RangedFile:
    """The file as it is after a download, which undoes the Content-Encoding that it was stored with."""
    if words := unknown(known.encoding):
        raise encoded(item.stored.name, words)
    if not codings(known.encoding) or not is_packed(known.encoding, file(0, 2)):
        return file
    if not file.is_affordable(file.size):
        raise NotKnown(
            f"The object {named(item.stored.name)} is stored as compressed, and only a download tells what is in it."
        )
    plain = io.BytesIO()
    try:
        for piece in unpacked(file(at, _PIECE) for at in range(0, file.size, _PIECE)):
            plain.write(piece)
            if plain.tell() > MOST_HELD:
                raise NotKnown(
                    f"The object {named(item.stored.name)} is stored as compressed, and unpacks to a large file."
                )
    except (zlib.error, EOFError) as error:
        raise damaged(item.stored.name) from error
    data = plain.getvalue()
    return RangedFile(item.path, len(data), lambda at, length: data[at : at + length], Budget.of_memory())


def _fetch(store: ObjectStore, name: str, known: ObjectFacts, stopped: Stopped) -> Fetch:
    def fetch(offset: int, length: int) -> bytes:
        if stopped():
            raise Interrupted
        try:
            return store.stretch(name, offset, length, known)
        except OtherBytesError as error:
            raise NotKnown(f"The object {named(name)} cannot be looked at: {error.reason}.") from error

    return fetch


def _seen(item: ModelObject, known: ObjectFacts) -> SeenObject:
    size = item.stored.size if known.size is None else known.size
    time = item.stored.last_modified
    return SeenObject(
        name=item.stored.name,
        size=size,
        etag=known.etag,
        last_modified=f"{time}Z" if time else "",
        is_checked=known.static or (not (known.prefix or item.stored.indirect) and is_md5(known.etag)),
    )
