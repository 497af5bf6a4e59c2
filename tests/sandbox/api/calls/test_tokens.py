"""AI tokens and what they open."""

import base64
from typing import Any

import pytest
from ovh import exceptions

from migrate.sandbox.world.people import People, parse_selector

BODY = {"name": "t", "region": "GRA", "role": "ai_training_read"}


def test_the_value_is_shown_once(box: Any) -> None:
    client, path = box.client(), box.path("/ai/token")
    made = client.post(path, **BODY, labelSelector="mls-key=a")
    assert made["status"]["version"] == 1
    assert len(made["status"]["value"]) > 40
    assert made["spec"] == BODY | {"labelSelector": "mls-key=a"}
    assert client.get(f"{path}/{made['id']}")["status"] == {"value": None, "version": 1}
    assert [item["status"]["value"] for item in client.get(path)] == [None]
    renewed = client.post(f"{path}/{made['id']}/renew")
    assert renewed["status"]["version"] == 2
    assert renewed["status"]["value"] != made["status"]["value"]
    client.delete(f"{path}/{made['id']}")
    with pytest.raises(exceptions.ResourceNotFoundError, match="This token does not exist"):
        client.get(f"{path}/{made['id']}")
    assert client.get(path) == []


@pytest.mark.parametrize("selector", ["a", "a=b,c", "=b", "mls*=b", "a=b*", "a==b", ","])
def test_selectors(box: Any, selector: str) -> None:
    with pytest.raises(exceptions.BadParametersError, match="labelSelector"):
        box.client().post(box.path("/ai/token"), **BODY, labelSelector=selector)
    assert parse_selector("ovh/id=1,b=") == {"ovh/id": "1", "b": ""}
    assert box.client().post(box.path("/ai/token"), **BODY, labelSelector=None)["spec"]["labelSelector"] is None


def test_the_region_must_have_ai(box: Any) -> None:
    with pytest.raises(exceptions.BadParametersError, match="BHS, GRA"):
        box.client().post(box.path("/ai/token"), **(BODY | {"region": "SBG"}))
    with pytest.raises(exceptions.BadParametersError, match="not one for AI Deploy"):
        box.client().post(box.path("/ai/token"), **(BODY | {"role": "quantum_reader"}))
    with pytest.raises(exceptions.BadParametersError, match="must not be empty"):
        box.client().post(box.path("/ai/token"), **(BODY | {"name": " "}))


@pytest.mark.parametrize(
    ("selector", "region", "opens"),
    [("mls-key=a", "GRA", True), ("mls-key=b", "GRA", False), ("mls-key=a", "BHS", False), ("", "GRA", True)],
)
def test_a_token_opens_what_its_selector_matches(selector: str, region: str, opens: bool) -> None:
    people = People("platform")
    token = people.add_token("t", region, "ai_training_read", selector or None)
    labels = {"mls-key": "a", "ovh/id": "1"}
    assert people.opens(f"Bearer {token.value}", "GRA", labels) is opens
    assert not people.opens(f"Bearer {token.value}x", "GRA", labels)
    assert not people.opens(None, "GRA", labels)
    old = token.value
    people.renew(token)
    assert not people.opens(f"Bearer {old}", "GRA", labels)
    assert people.opens(f"bearer {token.value}", "GRA", labels) is opens


def test_an_ai_user_opens_every_app() -> None:
    people = People("platform")
    user = people.add_user("reader", ("ai_training_read",))
    header = "Basic " + base64.b64encode(f"{user.username}:{user.password}".encode()).decode()
    assert not people.opens(header, "GRA", {}), "its record has not been seen yet"
    user.status = "ok"
    assert people.opens(header, "GRA", {})
    assert not people.opens(header + "x", "GRA", {})
    people.regenerate(user)
    assert not people.opens(header, "GRA", {})
