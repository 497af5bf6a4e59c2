"""The files of a folder as if they lay elsewhere: read by ranges within a budget, without a storage."""

from pathlib import Path

from migrate.core.values import Artifact, Inspection
from migrate.formats.inspect import inspect_files
from migrate.sources.ranged import Budget, Fetch, RangedFile, RangedFiles


def far_files(folder: Path, least: int) -> RangedFiles:
    """They, of which so many bytes may be read, or 2 % where that is more."""
    paths = [path for path in sorted(folder.rglob("*")) if path.is_file()]
    budget = Budget(sum(path.stat().st_size for path in paths), least)
    files = [
        RangedFile(path.relative_to(folder).as_posix(), path.stat().st_size, _fetch(path), budget) for path in paths
    ]
    return RangedFiles(files, budget, (), asked=0)


def inspect_far(artifact: Artifact, least: int, *allowed: str) -> Inspection:
    """What an artifact is, read so."""
    return inspect_files(far_files(Path(artifact.folder), least), framework=None, allow_unsafe=allowed)


def _fetch(path: Path) -> Fetch:
    def fetch(offset: int, length: int) -> bytes:
        with path.open("rb") as file:
            file.seek(offset)
            return file.read(length)

    return fetch
