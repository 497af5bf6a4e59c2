"""The other names of a source: a container with or without its kind, a folder by another path that leads to it.

A source that goes by a second name would get a second app for each model, billed beside the first.
"""

import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path, PurePosixPath
from typing import Final

from msgspec.structs import replace

from migrate.core.values import BucketLocation, ContainerLocation, Location, ModelRecord
from migrate.sources.reference import ContainerRef, FolderRef, Kind, SourceRef, parse_elsewhere

_MOUNTS: Final = Path("/proc/self/mountinfo")
_ESCAPED: Final = re.compile(r"\\([0-7]{3})")  # blanks and backslashes of a path


def other_names(ref: SourceRef) -> tuple[str, ...]:
    """The canonical names that may mean the same place: a container or bucket of the project, or a folder."""
    if isinstance(ref, FolderRef):
        return tuple(map(str, other_paths(ref.path)))
    if not isinstance(ref, ContainerRef):
        return ()
    kinds: tuple[Kind, ...] = ("swift", "s3") if not ref.kind else ("",)
    return tuple(replace(ref, kind=kind).canonical for kind in kinds)


def other_names_of(record: ModelRecord) -> tuple[str, ...]:
    """The other names of the source of a model, as far as they can mean the place where it lies."""
    if record.namespace:
        return ()
    ref = parse_elsewhere(record.source)
    if ref is None:
        return other_names(FolderRef(Path(record.source)))
    kind = kind_of(record.location)
    if isinstance(ref, ContainerRef) and not ref.kind and kind:
        return (replace(ref, kind=kind).canonical,)
    return other_names(ref)


def kind_of(place: Location | None) -> Kind:
    """Where in the project a model lies; empty where that is elsewhere."""
    if isinstance(place, ContainerLocation):
        return "swift"
    return "s3" if isinstance(place, BucketLocation) and place.endpoint is None else ""


@cache  # asked for each app of a project, and what is mounted stays so while a command runs
def other_paths(path: Path, mounts: Path = _MOUNTS) -> tuple[Path, ...]:
    """Where else this machine shows a folder: a bind mount is no link, so no path is the real one.

    Args:
        path: An absolute path without links.
        mounts: The kernel's list (proc_pid_mountinfo(5)); a system without one shows a folder once.
    """
    try:
        listed = tuple(_mounted(mounts.read_text(encoding="utf-8", errors="surrogateescape")))
    except OSError:
        return ()
    found = []
    for device, root, point in listed:
        if path.is_relative_to(point):
            inner = root / path.relative_to(point)
            found += [
                at / inner.relative_to(top) for one, top, at in listed if one == device and inner.is_relative_to(top)
            ]
    return tuple(sorted({Path(one) for one in found if Path(one) != path and _is_same(path, one)}))


def _mounted(text: str) -> Iterator[tuple[str, PurePosixPath, PurePosixPath]]:
    """Of each mount the device, the folder of its file system that is shown, and where."""
    for line in text.splitlines():
        fields = line.split(" ")
        if len(fields) > 4:
            yield fields[2], _plain(fields[3]), _plain(fields[4])


def _plain(text: str) -> PurePosixPath:
    return PurePosixPath(_ESCAPED.sub(lambda match: chr(int(match[1], 8)), text))


def _is_same(path: Path, other: PurePosixPath) -> bool:
    try:
        return path.samefile(other)
    except OSError:
        return False  # another mount lies over it, or it is gone
