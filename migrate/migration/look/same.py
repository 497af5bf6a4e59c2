"""Whether a model's files are still those that were fetched before, told without fetching them again."""

import hashlib
from pathlib import Path

from migrate.core.errors import MigrateError
from migrate.core.looked import Looked, NotKnown
from migrate.core.values import Artifact, ModelRecord
from migrate.migration.journal.schemas import UnreadableError
from migrate.migration.journal.subjects import model_subject
from migrate.migration.run.run_context import RunContext
from migrate.sources.fetch import artifact_exists, digest_of_files
from migrate.sources.look import open_model


def has_digest(run: RunContext, record: ModelRecord, digest: str) -> bool:
    """Whether a download would give the artifact with this digest; False where nothing tells it.

    Raises:
        Interrupted: The run was asked to stop.
    """
    try:
        files = open_model(record, run.storage, stopped=run.stop.is_set, environ=run.environ)
        found = {path: files.digest(path) for path in files.sizes}
    except (MigrateError, NotKnown):
        return False
    if all(found.values()):
        return f"sha256:{digest_of_files(found)}" == digest
    return digest == _by_etags(run, run.looked.get(record.id))


def _by_etags(run: RunContext, looked: Looked | None) -> str:
    """The digest of the files of an earlier download, where each is what the storage has by its size and MD5."""
    if looked is None:
        return ""
    try:
        stored = run.journal.usable(model_subject(looked.record.id), "fetch", Artifact)
    except UnreadableError:
        return ""
    if stored is None or not artifact_exists(stored.value) or len(stored.value.files) != len(looked.objects):
        return ""
    folder = Path(stored.value.folder)
    pairs = zip(stored.value.files, looked.objects, strict=True)  # both are ordered by their paths in the model
    same = all(file.size == seen.size and _md5(folder / file.path) == seen.etag for file, seen in pairs)
    return stored.value.digest if same else ""


def _md5(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, lambda: hashlib.md5(usedforsecurity=False)).hexdigest()
