"""Tokens, registrations, users and the authorization."""

from pathlib import Path

import pytest

from migrate.apps import registries, tokens
from migrate.core.errors import ConfigurationError, RemoteError
from migrate.core.secret import Secret
from migrate.ovhcloud import users
from migrate.ovhcloud.session import Cloud
from migrate.sandbox import control


def test_a_token_is_made_and_deleted(cloud: Cloud) -> None:
    made = tokens.create_token(cloud, name="iris", region="GRA", role="ai_training_read", label_selector="mls-key=1")
    assert made.value
    assert made.value.reveal() not in repr(made)
    (listed,) = tokens.list_tokens(cloud)
    assert (listed.id, listed.name, listed.role, listed.label_selector, listed.value) == (
        made.id,
        "iris",
        "ai_training_read",
        "mls-key=1",
        None,
    )
    assert tokens.delete_token(cloud, made.id) is True
    assert tokens.delete_token(cloud, made.id) is True
    assert tokens.list_tokens(cloud) == ()


def test_the_shared_registry(cloud: Cloud) -> None:
    address = registries.shared_registry(cloud, "GRA")
    assert address.host
    assert "://" not in str(address)
    with pytest.raises(ConfigurationError) as caught:
        registries.shared_registry(cloud, "MARS")
    assert caught.value.code == "unknown-region"
    assert "GRA" in caught.value.next_step


@pytest.mark.parametrize(
    "url", ["https://r.example.com/", "r.example.com", "http://r.example.com", "HTTPS://R.example.com"]
)
def test_a_registry_is_registered_once(cloud: Cloud, url: str) -> None:
    assert registries.find_registration(cloud, "GRA", url) is None
    made = registries.register(cloud, "GRA", "r.example.com", "user", Secret("a-password"))
    assert registries.find_registration(cloud, "gra", url) == made
    assert registries.find_registration(cloud, "BHS", url) is None
    assert registries.unregister(cloud, made) is True
    assert registries.unregister(cloud, made) is True
    assert registries.find_registration(cloud, "GRA", url) is None


def test_a_user_for_the_registry(cloud: Cloud) -> None:
    early: list[str] = []
    identity, name, password = registries.create_ai_user(cloud, "migrate-registry-1", on_created=early.append)
    assert early == [identity]
    assert name
    assert password.reveal() not in repr(password)
    assert users.user(cloud, identity).status == "ok"
    assert registries.find_user(cloud, "migrate-registry-1") == identity
    assert registries.find_user(cloud, "migrate-registry") is None
    assert registries.delete_user(cloud, identity) is True
    assert registries.delete_user(cloud, "999999") is True


def test_a_user_that_may_have_been_made(sandbox: Path, cloud: Cloud) -> None:
    control.fail(sandbox, "drop", method="POST", point="after", times=1)
    with pytest.raises(RemoteError) as caught:
        registries.create_ai_user(cloud, "migrate-registry-2")
    assert caught.value.code == "maybe-done"
    assert registries.find_user(cloud, "migrate-registry-2") is not None
