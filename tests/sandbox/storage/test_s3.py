"""S3 itself: what a GET of a presigned URL gives."""

import time
from pathlib import Path
from typing import Any

import pytest
import requests

from migrate.sandbox import control

DATA = bytes(range(100))


@pytest.fixture
def url(box: Any, tmp_path: Path) -> str:
    file = tmp_path / "object"
    file.write_bytes(DATA)
    control.put_object(box.folder, "shelf", "model.bin", file, s3=True)
    return presign(box, "shelf")


def presign(box: Any, bucket: str, seconds: int = 600) -> str:
    path = box.path(f"/region/GRA/storage/{bucket}/presign")
    found: str = box.client().post(path, method="GET", object="model.bin", expire=seconds)["url"]
    return found


def get(url: str, **headers: str) -> requests.Response:
    return requests.get(url, headers={name.replace("_", "-"): value for name, value in headers.items()}, timeout=60)


def test_nothing_but_a_presigned_url_opens(box: Any, url: str) -> None:
    assert get(url).content == DATA
    for other in (url.partition("?")[0], url.replace("model.bin", "other.bin"), url[:-1] + "z"):
        answer = get(other)
        assert (answer.status_code, answer.headers["Content-Type"]) == (403, "application/xml")
        assert "<Code>AccessDenied</Code>" in answer.text
    assert requests.put(url, data=b"x", timeout=60).status_code == 405
    short = presign(box, "shelf", 1)
    time.sleep(2.1)
    assert get(short).status_code == 403


def test_ranges(url: str) -> None:
    part = get(url, Range="bytes=10-19")
    assert (part.status_code, part.content, part.headers["Content-Range"]) == (206, DATA[10:20], "bytes 10-19/100")
    assert get(url, Range="bytes=10-", If_Range='"other"').status_code == 206
    assert get(url, Range="bytes=0-1,5-6").content == DATA
    beyond = get(url, Range="bytes=100-")
    assert (beyond.status_code, beyond.headers["Content-Type"]) == (416, "application/xml")
    assert "<Code>InvalidRange</Code>" in beyond.text


def test_conditions(url: str) -> None:
    etag = get(url).headers["ETag"]
    assert etag.startswith('"')
    assert get(url, If_Match=etag).status_code == 200
    assert get(url, If_Match='"other"').status_code == 412
    assert get(url, If_None_Match=etag).status_code == 304


def test_an_archive_is_sealed(box: Any, tmp_path: Path) -> None:
    file = tmp_path / "object"
    file.write_bytes(DATA)
    control.put_object(box.folder, "frozen", "model.bin", file, s3=True, archive=True)
    assert "InvalidObjectState" in get(presign(box, "frozen")).text
    (row,) = box.client().get(box.path("/region/GRA/storage/frozen/object"))
    assert row["storageClass"] == "DEEP_ARCHIVE"


def test_too_many_requests(box: Any, url: str) -> None:
    control.fail(box.folder, "429", service="storage", times=1)
    assert "SlowDown" in get(url).text
    assert get(url).status_code == 200
