"""Buckets that are reached with S3 keys, on an S3 server that others wrote (moto), filled by boto3."""

import json
import os
import threading
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import boto3
import pytest
import requests
from moto.server import ThreadedMotoServer

from migrate.core.errors import ConfigurationError, Interrupted, MigrateError, RefusedError
from migrate.core.values import Artifact, BucketLocation, Listing, ModelRecord
from migrate.formats.recognise import recognise
from migrate.migration.journey.revisions import UNKNOWN, revisions
from migrate.ovhcloud import objects
from migrate.ovhcloud.session import Cloud
from migrate.sources import s3
from migrate.sources.fetch import fetch
from migrate.sources.listing import list_models, needs_cloud
from migrate.sources.reference import parse_source
from tests.clouds import QUICK
from tests.sources.storing import content

pytestmark = pytest.mark.programs

ONNX = Path("examples/models/iris/iris.onnx")
KEYS = {"AWS_ACCESS_KEY_ID": "AK", "AWS_SECRET_ACCESS_KEY": "the secret of the keys", "AWS_REGION": "us-east-1"}


class Server:
    """A running S3 server."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.environ = {"AWS_ENDPOINT_URL": url, "HOME": "/nonexistent", **KEYS}

    def client(self, service: str = "s3") -> Any:
        return boto3.client(
            service,
            endpoint_url=self.url,
            aws_access_key_id=KEYS["AWS_ACCESS_KEY_ID"],
            aws_secret_access_key=KEYS["AWS_SECRET_ACCESS_KEY"],
            region_name="us-east-1",
        )

    def put(self, bucket: str, content: Mapping[str, bytes]) -> None:
        client = self.client()
        client.create_bucket(Bucket=bucket)
        for name, data in content.items():
            client.put_object(Bucket=bucket, Key=name, Body=data)

    def list(self, source: str, **changes: str) -> Listing:
        return list_models(parse_source(source), None, recognise, environ={**self.environ, **changes})

    def take(self, model: ModelRecord, store: Path, **given: Any) -> Artifact:
        stop = given.pop("stop", threading.Event())
        return fetch(model, store, None, given.pop("progress", lambda *_: None), stop=stop, environ=self.environ)


@pytest.fixture(scope="module")
def running() -> Iterator[ThreadedMotoServer]:
    server = ThreadedMotoServer("127.0.0.1", 0, verbose=False)
    server.start()
    yield server
    server.stop()


@pytest.fixture
def server(running: ThreadedMotoServer, monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    for name in [name for name in os.environ if name.startswith("AWS_")]:
        monkeypatch.delenv(name)
    monkeypatch.setattr(objects, "STORAGE_RETRY", QUICK)
    monkeypatch.setattr(s3, "STORAGE_RETRY", QUICK)
    host, port = running.get_host_and_port()
    url = f"http://{host}:{port}"
    yield Server(url)
    requests.post(f"{url}/moto-api/reset-auth", data=b"inf", timeout=60)
    requests.post(f"{url}/moto-api/reset", timeout=60)


def model() -> bytes:
    return next(path for path in Path("examples/models/iris").rglob("*.onnx")).read_bytes()


def test_the_models_of_a_bucket_come_as_they_are(server: Server, tmp_path: Path) -> None:
    server.put("models", {"iris/v1/iris.onnx": model(), "iris.onnx": model(), "notes.txt": b"text", "empty/": b""})
    assert not needs_cloud(parse_source("s3://models"))
    listing = server.list("s3://models")
    assert listing.source == "s3://models"
    place = BucketLocation(bucket="models", region="us-east-1", endpoint=server.url, path="iris.onnx")
    assert [(found.id, found.location) for found in listing.models] == [
        ("iris", BucketLocation(bucket="models", region="us-east-1", endpoint=server.url, path="iris")),
        ("iris.onnx", place),
    ]
    assert [(item.path, item.reason) for item in listing.ignored] == [("notes.txt", "no model by its content")]
    assert content(server.take(listing.models[0], tmp_path)) == {"v1/iris.onnx": model()}
    assert content(server.take(listing.models[1], tmp_path)) == {"iris.onnx": model()}


def test_markers_of_folders_are_no_files(server: Server, tmp_path: Path) -> None:
    server.put("models", {"iris/": b"", "iris/iris.onnx": model(), "other/": b"x", "other/iris.onnx": model()})
    server.put("models", {"flag": b"", "flags/flag": b"", "flags/iris.onnx": model()})
    listing = server.list("s3://models")
    assert [found.id for found in listing.models] == ["flags", "iris", "other"]
    assert [(item.path, item.reason) for item in listing.ignored] == [("flag", "it is empty")]
    assert content(server.take(listing.models[0], tmp_path)) == {"flag": b"", "iris.onnx": model()}
    assert content(server.take(listing.models[2], tmp_path)) == {"iris.onnx": model()}


@pytest.mark.parametrize("source", ["s3://models/iris", "s3://models/iris/", "s3://models/iris/iris.onnx"])
def test_a_prefix_is_a_folder_or_an_object(server: Server, tmp_path: Path, source: str) -> None:
    server.put("models", {"iris/iris.onnx": model(), "iris-notes/n.onnx": model(), "iris.onnx": model()})
    (found,) = server.list(source).models
    assert found.id == "iris"
    assert content(server.take(found, tmp_path)) == {"iris.onnx": model()}


def test_odd_names_come_as_they_are(server: Server, tmp_path: Path) -> None:
    names = ["a b", "100%", "100%25", "q?x=1", "#", "ü/日本", "a+b", "a&b", "-rf", "~", "a'b\"c", "[x]{y}^|"]
    server.put("models", {"m/model.onnx": model(), **{f"m/{name}": name.encode() for name in names}})
    (found,) = server.list("s3://models").models
    expected = {"model.onnx": model(), **{name: name.encode() for name in names}}
    assert content(server.take(found, tmp_path)) == expected


@pytest.mark.slow
def test_more_objects_than_one_page_holds(server: Server) -> None:
    server.put("models", {**{f"texts/{number:04}.txt": b"x" for number in range(1100)}, "z/iris.onnx": model()})
    listing = server.list("s3://models")
    assert [found.id for found in listing.models] == ["z"]
    assert listing.ignored[0].size == 1100


def multipart(server: Server, name: str, parts: list[bytes]) -> str:
    client = server.client()
    place = {"Bucket": "models", "Key": name}
    upload = client.create_multipart_upload(**place)["UploadId"]
    sent = [
        {
            "PartNumber": number,
            "ETag": client.upload_part(Bucket="models", Key=name, UploadId=upload, PartNumber=number, Body=part)[
                "ETag"
            ],
        }
        for number, part in enumerate(parts, 1)
    ]
    done = client.complete_multipart_upload(**place, UploadId=upload, MultipartUpload={"Parts": sent})
    return str(done["ETag"])


@pytest.mark.parametrize("ended", ["in good order", "by a kill"])
def test_bytes_of_a_multipart_upload_count_if_they_were_synced(server: Server, tmp_path: Path, ended: str) -> None:
    parts = [os.urandom(5 << 20), os.urandom(1 << 20)]
    server.put("models", {})
    assert multipart(server, "m/weights.bin", parts).endswith('-2"')
    record = ModelRecord(
        id="m",
        source="s",
        location=BucketLocation(bucket="models", region="us-east-1", endpoint=server.url, path="m"),
    )
    stop = threading.Event()
    seen: list[int] = []

    def progress(done: int, _: int | None) -> None:
        seen.append(done)
        if done > 2_000_000:
            stop.set()

    with pytest.raises(Interrupted):
        server.take(record, tmp_path, progress=progress, stop=stop)
    (partial,) = tmp_path.glob("partial/*/*.partial")
    kept = partial.stat().st_size
    assert 0 < kept < 6 << 20
    state = partial.with_suffix(".json")
    saved = json.loads(state.read_bytes())
    assert saved["spans"] == [[0, kept]]
    if ended == "by a kill":  # which comes before the bytes are synced and counted
        state.write_text(json.dumps(saved | {"spans": []}), encoding="utf-8")
    seen.clear()
    assert content(server.take(record, tmp_path, progress=lambda done, _: seen.append(done))) == {
        "weights.bin": b"".join(parts)
    }
    # An ETag of parts does not tell damage in bytes that another process did not sync.
    assert (min(number for number in seen if number) < kept) == (ended == "by a kill")


def test_an_object_that_was_replaced_is_taken_anew(server: Server, tmp_path: Path) -> None:
    first, second = (os.urandom(3_000_000) for _ in range(2))
    server.put("models", {"m/w.bin": first})
    record = ModelRecord(
        id="m", source="s", location=BucketLocation(bucket="models", region="", endpoint=server.url, path="m")
    )
    stop = threading.Event()

    def progress(done: int, _: int | None) -> None:
        if done > 1_000_000:
            stop.set()

    with pytest.raises(Interrupted):
        server.take(record, tmp_path, progress=progress, stop=stop)
    (state,) = tmp_path.glob("partial/*/*.json")
    server.put("models", {"m/w.bin": second})
    # As if both had been uploaded in one second, which is as exact as listings are.
    when = server.client().head_object(Bucket="models", Key="m/w.bin")["LastModified"].isoformat()[:19]
    state.write_text(json.dumps(json.loads(state.read_text()) | {"last_modified": when}))
    assert content(server.take(record, tmp_path)) == {"w.bin": second}


def test_a_revision_tells_a_new_upload(server: Server, cloud: Cloud) -> None:
    server.put("models", {"m/iris.onnx": model()})
    records = server.list("s3://models").models
    before = revisions(cloud, records, jobs=1, environ=server.environ)
    assert before["m"] != UNKNOWN
    server.put("models", {"m/more.bin": b"more"})
    assert revisions(cloud, records, jobs=1, environ=server.environ) != before
    without = {name: text for name, text in server.environ.items() if "KEY" not in name}
    assert revisions(cloud, records, jobs=1, environ=without) == {"m": UNKNOWN}


def put_by_path(server: Server, name: str) -> None:
    """Put an object under a name that clients would tidy."""
    quoted = name.replace("/..", "/%2E%2E").replace("./", "%2E/")
    assert requests.put(f"{server.url}/models/{quoted}", data=b"x", timeout=60).status_code == 200


@pytest.mark.parametrize("name", ["x//y.onnx", "dd/./z.onnx", "dd/ee//z.onnx", "x//"])
def test_a_name_that_is_no_path_costs_its_own_folder(server: Server, name: str) -> None:
    server.put("models", {"iris/v1/iris.onnx": model(), "x/other.onnx": model(), "iris.onnx": model()})
    put_by_path(server, name)
    listing = server.list("s3://models")
    assert [found.id for found in listing.models if found.id != "x"] == ["iris", "iris.onnx"]
    (folder,) = [item for item in listing.ignored if item.path == f"{name.partition('/')[0]}/"]
    assert "is refused" in folder.reason


def test_a_name_at_the_root_that_is_no_path_is_told(server: Server) -> None:
    server.put("models", {"iris/iris.onnx": model()})
    put_by_path(server, "./q.onnx")
    with pytest.raises(RefusedError) as caught:
        server.list("s3://models")
    assert caught.value.code == "hostile-path"
    assert "./q.onnx" in caught.value.what
    assert "s3://models/FOLDER" in caught.value.next_step
    assert [found.id for found in server.list("s3://models/iris").models] == ["iris"]


def refusal(listing: Callable[[], object]) -> MigrateError:
    with pytest.raises(MigrateError) as caught:
        listing()
    assert "Debug source" not in str(caught.value)
    assert KEYS["AWS_SECRET_ACCESS_KEY"] not in f"{caught.value}{caught.value.next_step}"
    return caught.value


def test_an_unknown_bucket(server: Server) -> None:
    error = refusal(lambda: server.list("s3://nothing"))
    assert (error.code, error.exit_code) == ("unknown-bucket", 3)
    assert "nothing" in error.what
    assert server.url in error.what


def test_nobody_answers(server: Server) -> None:
    error = refusal(lambda: server.list("s3://models", AWS_ENDPOINT_URL="http://127.0.0.1:9"))
    assert (error.code, error.exit_code) == ("storage-unavailable", 5)


def test_wrong_keys_and_rights_that_are_missing(server: Server) -> None:
    server.put("models", {"iris/iris.onnx": model()})
    iam = server.client("iam")
    iam.create_user(UserName="nobody")
    keys = iam.create_access_key(UserName="nobody")["AccessKey"]
    requests.post(f"{server.url}/moto-api/reset-auth", data=b"0", timeout=60)
    known = {"AWS_ACCESS_KEY_ID": keys["AccessKeyId"]}
    for changes, code in (
        ({}, "InvalidAccessKeyId"),
        (known | {"AWS_SECRET_ACCESS_KEY": "wrong"}, "SignatureDoesNotMatch"),
        (known | {"AWS_SECRET_ACCESS_KEY": keys["SecretAccessKey"]}, "AccessDenied"),
    ):
        error = refusal(lambda changes=changes: server.list("s3://models", **changes))  # type: ignore[misc]
        assert (error.code, error.exit_code) == ("s3-refused", 3)
        assert code in error.what


def test_a_public_bucket_takes_no_keys(server: Server, tmp_path: Path) -> None:
    server.put("open", {"a b/iris.onnx": model()})
    server.client().put_object_acl(Bucket="open", Key="a b/iris.onnx", ACL="public-read")
    environ = {"AWS_ENDPOINT_URL": server.url, "AWS_SKIP_SIGNATURE": "true", "HOME": "/nonexistent"}
    (found,) = list_models(parse_source("s3://open"), None, recognise, environ=environ).models
    artifact = fetch(found, tmp_path, None, lambda *_: None, stop=threading.Event(), environ=environ)
    assert content(artifact) == {"iris.onnx": model()}


def test_nothing_is_asked_without_keys(server: Server) -> None:
    environ = {"AWS_ENDPOINT_URL": server.url, "HOME": "/nonexistent"}
    with pytest.raises(ConfigurationError) as caught:
        list_models(parse_source("s3://models"), None, recognise, environ=environ)
    assert caught.value.code == "no-s3-credentials"
    assert "BUCKET@REGION" in caught.value.next_step
