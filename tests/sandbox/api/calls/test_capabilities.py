"""What AI Deploy can do here."""

from typing import Any

import pytest
from ovh import exceptions

from migrate.sandbox import control


def test_regions_and_flavors(box: Any) -> None:
    client, path = box.client(), box.path("/ai/capabilities")
    regions = client.get(f"{path}/region")
    assert [region["id"] for region in regions] == ["BHS", "GRA"]
    assert client.get(f"{path}/region/GRA") == regions[1]
    assert regions[1]["registryUrl"].endswith(f"/{box.project}")
    flavors = {flavor["id"]: flavor for flavor in client.get(f"{path}/region/GRA/flavor")}
    assert (flavors["ai1-1-cpu"]["type"], flavors["ai1-1-cpu"]["max"]) == ("cpu", 12)
    assert flavors["ai1-1-gpu"]["gpuInformation"]["gpuModel"] == "V100S"
    assert client.get(f"{path}/region/GRA/flavor/ai1-1-cpu") == flavors["ai1-1-cpu"]
    assert client.get(f"{path}/quota")["resources"] == {"CPU": 64, "GPU": 4}
    assert client.get(f"{path}/feature")["registry"] is True


@pytest.mark.parametrize("rest", ["/region/DE", "/region/DE/flavor", "/region/GRA/flavor/none"])
def test_what_is_not_there(box: Any, rest: str) -> None:
    with pytest.raises(exceptions.ResourceNotFoundError, match="does not exist"):
        box.client().get(box.path(f"/ai/capabilities{rest}"))


def test_managed_registries(box: Any) -> None:
    client = box.client()
    assert client.get(box.path("/containerRegistry")) == []
    made = control.add_registry(box.folder, "models", "https://models.example.net")
    path = box.path(f"/containerRegistry/{made}")
    found = client.get(path)
    assert (found["name"], found["status"], found["url"]) == ("models", "READY", "https://models.example.net")
    assert client.get(box.path("/containerRegistry")) == [found]
    user = client.post(f"{path}/users", login="migrate")
    assert user["user"] == "migrate"
    assert user["password"]
    assert client.get(f"{path}/users") == [user | {"password": None}]
    client.delete(f"{path}/users/{user['id']}")
    assert client.get(f"{path}/users") == []
    with pytest.raises(exceptions.ResourceNotFoundError):
        client.get(box.path("/containerRegistry/none"))


def test_the_project(box: Any) -> None:
    client = box.client()
    assert client.get("/cloud/project") == [box.project]
    assert client.get(box.path())["project_id"] == box.project
    assert "GRA" in client.get(box.path("/region"))
