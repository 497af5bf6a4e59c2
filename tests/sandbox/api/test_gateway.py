"""The front door: routes, the order of checks, answers."""

import json
from typing import Any

import pytest
import requests
from ovh import exceptions

from migrate.contract import contract
from migrate.sandbox.api.calls import HANDLERS

NOT_CARRIED_OUT = (
    ("POST", "/ai/app/00000000-0000-4000-8000-000000000000/datasync"),
    ("GET", "/ai/data/region"),
    ("GET", "/ai/partners/region"),
    ("GET", "/user/1/openrc?region=GRA"),
    ("DELETE", "/ai/serving/x"),
)


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/nothing"),
        ("GET", "/cloud/projects"),
        ("PATCH", "/me"),
        ("GET", "/cloud/project//ai/app"),
        ("GET", "/"),
    ],
)
def test_an_unknown_path_or_method_is_an_invalid_url(box: Any, http: requests.Session, method: str, path: str) -> None:
    answer = http.request(method, box.url + path)
    assert answer.status_code == 404
    assert answer.json() == {"class": "Client::NotFound", "message": "Got an invalid (or empty) URL"}
    assert answer.headers["X-OVH-QUERYID"]


def test_an_unknown_project_is_told_apart(box: Any) -> None:
    with pytest.raises(exceptions.ResourceNotFoundError, match="This service does not exist"):
        box.client().get("/cloud/project/0123456789abcdef/ai/app")


def test_the_order_of_checks(box: Any, http: requests.Session) -> None:
    assert http.get(f"{box.url}/cloud/project/unknown/nothing").status_code == 404
    assert http.get(f"{box.url}/cloud/project/unknown/ai/app").status_code == 401
    client = box.client()
    with pytest.raises(exceptions.ResourceNotFoundError, match="This service"):
        client.get("/cloud/project/unknown/ai/app?unknown=1")
    with pytest.raises(exceptions.BadParametersError, match="unknown"):
        client.get(box.path("/ai/app/00000000-0000-4000-8000-000000000000?unknown=1"))


@pytest.mark.parametrize(("method", "path"), NOT_CARRIED_OUT)
def test_calls_that_are_not_carried_out(box: Any, method: str, path: str) -> None:
    body = {"direction": "pull"} if path.endswith("datasync") else None
    with pytest.raises(exceptions.APIError, match="does not carry out") as caught:
        box.client().call(method, box.path(path), body)
    assert caught.value.response.status_code == 501


def test_every_handler_is_an_operation_of_the_contract() -> None:
    known = {(method, path) for path, methods in contract().paths.items() for method in methods}
    assert set(HANDLERS) <= known
    assert len(HANDLERS) > 60


@pytest.mark.parametrize(
    ("body", "kind", "finding"),
    [
        ("{", "application/json", "not JSON"),
        ("{}", "text/plain", "application/json"),
        ("", "application/json", "the body is missing"),
        ("[]", "application/json", "must be an object"),
    ],
)
def test_broken_bodies(box: Any, http: requests.Session, body: str, kind: str, finding: str) -> None:
    # The one call with a body that needs no signature.
    headers = {"Content-Type": kind, "X-Ovh-Application": box.env["OVH_APPLICATION_KEY"]}
    answer = http.post(f"{box.url}/auth/credential", data=body, headers=headers)
    assert answer.status_code == 400
    assert finding in answer.json()["message"]


def test_a_call_without_body_takes_null_and_nothing_else(box: Any) -> None:
    client = box.client()
    assert client.call("POST", box.path("/ai/authorization"), None) is None
    with pytest.raises(exceptions.BadParametersError, match="takes no body"):
        client.call("POST", box.path("/ai/authorization"), {"a": 1})


def test_every_request_is_in_the_log(box: Any, http: requests.Session) -> None:
    client = box.client()
    me = client.get("/me")
    http.get(f"{box.url}/nothing")
    first = box.lines(path="/1.0/me")
    assert [(line.method, line.status, line.operation, line.service) for line in first] == [("GET", 200, "/me", "api")]
    assert first[0].bytes == len(json.dumps(me, separators=(",", ":")))
    assert first[0].query_id.startswith("EU.ext-")
    assert [line.status for line in box.lines(path="/1.0/nothing")] == [404]


def test_encoded_slashes_stay_in_their_parameter(box: Any) -> None:
    namespace = box.client().get(box.path("/ai/serving"))[0]["id"]
    with pytest.raises(exceptions.ResourceNotFoundError, match="This model does not exist"):
        box.client().get(box.path(f"/ai/serving/{namespace}/model/..%2F..%2Fx%22"))
