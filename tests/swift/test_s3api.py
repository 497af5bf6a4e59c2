"""Buckets with S3 keys on the S3 interface of a real Swift, which checks signatures and has large objects."""

import os
import threading
from pathlib import Path

import pytest

from migrate.core.errors import MigrateError
from migrate.core.values import Listing
from migrate.formats.recognise import recognise
from migrate.ovhcloud import objects
from migrate.sources import s3
from migrate.sources.fetch import fetch
from migrate.sources.listing import list_models
from migrate.sources.reference import parse_source
from tests.clouds import QUICK
from tests.sources.storing import content
from tests.swift.service import KEY, USER, Swift

pytestmark = pytest.mark.slow  # each process of the tests would start a Swift of its own; test_sources does


@pytest.fixture
def environ(swift: Swift, monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    for name in [name for name in os.environ if name.startswith("AWS_")]:
        monkeypatch.delenv(name)
    monkeypatch.setattr(objects, "STORAGE_RETRY", QUICK)
    monkeypatch.setattr(s3, "STORAGE_RETRY", QUICK)
    keys = {"AWS_ACCESS_KEY_ID": USER, "AWS_SECRET_ACCESS_KEY": KEY, "AWS_REGION": "us-east-1"}
    return {"HOME": "/nonexistent", "AWS_ENDPOINT_URL": swift.url, **keys}


def listed(environ: dict[str, str], source: str = "s3://box1") -> Listing:
    return list_models(parse_source(source), None, recognise, environ=environ)


def taken(environ: dict[str, str], tmp_path: Path, model: str) -> dict[str, bytes]:
    (record,) = [found for found in listed(environ).models if found.id == model]
    return content(fetch(record, tmp_path, None, lambda *_: None, stop=threading.Event(), environ=environ))


def model() -> bytes:
    return next(Path("examples/models/iris").rglob("*.onnx")).read_bytes()


def test_plain_objects_under_odd_names(swift: Swift, environ: dict[str, str], tmp_path: Path) -> None:
    swift.put("box1")
    names = ["a b", "100%25", "q?x=1#", "ü/日本", "a+b", "a'b\"c", "~"]
    for name in names:
        swift.put("box1", f"m/{name}", name.encode())
    swift.put("box1", "m/iris.onnx", model())
    swift.put("box1", "iris.onnx", model())
    assert [found.id for found in listed(environ).models] == ["iris", "m"]
    assert taken(environ, tmp_path, "m") == {"iris.onnx": model(), **{name: name.encode() for name in names}}


def test_large_objects_of_both_kinds(swift: Swift, environ: dict[str, str], tmp_path: Path) -> None:
    data = model()
    swift.put("box1")
    swift.put("pieces")
    for number, part in enumerate((data[:100], data[100:])):
        swift.put("pieces", f"slo/{number}", part)
        swift.put("pieces", f"dlo/{number}", part)
    swift.put_slo("box1", "static/iris.onnx", ["pieces/slo/0", "pieces/slo/1"])
    swift.put("box1", "dynamic/iris.onnx", b"", X_Object_Manifest="pieces/dlo/")
    assert [found.id for found in listed(environ).models] == ["dynamic", "static"]
    assert taken(environ, tmp_path, "static") == {"iris.onnx": data}
    assert taken(environ, tmp_path, "dynamic") == {"iris.onnx": data}


def test_wrong_keys_and_no_bucket(swift: Swift, environ: dict[str, str]) -> None:
    swift.put("box1")
    for source, changes, code in (
        ("s3://box1", {"AWS_SECRET_ACCESS_KEY": "wrong"}, "s3-refused"),
        ("s3://nothing", {}, "unknown-bucket"),
        ("s3://box1", {"AWS_REGION": "gra"}, "unknown-bucket"),
    ):
        with pytest.raises(MigrateError) as caught:
            listed(environ | changes, source)
        assert caught.value.code == code
