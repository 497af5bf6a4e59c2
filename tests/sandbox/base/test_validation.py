"""Requests against the types of the contract."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from ovh import exceptions

from migrate.contract import contract
from migrate.sandbox.base.validation import Invalid, check_value, completed, parse_datetime

APP: dict[str, Any] = {"image": "registry.example.net/a/b:1", "region": "GRA", "resources": {"cpu": 1}}
UUID = "00000000-0000-4000-8000-000000000000"


@pytest.mark.parametrize(
    ("method", "path", "body", "finding"),
    [
        ("POST", "/ai/app", APP | {"images": 1}, "images"),
        ("POST", "/ai/app", {"image": "a", "region": "GRA"}, "body.resources is missing"),
        ("POST", "/ai/app", APP | {"image": 3}, "body.image must be a string"),
        ("POST", "/ai/app", APP | {"image": None}, "body.image must not be null"),
        ("POST", "/ai/app", APP | {"name": None}, "body.name must not be null"),
        ("POST", "/ai/app", APP | {"defaultHttpPort": "8080"}, "body.defaultHttpPort must be a long"),
        ("POST", "/ai/app", APP | {"defaultHttpPort": True}, "body.defaultHttpPort must be a long"),
        ("POST", "/ai/app", APP | {"defaultHttpPort": 80.0}, "body.defaultHttpPort must be a long"),
        ("POST", "/ai/app", APP | {"unsecureHttp": "no"}, "body.unsecureHttp must be a boolean"),
        ("POST", "/ai/app", APP | {"labels": {"a": 1}}, "body.labels.a must be a string"),
        ("POST", "/ai/app", APP | {"labels": []}, "body.labels must be an object"),
        ("POST", "/ai/app", APP | {"envVars": {"a": "b"}}, "body.envVars must be an array"),
        ("POST", "/ai/app", APP | {"envVars": [{"name": "A"}]}, "body.envVars[0].value is missing"),
        ("POST", "/ai/app", APP | {"resources": {"cpus": 1}}, "cpus"),
        ("POST", "/ai/token", {"name": "a", "region": "GRA", "role": "reader"}, "body.role must be one of"),
        (
            "POST",
            "/ai/registry",
            {"region": "GRA", "url": "a", "username": "b", "password": "c", "id": "d"},
            "body.id is read-only",
        ),
        ("POST", "/ai/registry", {"region": "GRA", "url": "a", "username": "b"}, "body.password is missing"),
        ("GET", "/ai/app?labelselector=a%3Db", None, "labelselector is not known"),
        ("GET", "/ai/app?page=one", None, "page must be a long"),
        ("GET", "/ai/app?page=null", None, "page must be a long"),
        ("GET", "/ai/app?page=1&page=2", None, "page is given twice"),
        ("GET", "/ai/app?statusState=%5B%27RUNNING%27%5D", None, "statusState must be one of"),
        ("GET", "/ai/app?updatedAfter=2024-01-01", None, "updatedAfter must be a datetime"),
        ("DELETE", f"/ai/app/{UUID}?force=True", None, "force must be true or false"),
        ("GET", "/ai/app/not-a-uuid", None, "appId must be a uuid"),
        ("GET", "/user/one", None, "userId"),
        ("GET", "/user/1/openrc", None, "query parameter region is missing"),
    ],
)
def test_requests_that_the_contract_forbids(box: Any, method: str, path: str, body: Any, finding: str) -> None:
    with pytest.raises(exceptions.BadParametersError) as caught:
        box.client().call(method, box.path(path), body)
    assert finding in str(caught.value)
    assert caught.value.response.json()["class"] == "Client::BadRequest"
    assert caught.value.query_id


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)
INPUTS = sorted(
    {p.type for methods in contract().paths.values() for o in methods.values() for p in o.params if p.place == "body"}
)


@given(value=JSON, kind=st.sampled_from(INPUTS))
def test_any_json_is_accepted_or_refused_with_a_finding(value: object, kind: str) -> None:
    finding = ""
    try:
        check_value(contract(), value, kind, "body")
    except Invalid as found:
        finding = str(found)
    assert finding.startswith("body") if finding else isinstance(value, dict | list)


@pytest.mark.parametrize(
    ("value", "kind", "fits"),
    [
        ("2024-01-01T00:00:00Z", "datetime", True),
        ("2024-01-01T00:00:00+02:00", "datetime", True),
        ("2024-01-01T00:00:00", "datetime", False),
        ("2024-01-01", "datetime", False),
        (5, "datetime", False),
        ("10.0.0.0/8", "ipBlock", True),
        ("10.0.0.1/8", "ipBlock", False),
        ("::1", "ip", True),
        (1, "double", True),
        (True, "double", False),
        ({"a": {"b": 1}}, "cloud.StorageLifecycleConfiguration", True),
        ("x", "cloud.StorageLifecycleConfiguration", False),
        ({"a": ["x"]}, "map[string]string[]", True),
        ({"a": "x"}, "map[string]string[]", False),
    ],
)
def test_scalars_and_containers(value: object, kind: str, fits: bool) -> None:
    if fits:
        check_value(contract(), value, kind, "body")
        return
    with pytest.raises(Invalid):
        check_value(contract(), value, kind, "body")


def test_answers_must_be_complete() -> None:
    token = {"createdAt": "2024-01-01T00:00:00Z", "id": UUID, "groups": [], "resource": "*", "token": None}
    kind = "cloud.project.ai.serving.Token"
    check_value(contract(), token, kind, "answer", answer=True)
    del token["token"]
    with pytest.raises(Invalid, match=r"answer\.token is missing"):
        check_value(contract(), token, kind, "answer", answer=True)


def test_nulls_are_filled_in_at_all_depths() -> None:
    full = completed(contract(), [{"mountPath": "/a", "volumeSource": {}}], "cloud.project.ai.volume.Volume[]")
    assert isinstance(full, list)
    assert full[0]["volumeSource"]["dataStore"] is None
    assert full[0]["id"] is None
    assert "cache" not in full[0]


def test_a_date_has_a_zone() -> None:
    assert parse_datetime("2024-01-01T00:00:00Z").utcoffset() is not None
    with pytest.raises(ValueError, match="2024"):
        parse_datetime("2024-01-01T00:00:00")
