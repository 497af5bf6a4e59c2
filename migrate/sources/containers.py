"""Containers of object storage as places where models lie."""

import contextlib
import difflib
import itertools
import zlib
from collections.abc import Callable, Iterable, Iterator
from typing import Final, Protocol

from msgspec import Struct
from msgspec.structs import replace

from migrate.core.errors import ConfigurationError, UsageError
from migrate.core.names import digest_of
from migrate.core.options.sources import ListOptions
from migrate.core.text import printable
from migrate.core.values import BucketLocation, ContainerLocation, Ignored, Listing, Location, ModelRecord, to_json
from migrate.ovhcloud import storage
from migrate.ovhcloud.objects import ObjectStore
from migrate.ovhcloud.session import Cloud
from migrate.ovhcloud.stored import StoredObject, UnreadableObjectError
from migrate.ovhcloud.swift import object_store
from migrate.sources.encoding import PackedReader, is_packed, unknown
from migrate.sources.large_objects import AT_ONCE, Pieces, is_marker, serves, settle
from migrate.sources.recognition import BLOCK, Entry, Found, Opened, Recognise, Unreadable, find_models, model_ids
from migrate.sources.reference import ContainerRef

_FAILURES: Final = 3  # so many objects that the store fails to give, before any that it gives, are no accident
_SHOWN: Final = 10  # containers in a sentence


class Recall(Protocol):
    """Tells the models of a place from an earlier run, where nothing has changed since."""

    def __call__(self, lies_there: str, make: Callable[[], tuple[Listing, bool]]) -> Listing:
        """The listing of a place.

        Args:
            lies_there: A digest over the names, sizes and times of everything there.
            make: Reads the files, and answers whether all of them could be read.
        """


def read_anew(lies_there: str, make: Callable[[], tuple[Listing, bool]]) -> Listing:  # noqa: ARG001 - of the protocol
    """Recalls nothing."""
    return make()[0]


class ModelObject(Struct, frozen=True):
    """An object of a model and its path relative to the model's folder."""

    path: str
    stored: StoredObject


class Place(Struct, frozen=True):
    """What lies at a path of a container."""

    path: str
    objects: tuple[ModelObject, ...]
    pieces: tuple[Pieces, ...]

    def without_segments_of(self, store: ObjectStore, large: list[str]) -> "Place | None":
        """The same without the segments of objects that turned out to be large; None where there are none here."""
        listed = [
            replace(item.stored, large=True) if item.stored.name in large else item.stored for item in self.objects
        ]
        other = _place(store, self.path, listed)
        if len(other.objects) == len(self.objects):
            return None
        return Place(self.path, other.objects, (*self.pieces, *other.pieces))


def list_container(
    cloud: Cloud,
    ref: ContainerRef,
    recognise: Recognise,
    containers: tuple[storage.Container, ...] | None = None,
    *,
    recall: Recall = read_anew,
) -> Listing:
    """The models at the first level of a container, or below a prefix.

    Args:
        cloud: OVHcloud's API.
        ref: The container.
        recognise: Tells a model's format.
        containers: Those of the project, where they are known.
        recall: Tells the models without reading, where an earlier run has read the same.

    Raises:
        ConfigurationError: ``unknown-container``.
        UsageError: ``no-models``: nothing lies at the prefix.
        RemoteError: The listing failed, or every read did.
    """
    containers = storage.containers(cloud) if containers is None else containers
    container = _named(containers, ref.container, ref.region)
    store = object_store(cloud, container_id=container.id, container=container.name, region=container.region)
    served = serves(container.name, (item.name for item in containers if item.region == container.region))
    if served:
        return _pieces_only(store, ref, container, served)

    def locate(path: str) -> ContainerLocation:
        return ContainerLocation(
            region=container.region, container=container.name, container_id=container.id, path=path
        )

    listing = list_store(
        store,
        ref.prefix,
        recognise,
        source=ref.canonical,
        locate=locate,
        expected=container.stored_objects,
        recall=recall,
    )
    return replace(listing, region=container.region)


def list_store(
    store: ObjectStore,
    prefix: str,
    recognise: Recognise,
    *,
    source: str,
    locate: Callable[[str], Location],
    expected: int | None = None,
    recall: Recall = read_anew,
) -> Listing:
    """The models at the first level of a container or bucket, or below a prefix; ``locate`` makes a path a place.

    Where nothing was added, removed or uploaded again since ``recall`` was told, no object is read: names, sizes and
    times to the second are trusted, as they are for fetching.

    Raises:
        UsageError: ``no-models``: nothing lies at the prefix.
        RemoteError: The listing failed, or every read did.
    """
    listed = store.list(prefix.strip("/"), expected=expected)
    store.remember(prefix.strip("/"), listed)
    place = _meant(store, prefix.strip("/"), listed)
    if not place.objects and not place.pieces and prefix:
        whole = source.removesuffix(prefix).rstrip("/")
        raise UsageError(
            f"Nothing in {printable(whole)} lies at or below {printable(prefix)}.",
            code="no-models",
            next_step=f"See what lies there: {ListOptions(source=whole).command()}",
        )

    def make() -> tuple[Listing, bool]:
        return _recognised(store, place, prefix, recognise, source=source, locate=locate)

    told = (place.path, *(text for item in place.objects for text in _told(item.stored)), *_told_of(place.pieces))
    settled = not any(item.stored.indirect or not item.stored.last_modified for item in place.objects)
    return recall(digest_of(to_json(locate("")).decode(), *told), make) if settled else make()[0]


