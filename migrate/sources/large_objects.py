"""Objects that stand for the bytes of others, which listings do not tell from files: their sizes and their segments."""

import re
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise
from typing import Final

from msgspec import Struct
from msgspec.structs import replace

from migrate.core.errors import MigrateError
from migrate.ovhcloud.objects import ObjectStore
from migrate.ovhcloud.storage import Container, ContainerObject
from migrate.ovhcloud.stored import ObjectFacts, StoredObject, UnreadableObjectError

AT_ONCE: Final = 8
"""Reads of a store side by side: each waits for the network for most of its time."""

_FAILURES: Final = 3
_SEGMENTS: Final = re.compile(r"(?P<name>.+)(?:_segments|\+segments)")
_VERSIONS: Final = re.compile(r"(?P<name>.+)_versions")
_OLD_VERSION: Final = re.compile(r"(?P<length>[0-9a-f]{3})(?P<name>.+)/\d{10}\.\d{5}", re.DOTALL)
_OWN_FOLDER: Final = ".file-segments/"  # where rclone puts segments that share the container


class Pieces(Struct, frozen=True):
    """Objects that are no files of their own: what they are, as a sentence, their names and their size together."""

    reason: str
    names: tuple[str, ...]
    size: int


class Settled(Struct, frozen=True):
    """What is listed, with true sizes and without pieces; and the pieces."""

    objects: tuple[StoredObject, ...]
    pieces: tuple[Pieces, ...]


def serves(name: str, others: Iterable[str]) -> str:
    """The container that a container of this name serves, by what clients name it, or an empty text.

    python-swiftclient and rclone put segments into ``NAME_segments``, Swift's S3 interface into ``NAME+segments``, and
    older versions of objects are usually kept in ``NAME_versions``.
    """
    match = _SEGMENTS.fullmatch(name) or _VERSIONS.fullmatch(name)
    return match["name"] if match and match["name"] in set(others) else ""


def sources_of(containers: tuple[Container, ...]) -> tuple[Container, ...]:
    """The containers without those that clients made to serve another."""
    return tuple(
        item
        for item in containers
        if not serves(item.name, (other.name for other in containers if other.region == item.region))
    )


def is_marker(item: StoredObject | ContainerObject) -> bool:
    """Whether an object says that there is a folder: by its name, or empty and by its type.

    Clients write markers with a byte or two in them as well.
    """
    return item.name.endswith("/") or (not item.size and item.content_type.startswith("application/directory"))


def settle(store: ObjectStore, listed: Iterable[StoredObject], *, every: bool = False) -> Settled:
    """Ask for what a listing does not say: sizes of dynamic large objects and links, and whose segments lie here.

    Every object that is listed with 0 bytes is asked for (HEAD), as rclone does it. Static large objects are told by
    Swift's listing; where the API listed, the objects are asked for whose name other names begin with, or ``every``
    one, where all of them are to be read anyway.

    Raises:
        RemoteError: ``storage-unavailable``: nothing is given at all.
    """
    objects = {item.name: item for item in sorted(listed, key=lambda item: item.name)}
    empty = [item for item in objects.values() if not (item.size or item.sealed or is_marker(item))]
    names = tuple(objects)
    before = names if every and len(names) > 1 else [name for name, after in pairwise(names) if after.startswith(name)]
    asked = [item.name for item in empty] + [
        name
        for name in before
        if (item := objects[name]).size and item.large is None and not (item.sealed or is_marker(item))
    ]
    store.many(len(objects) if asked else 0)
    manifests: dict[str, tuple[str, ...]] = {}
    prefixes: dict[str, str] = {}
    for name, facts in _facts(store, asked):
        if isinstance(facts, str):
            objects[name] = replace(objects[name], problem=facts)
            continue
        if not objects[name].size and facts.size:
            objects[name] = replace(objects[name], size=facts.size, indirect=True)
        if facts.static:
            objects[name] = replace(objects[name], large=True)
        container, _, prefix = facts.prefix.partition("/")
        if prefix and container == store.container:
            prefixes[name] = prefix
    for item in objects.values():
        if item.large and not item.problem:
            manifests[item.name] = _segments(store, item.name)
    return _without_pieces(objects, manifests, prefixes)


def _without_pieces(
    objects: dict[str, StoredObject], manifests: dict[str, tuple[str, ...]], prefixes: dict[str, str]
) -> Settled:
    whole = set(manifests) | set(prefixes)
    taken: dict[str, str] = {}
    for name, segments in manifests.items():
        taken |= {segment: f"segments of the large object {name!r}" for segment in segments if segment not in whole}
    for name, prefix in prefixes.items():
        for other in objects:
            if other.startswith(prefix) and other not in whole:
                taken[other] = f"segments of the large object {name!r}"
    for name in objects:
        if name.startswith(_OWN_FOLDER):
            taken.setdefault(name, "segments of large objects")
        elif (match := _OLD_VERSION.fullmatch(name)) and int(match["length"], 16) == len(match["name"].encode()):
            taken.setdefault(name, "older versions of objects")
    reasons: dict[str, list[str]] = {}
    for name, reason in taken.items():
        if name in objects:
            reasons.setdefault(reason, []).append(name)
    pieces = tuple(
        Pieces(reason, tuple(names), sum(objects[name].size for name in names)) for reason, names in reasons.items()
    )
    return Settled(tuple(item for name, item in objects.items() if name not in taken), pieces)


def _facts(store: ObjectStore, names: list[str]) -> list[tuple[str, ObjectFacts | str]]:
    """What the store says of each, or why it does not; the failure itself where it fails for every one."""
    failures: list[UnreadableObjectError] = []
    given: list[str] = []

    def one(name: str) -> ObjectFacts | str:
        try:
            facts = store.facts(name)
        except UnreadableObjectError as error:
            if error.passing:
                failures.append(error)
                if len(failures) >= _FAILURES and not given:
                    raise
            return error.reason
        given.append(name)
        return facts

    with ThreadPoolExecutor(max_workers=AT_ONCE, thread_name_prefix="facts") as pool:
        found = list(zip(names, pool.map(one, names), strict=True))
    if failures and len(failures) == len(names):
        raise failures[0]
    return found


def _segments(store: ObjectStore, name: str) -> tuple[str, ...]:
    """The segments of a static large object that lie in its own container; none where they cannot be asked for."""
    here = f"{store.container}/"
    try:
        return tuple(one.path.removeprefix(here) for one in store.segments(name) if one.path.startswith(here))
    except MigrateError:
        return ()
