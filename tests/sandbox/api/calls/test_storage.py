"""Object Storage through the API."""

import http.client as http_client
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
import requests
from ovh import exceptions

from migrate.sandbox import control


def later(seconds: int) -> str:
    return (datetime.now(UTC) + timedelta(seconds=seconds)).isoformat()


def fetch(url: str) -> bytes:
    """GET without tidying the path: requests would remove the ``..`` of an object's name."""
    parts = urlsplit(url)
    connection = http_client.HTTPConnection(parts.netloc, timeout=60)
    try:
        connection.request("GET", f"{parts.path}?{parts.query}")
        return connection.getresponse().read()
    finally:
        connection.close()


def test_containers(box: Any) -> None:
    client = box.client()
    found = client.get(box.path("/storage"), includeType=True)
    assert {container["name"] for container in found} == {"formats", "models"}
    assert {container["containerType"] for container in client.get(box.path("/storage"))} == {None}
    for container in found:
        assert container["containerType"] == "private"
        detail = client.get(box.path(f"/storage/{container['id']}"))
        assert sum(item["size"] for item in detail["objects"]) == container["storedBytes"]
        assert len(detail["objects"]) == container["storedObjects"]
        assert client.get(box.path(f"/storage/{container['id']}"), noObjects=True)["objects"] == []


def test_a_prefix_is_text_not_a_folder(box: Any, tmp_path: Path) -> None:
    file = tmp_path / "a"
    file.write_bytes(b"x")
    for name in ("iris", "iris/v1", "iris-notes/n", "Iris", "irisé"):
        identity = control.put_object(box.folder, "other", name, file)
    detail = box.client().get(box.path(f"/storage/{identity}"), prefix="iris")
    assert [item["name"] for item in detail["objects"]] == ["iris", "iris-notes/n", "iris/v1", "irisé"]


@pytest.mark.parametrize(
    "name", ["plain.onnx", "a/b c?d&e=f#g%2F.onnx", "../../escape", "é/\N{SNOWMAN}", 'x"\nRUN nowhere']
)
def test_a_temporary_url(box: Any, http: requests.Session, tmp_path: Path, name: str) -> None:
    file = tmp_path / "content"
    file.write_bytes(b"0123456789")
    identity = control.put_object(box.folder, "hostile names", name, file)
    path = box.path(f"/storage/{identity}/publicUrl")
    given = box.client().post(path, objectName=name, expirationDate=later(60))
    assert fetch(given["getURL"]) == b"0123456789"
    missing = box.client().post(path, objectName="missing", expirationDate=later(60))
    assert http.get(missing["getURL"]).status_code == 404
    with pytest.raises(exceptions.BadParametersError, match="in the past"):
        box.client().post(path, objectName=name, expirationDate=later(-60))
    with pytest.raises(exceptions.BadParametersError, match=r"objectName is missing"):
        box.client().post(path, expirationDate=later(60))


def test_an_unknown_container(box: Any) -> None:
    with pytest.raises(exceptions.ResourceNotFoundError, match="This container does not exist"):
        box.client().get(box.path("/storage/00"))


def test_the_way_to_swift(box: Any, http: requests.Session) -> None:
    access = box.client().post(box.path("/storage/access"))
    (url,) = [item["url"] for item in access["endpoints"] if item["region"] == "GRA"]
    listing = http.get(f"{url}/models?format=json", headers={"X-Auth-Token": access["token"]})
    assert any(item["name"] == "iris/iris.onnx" for item in listing.json())
    assert "iris" not in http.get(f"{url}/models?format=json", headers={"X-Auth-Token": "no"}).text
