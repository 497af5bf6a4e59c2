import os
import shutil
import sys
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from migrate.core.errors import Interrupted, LocalError, NeedsYouError, RefusedError, UsageError
from migrate.core.values import FolderLocation, ModelRecord
from migrate.sources.fetch import artifact_exists, fetch
from migrate.sources.listing import list_models
from migrate.sources.reference import parse_source


def recognise(name: str, size: int, read: Callable[[int, int], bytes]) -> str | None:
    return "onnx" if read(0, 4) == b"ONNX" else None


def record(path: Path) -> ModelRecord:
    return ModelRecord(id="m", source="s", location=FolderLocation(path=str(path)))


def take(path: Path, store: Path) -> dict[str, bytes]:
    artifact = fetch(record(path), store, None, lambda *_: None, stop=threading.Event())
    assert artifact_exists(artifact)
    assert Path(artifact.folder).parent == store / "artifacts"
    assert Path(artifact.folder).name == artifact.digest.removeprefix("sha256:")[:40]
    return {file.path: Path(artifact.folder, file.path).read_bytes() for file in artifact.files}


def test_a_folder_of_models(tmp_path: Path) -> None:
    source = tmp_path / "models"
    (source / "big" / "parts").mkdir(parents=True)
    (source / "iris.onnx").write_bytes(b"ONNX iris")
    (source / "big" / "model.onnx").write_bytes(b"ONNX big")
    (source / "big" / "parts" / "weights").write_bytes(b"w" * 3_000_000)
    (source / "notes.txt").write_text("notes")
    listing = list_models(parse_source(str(source)), None, recognise)
    assert [model.id for model in listing.models] == ["big", "iris"]
    assert [item.path for item in listing.ignored] == ["notes.txt"]
    assert all(model.framework == "onnx" and model.source == str(source) for model in listing.models)
    files = {model.id: take(Path(model.location.path), tmp_path / "store") for model in listing.models}  # type: ignore[union-attr]
    assert files["iris"] == {"iris.onnx": b"ONNX iris"}
    assert files["big"] == {"model.onnx": b"ONNX big", "parts/weights": b"w" * 3_000_000}
    assert not [path for path in (tmp_path / "store" / "partial").iterdir() if path.is_dir()]