def _told(item: StoredObject) -> tuple[str, ...]:
    return item.name, str(item.size), item.last_modified, item.content_type, str(item.sealed), item.problem


def _told_of(pieces: tuple[Pieces, ...]) -> Iterator[str]:
    for one in pieces:
        yield from (one.reason, str(one.size), *one.names)


def _recognised(
    store: ObjectStore,
    place: "Place",
    prefix: str,
    recognise: Recognise,
    *,
    source: str,
    locate: Callable[[str], Location],
) -> tuple[Listing, bool]:
    """The listing, and whether every object that was looked into could be read."""
    found, ignored, place, whole = _find(store, place, recognise)
    single = len(place.objects) == 1 and place.objects[0].stored.name == prefix
    models = tuple(
        ModelRecord(
            id=name,
            source=source,
            framework="onnx" if model.format == "onnx" else None,
            recognised=model.format,
            location=replace(
                locate(prefix if single else "/".join(part for part in (prefix, model.path) if part)),
                beside=model.beside,
            ),
        )
        for model, name in model_ids(found, prefix.rpartition("/")[2] or store.container).items()
    )
    pieces = tuple(
        Ignored(path=_common(pieces.names), size=pieces.size, reason=f"{len(pieces.names)} {pieces.reason}")
        for pieces in place.pieces
    )
    return Listing(source=source, models=models, ignored=(*ignored, *pieces)), whole


def _find(
    store: ObjectStore, place: "Place", recognise: Recognise
) -> tuple[tuple[Found, ...], tuple[Ignored, ...], "Place", bool]:
    """Recognise models; once more where reading told large objects whose segments were taken for files.

    The last value is whether no read failed.
    """
    while True:
        reader = _Reader(store, {item.path: item.stored for item in place.objects})
        entries = [Entry(item.path, item.stored.size, item.stored.problem) for item in place.objects]
        found, ignored = find_models(entries, reader.open, recognise, at_once=AT_ONCE)
        reader.check()
        if not reader.large or not (fewer := place.without_segments_of(store, reader.large)):
            return found, ignored, place, not reader.failed
        place = fewer


class _Reader:
    """Opens objects for recognition, side by side."""

    def __init__(self, store: ObjectStore, objects: dict[str, StoredObject]) -> None:
        self._store = store
        self._objects = objects
        self._failures: list[UnreadableObjectError] = []
        self._given = 0
        self.failed = False
        self.large: list[str] = []

    def open(self, entry: Entry) -> Opened:
        """Read the first block, whose answer says the true size."""
        stored = self._objects[entry.path]

        def read(offset: int, length: int) -> bytes:
            return (
                head[offset : offset + length]
                if offset + length <= len(head)
                else self._read(stored.name, offset, length)
            )

        head = b""
        head = self._read(stored.name, 0, BLOCK)
        facts = self._store.facts(stored.name)
        if facts.static and not stored.large:
            self.large.append(stored.name)
        size = facts.size if facts.size is not None else entry.size
        if words := unknown(facts.encoding):
            raise Unreadable(f"it is stored with the Content-Encoding {printable(words, 40)}")
        if not is_packed(facts.encoding, head):
            return Opened(size, read)
        with _unpacking():
            packed = PackedReader(read, size)

        def unpack(offset: int, length: int) -> bytes:
            with _unpacking():
                return packed(offset, length)

        return Opened(packed.size, unpack)

    def check(self) -> None:
        """Raise the store's failure where it gave nothing at all."""
        if self._failures and not self._given:
            raise self._failures[0]

    def _read(self, name: str, offset: int, length: int) -> bytes:
        try:
            data = self._store.read(name, offset, length)
        except UnreadableObjectError as error:
            self.failed = True
            if error.passing:
                self._failures.append(error)
                if len(self._failures) >= _FAILURES and not self._given:
                    raise
            raise Unreadable(error.reason) from error
        self._given += 1
        return data


@contextlib.contextmanager
def _unpacking() -> Iterator[None]:
    try:
        yield
    except (zlib.error, EOFError) as error:
        raise Unreadable("it is stored as compressed, and does not unpack") from error


