"""Users of the project."""

from typing import Any

import pytest
from ovh import exceptions

from migrate.sandbox.world.people import People


def test_a_user_is_made(box: Any) -> None:
    client, path = box.client(), box.path("/user")
    made = client.post(path, description="migrate", roles=["ai_training_operator", "objectstore_operator"])
    assert made["password"]
    assert made["status"] == "creating"
    assert [role["name"] for role in made["roles"]] == ["ai_training_operator", "objectstore_operator"]
    assert client.get(f"{path}/{made['id']}")["status"] == "creating"
    shown = client.get(f"{path}/{made['id']}")
    assert shown["status"] == "ok"
    assert "password" not in shown
    again = client.post(f"{path}/{made['id']}/regeneratePassword")
    assert again["password"] != made["password"]
    assert [user["id"] for user in client.get(path)] == [made["id"]]
    client.delete(f"{path}/{made['id']}")
    with pytest.raises(exceptions.ResourceNotFoundError, match="This user does not exist"):
        client.get(f"{path}/{made['id']}")


def test_a_user_has_a_role(box: Any) -> None:
    with pytest.raises(exceptions.BadParametersError, match="at least one role"):
        box.client().post(box.path("/user"), description="x")
    with pytest.raises(exceptions.BadParametersError, match="must be one of"):
        box.client().post(box.path("/user"), roles=["admin"])
    known = {role["name"]: role["id"] for role in box.client().get(box.path("/role"))["roles"]}
    made = box.client().post(box.path("/user"), role="ai_training_read")
    assert made["roles"][0]["id"] == known["ai_training_read"]


def test_who_may_use_the_registry() -> None:
    people = People("platform")
    operator = people.add_user("", ("ai_training_operator",))
    reader = people.add_user("", ("ai_training_read",))
    assert not people.may_use_registry(operator.username, operator.password), "it is still being created"
    operator.status = reader.status = "ok"
    assert people.may_use_registry(operator.username, operator.password)
    assert not people.may_use_registry(operator.username, "wrong")
    assert not people.may_use_registry(reader.username, reader.password)
    assert people.may_use_registry("ai-deploy", "platform")
    assert not people.may_use_registry("ai-deploy", "wrong")
