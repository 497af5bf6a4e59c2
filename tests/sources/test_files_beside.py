"""An ONNX file at the root of a source takes the files along that it names as the places of its weights."""

import threading
from pathlib import Path

import pytest

from migrate.core.errors import RefusedError, UsageError
from migrate.core.values import Ignored, ModelRecord
from migrate.formats.inspect import inspect
from migrate.formats.onnx.external import external_files
from migrate.formats.recognise import recognise
from migrate.migration.journey.revisions import revisions
from migrate.ovhcloud.session import Cloud
from migrate.sources.fetch import fetch
from migrate.sources.listing import list_models
from migrate.sources.look import open_model
from migrate.sources.reference import FolderRef, parse_source
from tests.formats.models import varint, weights
from tests.sources.storing import content, put, take


def model(place: str) -> bytes:
    return weights(external={"location": place}).SerializeToString()


FILES = {
    "one.onnx": model("one.onnx.data"),
    "one.onnx.data": bytes(16),
    "two.onnx": model("sub/w"),
    "sub/w": bytes(range(16)),
    "alone.onnx": weights().SerializeToString(),
    "gone.onnx": model("nowhere.bin"),
    "notes.bin": b"something else",
}
BESIDE = {"one": ("one.onnx.data",), "two": ("sub/w",), "alone": (), "gone": ()}


def told(models: tuple[ModelRecord, ...]) -> dict[str, tuple[str, ...]]:
    return {found.id: found.location.beside for found in models if found.location is not None}


def test_in_a_folder(tmp_path: Path, cloud: Cloud) -> None:
    folder = tmp_path / "models"
    for name, data in FILES.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(data)
    listing = list_models(parse_source(str(folder)), None, recognise)
    assert told(listing.models) == BESIDE
    assert [item.path for item in listing.ignored] == ["notes.bin"]
    verdicts = {}
    for record in listing.models:
        made = fetch(record, tmp_path / "store", None, lambda *_: None, stop=threading.Event())
        assert content(made).keys() == {f"{record.id}.onnx", *BESIDE[record.id]}
        assert made.digest != ""
        assert set(open_model(record, None, stopped=lambda: False).sizes) == set(content(made))
        verdicts[record.id] = inspect(made, framework=None)
    assert {name: found.verdict for name, found in verdicts.items() if name != "gone"} == dict.fromkeys(
        ("one", "two", "alone"), "ready"
    )
    assert verdicts["gone"].reason == "external-data-missing"
    assert "name the folder of both as the source" in verdicts["gone"].task
    seen = revisions(cloud, listing.models, jobs=1)
    (folder / "sub" / "w").write_bytes(bytes(17))
    assert [name for name, one in revisions(cloud, listing.models, jobs=1).items() if one != seen[name]] == ["two"]


def test_a_link_that_leads_out_is_refused(tmp_path: Path) -> None:
    folder = tmp_path / "models"
    (folder / "sub").mkdir(parents=True)
    (folder / "two.onnx").write_bytes(FILES["two.onnx"])
    (folder / "sub" / "w").write_bytes(bytes(16))
    (record,) = list_models(parse_source(str(folder)), None, recognise).models
    (tmp_path / "secret").mkdir()
    (tmp_path / "secret" / "w").write_bytes(bytes(16))
    (folder / "sub" / "w").unlink()
    (folder / "sub").rmdir()
    (folder / "sub").symlink_to(tmp_path / "secret")
    with pytest.raises(RefusedError) as caught:
        fetch(record, tmp_path / "store", None, lambda *_: None, stop=threading.Event())
    assert caught.value.code == "hostile-path"


@pytest.mark.parametrize("prefix", ["", "deep/"])
def test_in_a_container(sandbox: Path, tmp_path: Path, cloud: Cloud, prefix: str) -> None:
    put(sandbox, tmp_path, {f"{prefix}{name}": data for name, data in FILES.items()})
    listing = list_models(parse_source(f"box@GRA/{prefix}"), cloud, recognise)
    assert told(listing.models) == BESIDE
    assert listing.ignored == (Ignored(path="notes.bin", size=14, reason="no model by its content"),)
    two = next(record for record in listing.models if record.id == "two")
    assert content(take(cloud, two, tmp_path / "store")) == {"two.onnx": FILES["two.onnx"], "sub/w": FILES["sub/w"]}
    assert set(open_model(two, cloud, stopped=lambda: False).sizes) == {"two.onnx", "sub/w"}
    told_with_them = revisions(cloud, listing.models, jobs=1)  # by the listing that told the models
    seen = revisions(cloud, listing.models, jobs=1)  # by one of its own
    assert seen == told_with_them
    assert seen["two"].size == len(FILES["two.onnx"]) + 16
    put(sandbox, tmp_path, {f"{prefix}sub/w": bytes(17)})
    assert [name for name, one in revisions(cloud, listing.models, jobs=1).items() if one != seen[name]] == ["two"]


@pytest.mark.parametrize("s3", [False, pytest.param(True, marks=pytest.mark.slow)])
def test_a_source_that_is_one_object(sandbox: Path, tmp_path: Path, cloud: Cloud, s3: bool) -> None:
    put(sandbox, tmp_path, {f"deep/{name}": data for name, data in FILES.items()}, s3=s3)
    put(sandbox, tmp_path, {name: FILES[name] for name in ("two.onnx", "sub/w")}, s3=s3)
    for source, beside in {**{f"deep/{name}": found for name, found in BESIDE.items()}, "two": BESIDE["two"]}.items():
        (record,) = list_models(parse_source(f"box@GRA/{source}.onnx"), cloud, recognise).models
        name = f"{record.id}.onnx"
        assert source.rpartition("/")[2] == record.id
        assert told((record,)) == {record.id: beside}
        made = take(cloud, record, tmp_path / "store")
        assert content(made) == {path: FILES[path] for path in (name, *beside)}
        assert set(open_model(record, cloud, stopped=lambda: False).sizes) == set(content(made))
        assert revisions(cloud, (record,), jobs=1)[record.id].size == made.size


def test_a_model_file_of_this_machine_is_no_source_and_its_folder_is_one(tmp_path: Path) -> None:
    (tmp_path / "m.onnx").write_bytes(FILES["alone.onnx"])
    with pytest.raises(UsageError) as caught:
        list_models(parse_source(str(tmp_path / "m.onnx")), None, recognise)
    assert caught.value.code == "bad-inventory"
    assert str(tmp_path) in caught.value.next_step
    with pytest.raises(UsageError) as caught:
        list_models(FolderRef(tmp_path / "m.onnx"), None, recognise)
    assert "is a file" in caught.value.what
    assert str(tmp_path) in caught.value.next_step


def test_a_model_with_many_weights_of_its_own_is_not_read_to_its_end() -> None:
    tensors = b"".join(b"\x2a" + varint(len(one)) + one for one in [_tensor(40_000)] * 500)
    graph = tensors + b"\x0a\x05\x22\x03Add"
    data = b"\x08\x08" + b"\x3a" + varint(len(graph)) + graph
    reads: list[int] = []

    def read(offset: int, length: int) -> bytes:
        reads.append(length)
        return data[offset : offset + length]

    assert external_files(len(data), read) == ()
    assert 60 <= len(reads) <= 70


def _tensor(size: int) -> bytes:
    return b"\x08" + varint(size // 4) + b"\x10\x01" + b"\x4a" + varint(size) + bytes(size)
