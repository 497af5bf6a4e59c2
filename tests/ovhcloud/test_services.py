from pathlib import Path

import pytest

from migrate.core.errors import ConfigurationError, RemoteError
from migrate.core.secret import Secret
from migrate.ovhcloud import capabilities, projects, registries, serving, storage, tokens, users
from migrate.ovhcloud.session import Cloud, convert
from tests.clouds import logged


def test_the_sample_namespace(cloud: Cloud) -> None:
    namespace, other = serving.namespaces(cloud)
    assert {serving.namespace(cloud, one.id).id for one in (namespace, other)} == {namespace.id, other.id}
    assert serving.namespace(cloud, namespace.id) == namespace
    models = serving.models(cloud, namespace.id)
    assert len(models) >= 5
    assert all(model.workflow_template_parameters.storage_path for model in models)
    flavors = {flavor.id: flavor for flavor in serving.flavors(cloud)}
    assert {model.flavor for model in models if model.flavor} <= set(flavors)
    assert all(flavor.ram_mb and flavor.cpu_core for flavor in flavors.values())
    assert all(token.groups and token.resource for token in serving.tokens(cloud, namespace.id))


def test_a_temporary_url_is_not_shown(cloud: Cloud) -> None:
    container = storage.containers(cloud)[0]
    first = next(item for item in storage.objects(cloud, container.id, "") if item.size)
    url = storage.temporary_url(cloud, container.id, first.name)
    assert "temp_url_sig=" in url

    assert "temp_url_sig=***" in RemoteError(url, code="x").what


def test_users_are_made_and_deleted(cloud: Cloud) -> None:
    made, password = users.create(cloud, "a description", ["ai_training_operator"])
    assert isinstance(password, Secret)
    assert password
    assert [user.id for user in users.users(cloud) if user.description == "a description"] == [made.id]
    assert users.user(cloud, str(made.id)).username == made.username
    users.delete(cloud, str(made.id))


def test_tokens_have_a_value_once(cloud: Cloud) -> None:
    made = tokens.create(cloud, name="n", region="GRA", role="ai_training_read", label_selector="mls-key=1")
    assert made.status.value
    (listed,) = tokens.tokens(cloud)
    assert (listed.id, listed.status.value) == (made.id, None)
    assert listed.spec.label_selector == "mls-key=1"
    tokens.delete(cloud, made.id)
    assert tokens.tokens(cloud) == ()


def test_registrations(cloud: Cloud) -> None:
    made = registries.create(
        cloud, region="GRA", url="registry.example.com", username="u", password=Secret("a-password")
    )
    (listed,) = registries.registrations(cloud)
    assert (listed.id, listed.url, listed.username, listed.region) == (made.id, "registry.example.com", "u", "GRA")
    registries.delete(cloud, made.id)
    assert registries.registrations(cloud) == ()


def test_what_a_region_offers(cloud: Cloud) -> None:
    assert "GRA" in {region.id for region in capabilities.regions(cloud)}
    assert capabilities.region(cloud, "GRA").registry_url
    flavors = {flavor.id: flavor for flavor in capabilities.flavors(cloud, "GRA")}
    assert flavors["ai1-1-cpu"].resources_per_unit.memory == 4 * 1024**3
    assert capabilities.quotas(cloud).resources["CPU"] > 0


def test_authorizing_twice_is_harmless(cloud: Cloud) -> None:
    assert projects.authorized(cloud) is False
    projects.authorize(cloud)
    projects.authorize(cloud)
    assert projects.authorized(cloud) is True


def test_an_answer_of_another_form_is_the_services_fault() -> None:
    with pytest.raises(RemoteError) as caught:
        convert([{"id": 3}], tuple[registries.Registration, ...], "the registries")
    assert caught.value.code == "unexpected-answer"
    assert "$[0].id" in caught.value.what


def test_a_region_that_is_not_there(sandbox: Path, cloud: Cloud) -> None:
    with pytest.raises(ConfigurationError):
        capabilities.region(cloud, "MARS")
    assert logged(sandbox)[-1].status in {400, 404}
