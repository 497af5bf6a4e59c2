"""A model that was uploaded as one ZIP archive: its files, beside the archive in the content store."""

import shutil
from pathlib import Path

from msgspec.structs import replace

from migrate.core.errors import Interrupted
from migrate.core.text import printable
from migrate.core.values import Artifact
from migrate.formats.archive.packed_model import unpack
from migrate.formats.reading.errors import FormatError
from migrate.formats.reading.files import ArtifactFiles
from migrate.formats.unpack import opened, packed_in
from migrate.machine.disk import check_space, disk_errors, scratch_folder
from migrate.migration.run.run_context import RunContext
from migrate.sources.fetch import artifact_exists
from migrate.sources.paths import check_paths, inside
from migrate.sources.unread import unread


def is_settled(artifact: Artifact) -> bool:
    """Whether nothing is left to be taken out of an archive; an earlier release took nothing out of any."""
    return bool(artifact.archive) or packed_in(ArtifactFiles(artifact)) is None


def unpacked(run: RunContext, model: str, artifact: Artifact) -> Artifact:
    """What is in an artifact that is one archive with a model in it; any other artifact as it is.

    The files lie in ``store/unpacked/<40 hex of the artifact's digest>/``. An archive that is cut, broken or not plain
    stays as it is, for the inspection to say so.

    Raises:
        RefusedError: ``hostile-path``: a name in it is none that files of a model may have.
        LocalError: The disk.
        Interrupted: The run was asked to stop.
    """
    path = packed_in(ArtifactFiles(artifact))
    if path is None:
        return artifact
    run.say(f"unpacking {printable(path, 80)}", step="fetch", model=model)
    found = replace(artifact, archive=path)
    try:
        return _in_store(run, found, path)
    except FormatError:
        return found


def _in_store(run: RunContext, artifact: Artifact, path: str) -> Artifact:
    store = run.workspace.store

    def advance(_: int) -> None:
        if run.stop.is_set():
            raise Interrupted

    with (
        disk_errors(store),
        scratch_folder(store, "unpack-") as scratch,
        opened(ArtifactFiles(artifact), path, unread) as found,
    ):
        archive, wanted = found
        check_paths(wanted)
        check_space(scratch, sum(entry.size for entry in wanted.values()))
        files = tuple(
            unpack(archive, entry, name, inside(scratch, name), advance) for name, entry in sorted(wanted.items())
        )
        place = store / "unpacked" / artifact.digest.removeprefix("sha256:")[:40]
        made = replace(artifact, folder=str(place), files=files, size=sum(file.size for file in files))
        _keep(scratch, place, made)
    return made


def _keep(scratch: Path, place: Path, made: Artifact) -> None:
    """Gives the files their place, unless another process was quicker."""
    if not artifact_exists(made):
        shutil.rmtree(place, ignore_errors=True)
        place.parent.mkdir(exist_ok=True)
        try:
            scratch.rename(place)
        except OSError:
            if not artifact_exists(made):
                raise
