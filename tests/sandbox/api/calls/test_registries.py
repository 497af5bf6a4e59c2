"""Registrations of private registries."""

from typing import Any

import pytest
from ovh import exceptions

BODY = {"region": "GRA", "url": "https://registry.example.net:5000", "username": "u", "password": "secret-1"}


def test_a_registration(box: Any) -> None:
    client, path = box.client(), box.path("/ai/registry")
    made = client.post(path, **BODY)
    assert made["password"] is None
    assert (made["url"], made["username"], made["region"]) == (BODY["url"], "u", "GRA")
    assert client.get(path) == [made]
    client.put(f"{path}/{made['id']}", username="v")
    changed = client.get(f"{path}/{made['id']}")
    assert (changed["username"], changed["url"]) == ("v", BODY["url"])
    client.delete(f"{path}/{made['id']}")
    assert client.get(path) == []
    with pytest.raises(exceptions.ResourceNotFoundError, match="This registry does not exist"):
        client.delete(f"{path}/{made['id']}")


@pytest.mark.parametrize("field", ["url", "username", "password"])
def test_nothing_is_empty(box: Any, field: str) -> None:
    with pytest.raises(exceptions.BadParametersError, match=field):
        box.client().post(box.path("/ai/registry"), **(BODY | {field: ""}))
    with pytest.raises(exceptions.BadParametersError, match="BHS, GRA"):
        box.client().post(box.path("/ai/registry"), **(BODY | {"region": "DE"}))


def test_secrets_are_not_in_the_log(box: Any) -> None:
    box.client().post(box.path("/ai/registry"), **BODY)
    text = "".join(path.read_text() for path in (box.folder / "requests.jsonl", box.folder / "sandbox.log"))
    assert "/ai/registry" in text
    assert BODY["password"] not in text
