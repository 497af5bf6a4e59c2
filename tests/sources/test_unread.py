"""What no runtime reads is not part of a model: neither of its digest nor of its image."""

import threading
from pathlib import Path

import pytest

from migrate.core.values import Artifact, FolderLocation, ModelRecord
from migrate.migration.journey.revisions import revisions
from migrate.ovhcloud.session import Cloud
from migrate.sources.fetch import fetch
from migrate.sources.unread import unread
from tests.clouds import cloud, sandbox, started

__all__ = ["cloud", "sandbox", "started"]

READ = [
    "model.onnx",
    "sub/model.bin",
    "vocab.txt",
    "config.json",
    "assets/labels.csv",
    "1/assets.extra/x.md",
    "weights",
]
UNREAD = [
    *("README.md", "README", "sub/readme.txt", "train.ipynb", "__pycache__/a.py", "a/.git/config", ".DS_Store"),
    *("data.csv", "data/train.parquet", "LICENSE", "notes.rst"),
]


@pytest.mark.parametrize("path", READ)
def test_what_a_runtime_may_read_is_kept(path: str) -> None:
    assert not unread(path)


@pytest.mark.parametrize("path", UNREAD)
def test_what_none_reads_is_left(path: str) -> None:
    assert unread(path)


def fetched(folder: Path, store: Path) -> Artifact:
    record = ModelRecord(id="m", source="s", location=FolderLocation(path=str(folder)))
    return fetch(record, store, None, lambda *_: None, stop=threading.Event())


def test_a_readme_that_changes_changes_no_model(cloud: Cloud, tmp_path: Path) -> None:
    folder, store = tmp_path / "m", tmp_path / "store"
    folder.mkdir()
    (folder / "model.onnx").write_bytes(b"weights")
    record = ModelRecord(id="m", source="s", location=FolderLocation(path=str(folder)))
    before, seen = fetched(folder, store), revisions(cloud, (record,), jobs=1)
    for path in UNREAD:
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_text("secret data of the customer")
    after = fetched(folder, store)
    assert [file.path for file in after.files] == ["model.onnx"]
    assert after == before
    assert revisions(cloud, (record,), jobs=1) == seen
    assert [path.name for path in Path(after.folder).rglob("*")] == ["model.onnx"]

    (folder / "model.onnx").write_bytes(b"other weights")
    assert fetched(folder, store).digest != before.digest
    assert revisions(cloud, (record,), jobs=1) != seen


def test_a_place_with_nothing_else_is_told_of(tmp_path: Path) -> None:
    folder = tmp_path / "m"
    folder.mkdir()
    (folder / "README.md").write_text("moved")
    assert [file.path for file in fetched(folder, tmp_path / "store").files] == ["README.md"]
