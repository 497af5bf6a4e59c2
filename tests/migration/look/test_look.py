"""Models looked at where they lie, on the sandbox: the verdict of a download, with counted requests and bytes."""

import gzip
import os
import zlib
from pathlib import Path
from typing import Literal

import boto3
import pytest
from moto.server import ThreadedMotoServer

from migrate.core.errors import Interrupted
from migrate.core.events import StepFinished, StepProgress
from migrate.core.looked import NotKnown
from migrate.core.options.sources import RunOptions
from migrate.core.values import BucketLocation, ContainerLocation, FolderLocation, ModelRecord
from migrate.formats.inspect import inspect, inspect_files
from migrate.formats.recognise import recognise
from migrate.migration.look.look import look, look_at_all
from migrate.migration.run.workspace import open_workspace
from migrate.migration.run_source import plan_source
from migrate.ovhcloud.session import Cloud
from migrate.ovhcloud.swift import object_store
from migrate.sandbox import control
from migrate.sources.listing import list_models
from migrate.sources.look import open_model
from migrate.sources.reference import parse_source
from tests.clouds import logged, open_cloud
from tests.formats import models
from tests.formats.hostile.base import example, unzipped, zipped
from tests.migration.look.shelf import MEGABYTE, Shelf, large_onnx, large_script, shelf
from tests.migration.runs import NAMESPACE, NO_ENGINE, run_of
from tests.ovhcloud.test_rights import key_with

__all__ = ["shelf"]


@pytest.mark.parametrize("source", [NAMESPACE, pytest.param("models@GRA", marks=pytest.mark.slow)])
def test_the_sample_models_are_known_and_the_cut_one_named(shelf: Shelf, source: str) -> None:
    listing = list_models(parse_source(source), shelf.run.storage, recognise)
    before, files = shelf.sent(), sorted(shelf.folder.rglob("*"))
    found = look_at_all(shelf.run, listing.models, jobs=4)
    sent = shelf.sent()[len(before) :]
    assert {name: one.verdict for name, one in found.items()} == {
        **dict.fromkeys(("iris", "titanic", "digits", "housing"), "ready"),
        "broken": "unreadable",
    }
    broken = found["broken"].inspection
    assert broken is not None
    assert broken.reason == "truncated"
    assert sorted(shelf.folder.rglob("*")) == files, "nothing is written here"
    assert sum(line.bytes for line in sent) == sum(one.bytes_read for one in found.values())
    assert all(one.bytes_read <= one.size for one in found.values())
    changes = [line for line in logged(shelf.sandbox) if line.method not in {"GET", "HEAD"}]
    assert all(line.path.endswith("/publicUrl") for line in changes), "nothing is written there"
    (seen,) = found["iris"].objects
    assert (seen.name, seen.size, len(seen.etag)) == ("iris/iris.onnx", 670, 32)
    assert seen.last_modified.endswith("Z")
    finished = [event for event in shelf.events if isinstance(event, StepFinished) and event.step == "look"]
    assert sorted(event.model or "" for event in finished) == sorted(found)
    progress = [event for event in shelf.events if isinstance(event, StepProgress)]
    assert [(event.done, event.total) for event in progress] == [(done, 5) for done in range(1, 6)]


@pytest.mark.parametrize(
    "road", ["url", pytest.param("token", marks=pytest.mark.slow), pytest.param("s3", marks=pytest.mark.slow)]
)
def test_of_a_large_model_little_is_read_and_the_verdict_is_that_of_a_download(shelf: Shelf, road: str) -> None:
    record = shelf.record({"m.onnx": large_onnx()}, s3=road == "s3")
    if isinstance(record.location, ContainerLocation) and road == "token":
        place = record.location
        object_store(shelf.run.storage, container_id=place.container_id, container="box", region="GRA").many(100)
    found = look(shelf.run, record)
    sent = shelf.sent()
    assert found.verdict == "ready"
    assert found.inspection == shelf.fetched(record)
    assert found.unchecked == ()
    assert found.size > 6 * MEGABYTE
    assert found.bytes_read < 200_000
    assert found.requests < 30
    extra = 1 if road == "s3" else 0  # a presigned URL is for GET: what an object is, is asked with one byte
    assert sum(line.bytes for line in sent if line.status == 206) == found.bytes_read + extra
    assert len([line for line in sent if line.status == 206]) == found.requests - 1 + extra


@pytest.mark.slow
def test_a_cut_model_is_told_by_its_beginning(shelf: Shelf) -> None:
    found = look(shelf.run, shelf.record({"m.onnx": large_onnx()[: 3 * MEGABYTE]}))
    assert found.inspection is not None
    assert (found.verdict, found.inspection.reason) == ("unreadable", "truncated")
    assert found.bytes_read < 100_000