def _pieces_only(store: ObjectStore, ref: ContainerRef, container: storage.Container, served: str) -> Listing:
    """A container that clients made for the segments or older versions of another: nothing in it is a file."""
    names = store.list(ref.prefix, expected=container.stored_objects)
    reason = f"segments or older versions of objects of the container {printable(served)}: list that one"
    size = sum(item.size for item in names)
    ignored = (Ignored(path=_common([item.name for item in names]), size=size, reason=reason),) if names else ()
    return Listing(source=ref.canonical, models=(), ignored=ignored, region=container.region)


def _common(names: Iterable[str]) -> str:
    """What all the names begin with, and a star."""
    first, last = min(names), max(names)
    shared = sum(1 for _ in itertools.takewhile(lambda pair: pair[0] == pair[1], zip(first, last, strict=False)))
    return first if first == last else f"{first[:shared]}*"


def find_container(cloud: Cloud, name: str, region: str) -> storage.Container:
    """The container of that name in that region.

    Raises:
        ConfigurationError: ``unknown-container``, naming those that there are.
    """
    return _named(storage.containers(cloud), name, region)


def _named(containers: tuple[storage.Container, ...], name: str, region: str) -> storage.Container:
    for container in containers:
        if container.name == name and (not region or container.region.upper() == region.upper()):
            return container
    raise unknown_place("container", f"{name}@{region}", {f"{item.name}@{item.region}" for item in containers})


def unknown_place(kind: str, wanted: str, there: set[str], note: str = "") -> ConfigurationError:
    """The error for a container or bucket that the project does not have, with what it has instead."""
    names = {name.casefold(): name for name in sorted(there)}
    near = difflib.get_close_matches(wanted.casefold(), names, n=1)
    shown = ", ".join(printable(item, 80) for item in sorted(there)[:_SHOWN]) + (", …" if len(there) > _SHOWN else "")
    return ConfigurationError(
        f"The project has no {kind} {printable(wanted)}.{note}",
        code="unknown-container",
        next_step=f"Did you mean {printable(names[near[0]], 300)}?"
        if near
        else f"It has: {shown}."
        if there
        else "`migrate list` shows what there is; if it is nothing, check the project's id.",
    )


def near(containers: Iterable[storage.Container], name: str) -> str | None:
    """The container whose name is nearest, as it is typed; None where none is near."""
    names: dict[str, str] = {}
    for container in containers:
        names.setdefault(container.name.casefold(), f"{container.name}@{container.region}")
    found = difflib.get_close_matches(name.casefold(), names, n=1)
    return names[found[0]] if found else None


def objects_at(store: ObjectStore, path: str, *, expected: int | None = None) -> tuple[ModelObject, ...]:
    """The objects that ``path`` means: the object of that name, or else everything under ``path/``.

    An empty path is the whole container. Left out are segments of large objects, and directory markers: what
    ``is_marker`` says, and empty objects under whose name others lie.

    Raises:
        RemoteError: ``storage-unavailable``.
    """
    return look_at(store, path, expected=expected, every=True).objects


def objects_of_model(store: ObjectStore, location: ContainerLocation | BucketLocation) -> tuple[ModelObject, ...]:
    """The objects of a model: those that its path means, and those beside it.

    Raises:
        RemoteError: ``storage-unavailable``.
    """
    if not location.beside:
        return objects_at(store, location.path)
    folder, _, name = location.path.rpartition("/")
    wanted = {name, *location.beside}
    return tuple(item for item in objects_at(store, folder) if item.path in wanted)


def look_at(store: ObjectStore, path: str, *, expected: int | None = None, every: bool = False) -> Place:
    """The same, with what was left out as pieces of others."""
    path = path.strip("/")
    return _meant(store, path, store.list(path, expected=expected), every=every)


def _meant(store: ObjectStore, path: str, listed: Iterable[StoredObject], *, every: bool = False) -> Place:
    meant = [item for item in listed if not path or item.name == path or item.name.startswith(f"{path}/")]
    return _place(store, path, meant, every=every)


def _place(store: ObjectStore, path: str, listed: Iterable[StoredObject], *, every: bool = False) -> Place:
    settled = settle(store, listed, every=every)
    names = {item.name for item in settled.objects}
    above = {name[:index] for name in names for index, character in enumerate(name) if character == "/"}
    real = [item for item in settled.objects if not is_marker(item) and (item.size or item.name not in above)]
    exact = [ModelObject(item.name.rpartition("/")[2], item) for item in real if item.name == path]
    start = f"{path}/" if path else ""
    below = [ModelObject(item.name[len(start) :], item) for item in real if item.name.startswith(start)]
    return Place(path, tuple(exact if exact and path else below), settled.pieces)
