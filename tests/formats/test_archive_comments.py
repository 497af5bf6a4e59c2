"""A comment at the end of an archive, as ``git archive`` and code hosts write one, changes nothing of what is in it."""

import shutil
import subprocess
import zipfile
from pathlib import Path

import pytest

from migrate.formats import inspect
from tests.formats.models import artifact

FORMATS = Path(__file__).parents[2] / "examples/formats"


def commented(folder: Path, place: Path, comment: bytes) -> Path:
    """A copy of a folder whose archives have this comment."""
    shutil.copytree(folder, place)
    for path in place.iterdir():
        if zipfile.is_zipfile(path):
            with zipfile.ZipFile(path, "a") as archive:
                archive.comment = comment
    return place


@pytest.mark.parametrize("name", ["load-zip", "species-torchscript"])
@pytest.mark.parametrize("comment", [b"0123456789abcdef0123456789abcdef01234567", "Modèle\nde 2020 ".encode() * 3000])
def test_it_is_read_as_without(tmp_path: Path, name: str, comment: bytes) -> None:
    found = inspect(artifact(commented(FORMATS / name, tmp_path / "m", comment)), framework=None)
    assert found.verdict == "ready"
    assert found == inspect(artifact(FORMATS / name), framework=None)


def test_what_git_writes_is_read(tmp_path: Path) -> None:
    source = tmp_path / "source"
    with zipfile.ZipFile(FORMATS / "load-zip/load.zip") as archive:
        archive.extractall(source / "load")

    def git(*words: str) -> None:
        command = ["git", "-c", "user.name=a", "-c", "user.email=a@b", "-c", "commit.gpgsign=false", *words]
        subprocess.run(command, cwd=source, check=True, capture_output=True)

    git("init")
    git("add", ".")
    git("commit", "-m", "a model")
    shutil.copytree(FORMATS / "load-zip", tmp_path / "m")
    git("archive", "--format=zip", "--output", str(tmp_path / "m/load.zip"), "HEAD")
    assert (tmp_path / "m/load.zip").read_bytes()[-40:].isalnum()
    assert inspect(artifact(tmp_path / "m"), framework=None).verdict == "ready"