def test_the_artifact_is_named_by_content(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    for name in ("a", "b"):
        (tmp_path / name / "model").write_bytes(b"same")
    digests = {
        fetch(record(tmp_path / name), tmp_path / "store", None, lambda *_: None, stop=threading.Event()).digest
        for name in ("a", "b")
    }
    assert len(digests) == 1
    (tmp_path / "b" / "model").write_bytes(b"other")
    changed = fetch(record(tmp_path / "b"), tmp_path / "store", None, lambda *_: None, stop=threading.Event())
    assert changed.digest not in digests
    assert take(tmp_path / "a", tmp_path / "store") == {"model": b"same"}


def test_links_inside_are_followed(tmp_path: Path) -> None:
    model = tmp_path / "model"
    (model / "blobs").mkdir(parents=True)
    (model / "blobs" / "1").write_bytes(b"data")
    (model / "weights").symlink_to("blobs/1")
    (model / "again").symlink_to("blobs")
    assert take(model, tmp_path / "store") == {"again/1": b"data", "blobs/1": b"data", "weights": b"data"}


def outside_file(model: Path, secret: Path) -> None:
    (model / "weights").symlink_to(secret)


def outside_folder(model: Path, secret: Path) -> None:
    (model / "more").symlink_to(secret.parent)


def climbing(model: Path, secret: Path) -> None:
    (model / "weights").symlink_to(Path("..") / secret.parent.name / secret.name)


def dangling(model: Path, secret: Path) -> None:
    (model / "weights").symlink_to("nothing-there")


def loop(model: Path, secret: Path) -> None:
    (model / "self").symlink_to(".")


def itself(model: Path, secret: Path) -> None:
    (model / "self").symlink_to("self")


def pipe(model: Path, secret: Path) -> None:
    os.mkfifo(model / "pipe")


def control_character(model: Path, secret: Path) -> None:
    (model / "a\x1b[2J").write_bytes(b"x")


def not_unicode(model: Path, secret: Path) -> None:
    if sys.getfilesystemencoding() != "utf-8":
        pytest.skip("any byte is a letter in this locale")
    (model / os.fsdecode(b"\xff")).write_bytes(b"x")


def case_clash(model: Path, secret: Path) -> None:
    (model / "Weights").write_bytes(b"x")
    if (model / "weights").exists():
        pytest.skip("this file system does not tell them apart")
    (model / "weights").write_bytes(b"y")


@pytest.mark.parametrize(
    "harm",
    [outside_file, outside_folder, climbing, dangling, loop, itself, pipe, control_character, not_unicode, case_clash],
)
def test_what_leads_out_or_is_no_file_is_refused(tmp_path: Path, harm: Callable[[Path, Path], None]) -> None:
    model, secret = tmp_path / "src" / "model", tmp_path / "elsewhere" / "secret"
    model.mkdir(parents=True)
    secret.parent.mkdir()
    secret.write_bytes(b"secret")
    (model / "model.onnx").write_bytes(b"ONNX")
    harm(model, secret)
    # it is still listed, so that nobody misses it, and refused when it is fetched
    listing = list_models(parse_source(str(model.parent)), None, recognise)
    assert [found.id for found in listing.models] == ["model"]
    with pytest.raises(RefusedError) as caught:
        take(model, tmp_path / "store")
    assert caught.value.code == "hostile-path"
    assert caught.value.what.isprintable()
    assert not (tmp_path / "store" / "artifacts").exists()


def test_a_root_file_that_is_a_link_out(tmp_path: Path) -> None:
    source = tmp_path / "models"
    source.mkdir()
    (tmp_path / "secret.onnx").write_bytes(b"ONNX")
    (source / "model.onnx").symlink_to(tmp_path / "secret.onnx")
    listing = list_models(parse_source(str(source)), None, recognise)
    assert listing.models == ()
    assert [item.path for item in listing.ignored] == ["model.onnx"]
    assert "leads out" in listing.ignored[0].reason


def test_nothing_there(tmp_path: Path) -> None:
    with pytest.raises(UsageError) as caught:
        list_models(parse_source(str(tmp_path / "gone")), None, recognise)
    assert caught.value.code == "no-such-folder"
    with pytest.raises(NeedsYouError) as absent:
        take(tmp_path / "gone", tmp_path / "store")
    assert absent.value.code == "no-files"
    (tmp_path / "empty").mkdir()
    with pytest.raises(NeedsYouError):
        take(tmp_path / "empty", tmp_path / "store")


def test_a_preset_needs_a_person(tmp_path: Path) -> None:
    preset = ModelRecord(id="p", source="s", image_id="sentiment-analysis", workflow_template="preset-image")
    with pytest.raises(NeedsYouError) as caught:
        fetch(preset, tmp_path, None, lambda *_: None, stop=threading.Event())
    assert caught.value.code == "preset-image"
    assert "sentiment-analysis" in caught.value.what


def test_a_full_disk_says_so(tmp_path: Path) -> None:
    source = tmp_path / "sparse"
    with source.open("wb") as file:
        file.truncate(shutil.disk_usage(tmp_path).free + (1 << 30))  # takes no space itself
    with pytest.raises(LocalError) as caught:
        take(source, tmp_path / "store")
    assert caught.value.code == "disk-full"
    assert "--workspace" in caught.value.next_step


def test_a_store_that_cannot_be_made(tmp_path: Path) -> None:
    (tmp_path / "model").write_bytes(b"x")
    (tmp_path / "file").write_bytes(b"x")
    with pytest.raises(LocalError) as caught:
        take(tmp_path / "model", tmp_path / "file" / "store")
    assert caught.value.code == "disk"


def test_a_stop_leaves_no_artifact(tmp_path: Path) -> None:
    (tmp_path / "model").write_bytes(b"x" * 5_000_000)
    stop = threading.Event()

    def progress(done: int, total: int | None) -> None:
        if done:
            stop.set()

    with pytest.raises(Interrupted):
        fetch(record(tmp_path / "model"), tmp_path / "store", None, progress, stop=stop)
    assert not (tmp_path / "store" / "artifacts").exists()
    assert take(tmp_path / "model", tmp_path / "store") == {"model": b"x" * 5_000_000}


def test_a_damaged_artifact_is_made_again(tmp_path: Path) -> None:
    (tmp_path / "model").write_bytes(b"whole")
    artifact = fetch(record(tmp_path / "model"), tmp_path / "store", None, lambda *_: None, stop=threading.Event())
    Path(artifact.folder, "model").write_bytes(b"cut")
    assert not artifact_exists(artifact)
    again = fetch(record(tmp_path / "model"), tmp_path / "store", None, lambda *_: None, stop=threading.Event())
    assert again == artifact
    assert artifact_exists(artifact)


def test_progress_counts_to_the_total(tmp_path: Path) -> None:
    (tmp_path / "model").write_bytes(b"x" * 2_500_000)
    seen: list[tuple[int, int | None]] = []
    fetch(record(tmp_path / "model"), tmp_path / "s", None, lambda *step: seen.append(step), stop=threading.Event())
    assert seen[0] == (0, 2_500_000)
    assert seen[-1] == (2_500_000, 2_500_000)
    assert seen == sorted(seen)
