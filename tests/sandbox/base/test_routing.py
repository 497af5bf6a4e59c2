"""Paths against the templates of the contract."""

import pytest

from migrate.contract import contract
from migrate.sandbox.base.routing import Routes

ROUTES = Routes(contract())


@pytest.mark.parametrize(
    ("method", "path", "template"),
    [
        ("GET", "/cloud/project/p/ai/app", "/cloud/project/{serviceName}/ai/app"),
        ("POST", "/cloud/project/p/ai/app/command", "/cloud/project/{serviceName}/ai/app/command"),
        ("GET", "/cloud/project/p/ai/app/command", None),
        ("POST", "/cloud/project/p/storage/access", "/cloud/project/{serviceName}/storage/access"),
        ("GET", "/cloud/project/p/storage/quota", "/cloud/project/{serviceName}/storage/quota"),
        ("GET", "/cloud/project/p/storage/quotas", "/cloud/project/{serviceName}/storage/{containerId}"),
        ("GET", "/cloud/project/p/ai/app/", None),
        ("GET", "/cloud/project/p/ai/app/x/y/z", None),
        ("DELETE", "/me", None),
    ],
)
def test_a_fixed_word_wins_over_a_parameter(method: str, path: str, template: str | None) -> None:
    found = ROUTES.find(method, path, serving=True)
    assert (found.template if found else None) == template


def test_parameters_are_decoded_after_splitting() -> None:
    found = ROUTES.find("GET", "/cloud/project/p/ai/serving/n/model/a%2Fb%20c", serving=True)
    assert found is not None
    assert dict(found.parameters) == {"serviceName": "p", "namespaceId": "n", "modelId": "a/b c"}


def test_serving_can_be_hidden() -> None:
    for path in ("/ai/serving", "/ai/serving/n/model", "/ai/capabilities/serving/flavor"):
        assert ROUTES.find("GET", f"/cloud/project/p{path}", serving=True)
        assert ROUTES.find("GET", f"/cloud/project/p{path}", serving=False) is None
    assert ROUTES.find("GET", "/cloud/project/p/ai/app", serving=False)