def test_what_only_a_download_compares_is_not_taken_for_granted(shelf: Shelf) -> None:
    files = large_script()
    found = look(shelf.run, shelf.record(files))
    assert found.verdict is None
    assert found.not_known.startswith('In "species.ts", the headers and checksums of its 10 entries are not compared')
    assert found.inspection is not None, "it is told what it looks like so far"
    assert (found.inspection.format, found.inspection.runtime) == ("torch_script", "torch")
    assert found.bytes_read <= 2 * MEGABYTE
    del files["manifest.json"]
    alone = look(shelf.run, shelf.record({"species.ts": files["species.ts"]} | {"manifest.json": b"{}"}))
    assert alone.inspection is not None
    assert (alone.verdict, alone.inspection.reason) == ("needs-attention", "manifest-missing")
    assert alone.unchecked


@pytest.mark.slow
def test_a_file_that_runs_code_is_known_without_its_digest(shelf: Shelf) -> None:
    entries = unzipped(example("species-module")["species.pt"])
    files = {"species.pt": zipped({**entries, "species/notes": bytes(1) + os.urandom(3 * MEGABYTE)})}
    record = shelf.record(files)
    found = look(shelf.run, record)
    assert found.inspection is not None
    assert found.verdict == shelf.fetched(record).verdict == "quarantined"
    assert "once it is downloaded" in found.inspection.task
    assert found.inspection.unsafe == ()
    assert any("digest" in text for text in found.unchecked)


@pytest.mark.slow
@pytest.mark.parametrize("encoding", ["gzip", "deflate"])
def test_an_object_that_is_stored_as_compressed(shelf: Shelf, encoding: str) -> None:
    data = (models.EXAMPLES / "iris" / "iris.onnx").read_bytes()
    packed = gzip.compress(data) if encoding == "gzip" else zlib.compress(data)
    identity = shelf.put({"m/m.onnx": packed}, kind={"encoding": encoding})
    place = ContainerLocation(region="GRA", container="box", container_id=identity, path="m")
    record = ModelRecord(id="m", source="s", location=place)
    found = look(shelf.run, record)
    assert found.inspection == shelf.fetched(record)
    assert found.verdict == "ready"


@pytest.mark.slow
def test_a_large_object_is_read_through_its_segments(shelf: Shelf) -> None:
    data = large_onnx(4)
    names = [f"parts/{number}" for number in range(3)]
    for number, name in enumerate(names):
        shelf.put({name: data[number * 700_000 : (number + 1) * 700_000]})
    identity = shelf.put({"m/m.onnx": b""}, kind={"prefix": "box/parts/"})
    place = ContainerLocation(region="GRA", container="box", container_id=identity, path="m")
    found = look(shelf.run, ModelRecord(id="m", source="s", location=place))
    assert (found.verdict, found.size) == ("ready", len(data))


def test_an_object_that_changes_in_between_is_noticed(shelf: Shelf) -> None:
    record = shelf.record({"m.onnx": large_onnx()})
    files = open_model(record, shelf.run.storage, stopped=lambda: False)
    with files.open("m.onnx") as (read, _):
        assert read(0, 100)
        shelf.record({"m.onnx": large_onnx(13)})
        with pytest.raises(NotKnown, match="cannot be looked at: it changed"):
            read(3 * MEGABYTE, 100)
    assert look(shelf.run, record).verdict == "ready", "another look sees the new one"


@pytest.mark.slow
def test_what_is_not_there_is_a_problem_of_that_model_alone(shelf: Shelf) -> None:
    good = shelf.record({"m.onnx": large_onnx(1)})
    place = good.location
    assert isinstance(place, ContainerLocation)
    gone = ModelRecord(
        id="gone",
        source="s",
        location=ContainerLocation(region="GRA", container="box", container_id=place.container_id, path="gone"),
    )
    found = look_at_all(shelf.run, [gone, good], jobs=2)
    assert found["m"].verdict == "ready"
    assert found["gone"].problem is not None
    assert (found["gone"].problem.code, found["gone"].problem.stays) == ("no-files", True)
    assert found["gone"].verdict is None


@pytest.mark.slow
def test_an_object_that_is_listed_and_not_there_needs_a_person(shelf: Shelf) -> None:
    identity = shelf.put({"m/m.onnx": large_onnx(1)}, kind={"expired": True})
    place = ContainerLocation(region="GRA", container="box", container_id=identity, path="m")
    found = look(shelf.run, ModelRecord(id="m", source="s", location=place))
    assert found.problem is not None
    assert (found.problem.code, found.problem.stays) == ("object-unreadable", True)


@pytest.mark.slow
def test_a_storage_that_fails_gives_no_verdict(shelf: Shelf) -> None:
    record = shelf.record({"m.onnx": large_onnx()})
    control.fail(shelf.sandbox, "5xx", service="storage", status=503)
    found = look(shelf.run, record)
    assert found.problem is not None
    assert (found.problem.code, found.problem.stays) == ("storage-unavailable", False)


