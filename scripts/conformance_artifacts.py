"""A folder of the golden vectors as `migrate` sees a model's files."""

import hashlib
from pathlib import Path

from migrate.core.values import Artifact, ArtifactFile, to_json


def artifact_of(folder: Path) -> Artifact:
    """The files of a folder as `migrate` sees a model's."""
    paths = sorted(path for path in folder.rglob("*") if path.is_file())
    files = tuple(
        ArtifactFile(
            path=path.relative_to(folder).as_posix(),
            size=path.stat().st_size,
            digest="sha256:" + hashlib.sha256(path.read_bytes()).hexdigest(),
        )
        for path in paths
    )
    digest = hashlib.sha256(b"".join(to_json(file) for file in files)).hexdigest()
    return Artifact(folder=str(folder), files=files, size=sum(file.size for file in files), digest=f"sha256:{digest}")
