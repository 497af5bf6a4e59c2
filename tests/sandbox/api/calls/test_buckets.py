"""S3 buckets through the API."""

from pathlib import Path
from typing import Any

import pytest
import requests
from ovh import exceptions

from migrate.sandbox import control


def put(box: Any, tmp_path: Path, content: dict[str, bytes], **details: object) -> None:
    for number, (name, data) in enumerate(content.items()):
        file = tmp_path / f"object-{number}"
        file.write_bytes(data)
        control.put_object(box.folder, "shelf", name, file, s3=True, **details)


def test_buckets(box: Any, tmp_path: Path) -> None:
    client = box.client()
    assert client.get(box.path("/region/GRA/storage")) == []
    put(box, tmp_path, {"a": b"12", "b": b"3"})
    (found,) = client.get(box.path("/region/GRA/storage"))
    assert (found["name"], found["region"], found["objectsCount"], found["objectsSize"]) == ("shelf", "GRA", 2, 3)
    assert client.get(box.path("/region/BHS/storage")) == []
    assert {item["name"] for item in client.get(box.path("/storage"))} == {"formats", "models"}
    with pytest.raises(exceptions.ResourceNotFoundError, match="region"):
        client.get(box.path("/region/NOWHERE/storage"))
    control.reset(box.folder)
    assert client.get(box.path("/region/GRA/storage")) == []


def test_a_listing_in_pages(box: Any, tmp_path: Path) -> None:
    names = ["iris", "iris/v1", "iris/v2", "other"]
    put(box, tmp_path, dict.fromkeys(names, b"x"), etag="0123456789abcdef0123456789abcdef-2")
    client, path = box.client(), box.path("/region/GRA/storage/shelf/object")
    assert [item["key"] for item in client.get(path)] == names
    assert [item["key"] for item in client.get(path, prefix="iris/")] == names[1:3]
    assert [item["key"] for item in client.get(path, limit=2)] == names[:2]
    assert [item["key"] for item in client.get(path, limit=2, keyMarker="iris/v1")] == names[2:]
    assert client.get(path)[0]["etag"].endswith("-2")
    for query in ({"limit": 1001}, {"delimiter": "/"}, {"withVersions": True}):
        with pytest.raises(exceptions.BadParametersError):
            client.get(path, **query)
    with pytest.raises(exceptions.ResourceNotFoundError):
        client.get(box.path("/region/BHS/storage/shelf/object"))


def test_a_presigned_url(box: Any, tmp_path: Path) -> None:
    put(box, tmp_path, {"a b/é%20?.bin": b"content"})
    client, path = box.client(), box.path("/region/GRA/storage/shelf/presign")
    answer = client.post(path, method="GET", object="a b/é%20?.bin", expire=60)
    assert requests.get(answer["url"], timeout=60).content == b"content"
    assert "host" in answer["signedHeaders"]
    assert requests.head(answer["url"], timeout=60).status_code == 403
    missing = client.post(path, method="GET", object="missing", expire=60)
    assert requests.get(missing["url"], timeout=60).status_code == 404
    for body in ({"method": "PUT", "object": "a"}, {"method": "GET", "object": ""}, {"method": "GET"}):
        with pytest.raises(exceptions.BadParametersError):
            client.post(path, **body, expire=60)
    with pytest.raises(exceptions.BadParametersError, match="expire"):
        client.post(path, method="GET", object="a", expire=0)
