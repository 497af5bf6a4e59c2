"""Signatures, clocks, consumer keys, service accounts and the rate, as callers meet them."""

import hashlib
import time
from collections.abc import Callable
from typing import Any

import pytest
import requests
from ovh import exceptions

from migrate.sandbox import control
from migrate.sandbox.base.settings import Folder
from migrate.sandbox.world.auth import Rule, granted


def signed(box: Any, method: str, path: str, body: str = "", *, offset: int = 0, secret: str = "") -> dict[str, str]:
    """Headers of a signed call, made here by the published rule and not with any client."""
    stamp = str(int(time.time()) + offset)
    secret = secret or box.env["OVH_APPLICATION_SECRET"]
    text = "+".join((secret, box.env["OVH_CONSUMER_KEY"], method, box.url + path, body, stamp))
    return {
        "X-Ovh-Application": box.env["OVH_APPLICATION_KEY"],
        "X-Ovh-Consumer": box.env["OVH_CONSUMER_KEY"],
        "X-Ovh-Timestamp": stamp,
        "X-Ovh-Signature": "$1$" + hashlib.sha1(text.encode(), usedforsecurity=False).hexdigest(),
        "Content-type": "application/json",
    }


def test_a_signed_call_is_answered(box: Any) -> None:
    client = box.client()
    assert client.get("/me")["nichandle"] == "sb12345-ovh"
    assert client.get("/auth/currentCredential")["status"] == "validated"
    assert client.get("/auth/details")["method"] == "account"


def test_the_time_needs_no_signature(box: Any, http: requests.Session) -> None:
    before = time.time()
    answer = http.get(f"{box.url}/auth/time")
    assert int(before) <= answer.json() <= time.time()


def test_an_unsigned_call_is_refused(box: Any, http: requests.Session) -> None:
    answer = http.get(f"{box.url}/me")
    assert answer.status_code == 401
    assert answer.json() == {"class": "Client::Unauthorized", "message": "You must login first"}


def test_a_wrong_application_key_is_refused(box: Any) -> None:
    with pytest.raises(exceptions.APIError, match="This application key is invalid") as caught:
        box.client(application_key="0000000000000000").get("/me")
    assert caught.value.response.status_code == 403


def test_a_wrong_secret_is_refused(box: Any) -> None:
    with pytest.raises(exceptions.BadParametersError, match="Invalid signature") as caught:
        box.client(application_secret="0" * 32).get("/me")
    assert caught.value.response.json()["errorCode"] == "INVALID_SIGNATURE"


@pytest.mark.parametrize("changed", ["method", "query", "body"])
def test_the_signature_covers_the_whole_call(box: Any, http: requests.Session, changed: str) -> None:
    path = box.path("/ai/token")
    body = '{"name":"t","region":"GRA","role":"ai_training_read"}'
    headers = signed(box, "POST", path, body)
    sent = {
        "method": ("PUT", path, body),
        "query": ("POST", f"{path}?a=b", body),
        "body": ("POST", path, body.replace("GRA", "BHS")),
    }
    method, target, text = sent[changed]
    answer = http.request(method, box.url + target, data=text, headers=headers)
    assert answer.status_code in {400, 404}
    assert http.post(box.url + path, data=body, headers=headers).status_code == 200


def test_an_unknown_consumer_key_is_refused(box: Any, http: requests.Session) -> None:
    with pytest.raises(exceptions.APIError, match="This credential is not valid") as caught:
        box.client(consumer_key="0" * 32).get("/me")
    assert caught.value.response.status_code == 403
    headers = signed(box, "GET", "/me")
    del headers["X-Ovh-Consumer"]
    assert http.get(f"{box.url}/me", headers=headers).status_code == 401


@pytest.mark.parametrize(("offset", "status"), [(0, 200), (-27, 200), (27, 200), (-33, 400), (33, 400)])
def test_a_skewed_clock_is_refused(box: Any, http: requests.Session, offset: int, status: int) -> None:
    answer = http.get(f"{box.url}/me", headers=signed(box, "GET", "/me", offset=offset))
    assert answer.status_code == status
    if status == 400:
        assert answer.json()["errorCode"] == "QUERY_TIME_OUT"


def test_a_consumer_key_is_asked_for_and_approved(box: Any, http: requests.Session) -> None:
    client = box.client(consumer_key="")
    asked = client.request_consumerkey([{"method": "GET", "path": "/me"}])
    assert asked["state"] == "pendingValidation"
    with pytest.raises(exceptions.APIError, match="This credential is not valid"):
        client.get("/me")
    assert http.get(asked["validationUrl"]).status_code == 200
    assert client.get("/me")["nichandle"] == "sb12345-ovh"
    assert http.get(asked["validationUrl"]).status_code == 404
    with pytest.raises(exceptions.APIError, match="This application key is invalid"):
        box.client(application_key="0" * 16).request_consumerkey([{"method": "GET", "path": "/me"}])