@pytest.mark.slow
def test_a_folder_is_read_where_it_lies(shelf: Shelf) -> None:
    for name, data in large_script().items():
        (shelf.folder / "here").mkdir(exist_ok=True)
        (shelf.folder / "here" / name).write_bytes(data)
    found = look(shelf.run, ModelRecord(id="m", source="s", location=FolderLocation(path=str(shelf.folder / "here"))))
    assert (found.verdict, found.unchecked, found.requests) == ("ready", (), 0), "all of it is at hand"
    assert [item.name for item in found.objects] == ["manifest.json", "species.ts"]


@pytest.mark.slow
def test_a_connection_that_breaks_is_made_again(shelf: Shelf) -> None:
    record = shelf.record({"m.onnx": large_onnx()})
    control.fail(shelf.sandbox, "truncated-download", after_bytes=1000, times=2)
    assert look(shelf.run, record).verdict == "ready"


@pytest.mark.parametrize("layout", ["separate", pytest.param("packed", marks=pytest.mark.slow)])
def test_a_dry_run_downloads_nothing_and_names_what_is_cut(
    shelf: Shelf, cloud: Cloud, layout: Literal["separate", "packed"]
) -> None:
    data = large_onnx()
    shelf.put(
        {"whole/m.onnx": data, "cut/m.onnx": data[: 3 * MEGABYTE], "script/species.ts": large_script()["species.ts"]}
    )
    workspace = open_workspace(shelf.folder / "workspace")
    plan = plan_source(
        RunOptions(source="box@GRA", layout=layout),
        cloud=cloud,
        workspace=workspace,
        environ=NO_ENGINE,
        emit=shelf.events.append,
    )
    assert [app.models for app in plan.apps] == [("whole",)]
    assert {outcome.model: outcome.reason for outcome in plan.settled} == {
        "cut": "truncated",
        "script": "manifest-missing",
    }
    assert sum(line.bytes for line in shelf.sent()) < 600_000
    assert not workspace.store.exists()


@pytest.mark.slow
def test_what_cannot_be_looked_at_is_planned_with_a_note(shelf: Shelf, cloud: Cloud) -> None:
    control.fail(shelf.sandbox, "5xx", service="storage", status=503, path_regex="/iris")
    workspace = open_workspace(shelf.folder / "workspace")
    options = RunOptions(source=NAMESPACE, models=("iris",))
    plan = plan_source(options, cloud=cloud, workspace=workspace, environ=NO_ENGINE, emit=shelf.events.append)
    (app,) = plan.apps
    assert any(note.startswith("its verdict is not yet known. The object ") for note in app.notes), app.notes


@pytest.mark.slow
def test_rights_to_read_suffice(shelf: Shelf, tmp_path: Path) -> None:
    record = shelf.record({"m.onnx": large_onnx(1)})
    project = "/cloud/project/*"
    key = key_with(shelf.sandbox, ("GET", project), ("POST", f"{project}/publicUrl"), ("POST", f"{project}/access"))
    with open_cloud(shelf.sandbox, tmp_path / "other", OVH_CONSUMER_KEY=key) as cloud:
        (tmp_path / "run").mkdir()
        with run_of(cloud, tmp_path / "run") as (run, _):
            assert look(run, record).verdict == "ready"
        workspace = open_workspace(tmp_path / "workspace")
        options = RunOptions(source="box@GRA")
        plan = plan_source(options, cloud=cloud, workspace=workspace, environ=NO_ENGINE, emit=shelf.events.append)
        assert [app.models for app in plan.apps] == [("m",)]


@pytest.mark.slow
def test_a_bucket_that_is_reached_with_keys(tmp_path: Path) -> None:
    server = ThreadedMotoServer("127.0.0.1", 0, verbose=False)
    server.start()
    try:
        host, port = server.get_host_and_port()
        endpoint = f"http://{host}:{port}"
        client = boto3.client(
            "s3",
            endpoint_url=endpoint,
            region_name="us-east-1",
            aws_access_key_id="key",
            aws_secret_access_key="the secret of the other store",
        )
        client.create_bucket(Bucket="bucket")
        client.put_object(Bucket="bucket", Key="m/m.onnx", Body=large_onnx())
        place = BucketLocation(bucket="bucket", region="us-east-1", endpoint=endpoint, path="m")
        keys = {"AWS_ACCESS_KEY_ID": "key", "AWS_SECRET_ACCESS_KEY": "the secret of the other store"}
        record = ModelRecord(id="m", source="s", location=place)
        files = open_model(record, None, stopped=lambda: False, environ=keys)
        assert inspect_files(files, framework=None).verdict == "ready"
        assert files.bytes_read < 200_000
        client.put_object(Bucket="bucket", Key="m/m.onnx", Body=large_onnx(13))
        with files.open("m.onnx") as (read, _), pytest.raises(NotKnown, match="it changed"):
            read(300_000, 10)
    finally:
        server.stop()


