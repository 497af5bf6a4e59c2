"""Files that run as code when they are loaded: the user's word for each, by digest, and what is told of it."""

from collections.abc import Collection, Iterable

from msgspec.structs import replace

from migrate.core.options.declaration import written
from migrate.core.options.shared import ALLOW_UNSAFE
from migrate.core.options.sources import RunOptions
from migrate.core.values import Artifact, Inspection, UnsafeFile


def of_artifact(allowed: Collection[str], artifact: Artifact) -> tuple[str, ...]:
    """Those of the digests that are of files of an artifact: what is allowed for one model changes no other."""
    return tuple(sorted({file.digest for file in artifact.files} & set(allowed)))


def unmatched(allowed: Iterable[str], artifacts: Iterable[Artifact]) -> tuple[str, ...]:
    """The digests that no file of these artifacts has."""
    known = {file.digest for artifact in artifacts for file in artifact.files}
    return tuple(digest for digest in allowed if digest not in known)


def unmatched_text(digest: str, *, all_read: bool) -> str:
    """What to tell of a digest that allows nothing."""
    where = "the chosen models" if all_read else "the models that could be read"
    return f"{' '.join(words((digest,)))} allows nothing: no file of {where} has this digest"


def needed(allowed: Collection[str], inspection: Inspection) -> tuple[str, ...]:
    """All the digests that a next command needs for a model to be loaded: those given, and those missing."""
    missing = (file.digest for file in inspection.unsafe if not file.allowed)
    return tuple(dict.fromkeys((*allowed, *missing)))


def allowing(options: RunOptions, inspection: Inspection) -> RunOptions:
    """The same options, with the user's word for all the files of a model too."""
    return replace(options, allow_unsafe=needed(options.allow_unsafe, inspection))


def words(digests: Iterable[str]) -> list[str]:
    """The words of a command line that allow these files."""
    return written(ALLOW_UNSAFE, *digests)


def allowed_files(inspection: Inspection) -> tuple[UnsafeFile, ...]:
    """The files of a model that are loaded because the user gave their word."""
    return tuple(file for file in inspection.unsafe if file.allowed) if inspection.verdict == "ready" else ()


def facts(model: str, inspection: Inspection) -> list[dict[str, str]]:
    """The same for a program: which file of which model, and by which option."""
    return [
        {"model": model, "path": file.path, "digest": file.digest, "option": file.option}
        for file in allowed_files(inspection)
    ]