def test_the_pages_that_make_keys(box: Any, http: requests.Session) -> None:
    shown = http.get(f"{box.root}/createApp/").text
    assert box.env["OVH_APPLICATION_KEY"] in shown
    assert box.env["OVH_APPLICATION_SECRET"] in shown
    made = http.get(f"{box.root}/createToken/?GET=/me&POST=/auth/*").text
    client = box.client(consumer_key=made.split()[-1])
    assert client.get("/me")["nichandle"] == "sb12345-ovh"
    with pytest.raises(exceptions.APIError, match="This call has not been granted"):
        client.get(box.path())
    assert http.get(f"{box.root}/createToken/?PATCH=/me").status_code == 400


def test_rules_narrow_a_consumer_key(box: Any, http: requests.Session) -> None:
    client = box.client(consumer_key="")
    asked = client.request_consumerkey([{"method": "GET", "path": "/cloud/project/*"}])
    http.get(asked["validationUrl"])
    assert client.get(box.path())["status"] == "ok"
    with pytest.raises(exceptions.APIError, match="This call has not been granted") as caught:
        client.post(box.path("/ai/authorization"))
    assert caught.value.response.status_code == 403
    missing = caught.value.response.json()["details"]["unauthorizedActionsByIAM"]
    assert missing.startswith("publicCloudProject:apiovh:ai/")


def test_logging_out_ends_the_key(box: Any, http: requests.Session) -> None:
    client = box.client(consumer_key="")
    asked = client.request_consumerkey([{"method": "POST", "path": "/auth/*"}, {"method": "GET", "path": "/me"}])
    http.get(asked["validationUrl"])
    client.post("/auth/logout")
    with pytest.raises(exceptions.APIError, match="This credential is not valid"):
        client.get("/me")


def test_a_service_account_signs_in(box: Any, http: requests.Session) -> None:
    identity = control_identity(box)
    form = {"grant_type": "client_credentials", "scope": "all"}
    login = (identity.client_id, identity.client_secret)
    token = http.post(f"{box.root}/auth/oauth2/token", data=form, auth=login).json()["access_token"]
    answer = http.get(f"{box.url}/auth/details", headers={"Authorization": f"Bearer {token}"})
    assert answer.json()["method"] == "oauth2_client_credentials"
    assert http.post(f"{box.root}/auth/oauth2/token", data=form, auth=("EU.x", "y")).status_code == 401
    refused = http.get(f"{box.url}/me", headers={"Authorization": "Bearer wrong"})
    assert refused.status_code == 401


def test_a_policy_narrows_a_service_account(box: Any, http: requests.Session) -> None:
    identity = control_identity(box)
    form = {
        "grant_type": "client_credentials",
        "client_id": identity.client_id,
        "client_secret": identity.client_secret,
    }
    token = http.post(f"{box.root}/auth/oauth2/token", data=form).json()["access_token"]
    login = {"Authorization": f"Bearer {token}"}
    control.allow(box.folder, ["publicCloudProject:apiovh:get"])
    assert http.get(f"{box.url}{box.path()}", headers=login).status_code == 200
    refused = http.post(f"{box.url}{box.path('/ai/app')}", headers=login, json={})
    assert refused.status_code == 403
    assert refused.json()["details"]["unauthorizedActionsByIAM"] == "publicCloudProject:apiovh:ai/app/create"
    control.allow(box.folder, None)
    assert http.post(f"{box.url}{box.path('/ai/app')}", headers=login, json={}).status_code == 400
    assert box.client().get(box.path("/ai/app")) == []  # a key has rules, and no policy


def control_identity(box: Any) -> Any:
    """The keys in the sandbox's folder."""
    settings = Folder(box.folder).read()
    assert settings is not None
    return settings.identity


def test_the_rate_of_a_key_is_limited(new_box: Callable[..., Any]) -> None:
    box = new_box(rate_limit=5)
    client = box.client()
    for _ in range(5):
        client.get("/me")
    with pytest.raises(exceptions.APIError, match="Too many requests") as caught:
        client.get("/me")
    assert caught.value.response.status_code == 429
    assert "Retry-After" not in caught.value.response.headers
    assert client.get("/auth/time", _need_auth=False) > 0


@pytest.mark.parametrize(
    ("rule", "method", "path", "expected"),
    [
        (Rule(method="GET", path="/*"), "GET", "/me", True),
        (Rule(method="GET", path="/*"), "POST", "/me", False),
        (Rule(method="GET", path="/me"), "GET", "/me/api", False),
        (Rule(method="GET", path="/cloud/project/*/ai"), "GET", "/cloud/project/p/ai", True),
        (Rule(method="GET", path="/cloud.project"), "GET", "/cloud/project", False),
    ],
)
def test_rules(rule: Rule, method: str, path: str, expected: bool) -> None:
    assert granted((rule,), method, path) is expected