@pytest.mark.slow
def test_a_stopped_run_looks_no_further(shelf: Shelf) -> None:
    record = shelf.record({"m.onnx": large_onnx(1)})
    shelf.run.stop.set()
    with pytest.raises(Interrupted):
        look_at_all(shelf.run, [record], jobs=1)


ONNX = models.identity().SerializeToString()
CUT = models.weights((64,)).SerializeToString()[:-40]


@pytest.mark.parametrize("packed", [False, True])
@pytest.mark.parametrize("where", ["folder", "container"])
def test_a_model_in_a_small_archive_is_known_and_no_byte_is_counted_twice(
    shelf: Shelf, where: str, packed: bool
) -> None:
    data = zipped({"iris/model.onnx": ONNX, "iris/README.md": b"of iris"}, packed=packed)
    if where == "folder":
        (shelf.folder / "here").mkdir()
        (shelf.folder / "here" / "model.zip").write_bytes(data)
        record = ModelRecord(id="m", source="s", location=FolderLocation(path=str(shelf.folder / "here")))
    else:
        record = shelf.record({"model.zip": data})
    found = look(shelf.run, record)
    assert (found.verdict, found.not_known, found.unchecked) == ("ready", "", ())
    plain = inspect(models.write(shelf.folder / "unpacked", {"model.onnx": ONNX}), framework=None)
    assert found.inspection is not None
    assert found.inspection.settings == plain.settings
    assert "model.zip" in found.inspection.notes[0]
    assert 0 < found.bytes_read <= found.size == len(data)


@pytest.mark.parametrize(
    ("model", "packed", "reason", "not_known"),
    [
        (ONNX, False, "", "the headers and checksums of its 2 entries are not compared"),
        (CUT, False, "truncated", ""),
        (ONNX, True, None, '"notes.bin" is packed in the archive "model.zip", and only unpacking all of its 5,000,000'),
    ],
)
def test_of_a_large_archive_what_the_model_is_is_read_and_the_rest_is_not_taken_for_granted(
    shelf: Shelf, model: bytes, packed: bool, reason: str | None, not_known: str
) -> None:
    data = zipped({"model.onnx": model, "notes.bin": os.urandom(5 * MEGABYTE)}, packed=packed)
    found = look(shelf.run, shelf.record({"model.zip": data}))
    assert not_known in found.not_known
    assert bool(not_known) == bool(found.not_known)
    assert (found.inspection.reason if found.inspection else None) == reason
    assert found.bytes_read <= 2 * MEGABYTE


def test_an_archive_whose_bytes_are_damaged_is_known_before_a_download(shelf: Shelf) -> None:
    data = zipped({"model.onnx": ONNX}).replace(b"Identity", b"Identitx", 1)
    found = look(shelf.run, shelf.record({"model.zip": data}))
    assert found.inspection is not None
    assert found.inspection.reason == "archive-checksum"


def test_a_large_archive_of_this_machine_is_read_once(shelf: Shelf) -> None:
    (shelf.folder / "here").mkdir()
    data = zipped({"model.onnx": ONNX, "weights.bin": bytes(3 * MEGABYTE)})
    (shelf.folder / "here" / "model.zip").write_bytes(data)
    record = ModelRecord(id="m", source="s", location=FolderLocation(path=str(shelf.folder / "here")))
    asked = 0
    reading = os.pread

    def counted(file: int, length: int, offset: int) -> bytes:
        nonlocal asked
        found = reading(file, length, offset)
        asked += len(found)
        return found

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(os, "pread", counted)
        assert look(shelf.run, record).verdict == "ready"
    assert len(data) <= asked <= 1.5 * len(data)


def test_damage_in_what_is_not_unpacked_is_no_verdict_on_the_model(shelf: Shelf) -> None:
    data = zipped({"model.onnx": ONNX, "notes.md": b"of the iris"}).replace(b"of the iris", b"of the Iris", 1)
    found = look(shelf.run, shelf.record({"model.zip": data}))
    assert found.verdict == "ready"


@pytest.mark.parametrize("reason", ["truncated", "archive-slip"])
def test_an_archive_that_cannot_be_unpacked_is_known_before_a_download(shelf: Shelf, reason: str) -> None:
    data = zipped({"model.onnx": models.identity().SerializeToString()})
    record = shelf.record({"model.zip": data[:-60] if reason == "truncated" else data.replace(b"model", b"../mo")})
    found = look(shelf.run, record)
    assert found.inspection is not None
    assert (found.inspection.reason, found.not_known) == (reason, "")
    assert found.verdict in {"unreadable", "quarantined"}
