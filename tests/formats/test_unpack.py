"""What is taken out of hostile archives: nothing, and nothing is written elsewhere."""

from pathlib import Path

import pytest
from msgspec.structs import replace

from migrate.core.values import Artifact, Inspection
from migrate.formats.archive.packed_model import unpack
from migrate.formats.reading.errors import FormatError
from migrate.formats.reading.files import ArtifactFiles
from migrate.formats.unpack import opened
from tests.formats.hostile import archives
from tests.formats.hostile.base import HostileCase
from tests.formats.hostile.watch import faults, warm, watched

CASES = [case for case in archives.CASES if case.reason != "archive-nested"]  # models may be archives


@pytest.fixture(scope="module", autouse=True)
def _warm() -> None:
    warm()


def take_out(artifact: Artifact) -> Inspection:
    """Unpack the only file of an artifact to the folder ``out`` beside it."""
    out = Path(artifact.folder, "out")
    try:
        with opened(ArtifactFiles(artifact), artifact.files[0].path, lambda _: False) as (archive, wanted):
            for name, entry in wanted.items():
                unpack(archive, entry, name, out / name, lambda _: None)
    except FormatError as problem:
        return problem.inspection("zip")
    return Inspection(format="zip", runtime=None, verdict="ready")


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_a_hostile_archive_is_not_taken_out(tmp_path: Path, case: HostileCase) -> None:
    folder = tmp_path / "m"
    folder.mkdir()
    (content,) = case.files.values()
    packed = replace(case, files={"m.zip": content}, look=take_out)
    found = [fault for fault in faults(packed, watched(packed, folder)) if f"os.mkdir ('{folder}/out" not in fault]
    assert found == []
    outside = [path for path in tmp_path.rglob("*") if path.is_file() and folder / "out" not in path.parents]
    assert outside == [folder / "m.zip"]
