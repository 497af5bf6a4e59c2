import json

import pytest

from migrate.core.errors import ConfigurationError, MigrateError, NeedsYouError, RemoteError
from migrate.ovhcloud.failures import error_for, read_refusal

APP = "/cloud/project/{serviceName}/ai/app"
C, N, R = ConfigurationError, NeedsYouError, RemoteError
SERVING = "/cloud/project/{serviceName}/ai/serving/{namespaceId}"


def error(status: int, body: object, template: str = APP, method: str = "GET") -> MigrateError:
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    return error_for(read_refusal(method, template, status, content, query_id="EU.ext-1.abc"))


@pytest.mark.parametrize(
    ("status", "body", "template", "kind", "code"),
    [
        (401, {"class": "Client::Unauthorized", "message": "You must login first"}, APP, C, "wrong-key"),
        (403, {"class": "C", "message": "This application key is invalid"}, APP, C, "wrong-key"),
        (400, {"errorCode": "INVALID_SIGNATURE", "message": "Invalid signature"}, APP, C, "wrong-key"),
        (403, {"class": "C", "message": "This credential is not valid"}, APP, C, "expired-credential"),
        (403, {"errorCode": "INVALID_CREDENTIAL", "message": "Invalid"}, APP, C, "expired-credential"),
        (460, {"message": "This service is expired"}, APP, C, "expired-credential"),
        (403, {"message": "This call has not been granted"}, APP, C, "not-granted"),
        (403, {"errorCode": "NOT_GRANTED_CALL", "message": "no"}, APP, C, "not-granted"),
        (400, {"errorCode": "QUERY_TIME_OUT", "message": "Query out of time"}, APP, C, "clock-skew"),
        (404, {"class": "C", "message": "This service does not exist"}, SERVING, C, "unknown-project"),
        (404, {"class": "C", "message": "Got an invalid (or empty) URL"}, SERVING, C, "ml-serving-gone"),
        (410, {"message": "Gone"}, SERVING, C, "ml-serving-gone"),
        (404, {"class": "C", "message": "Got an invalid (or empty) URL"}, APP, C, "not-found"),
        (404, {"class": "C", "message": "This app does not exist"}, APP, C, "not-found"),
        (400, {"message": "Quota exceeded"}, APP, N, "quota-exceeded"),
        (403, {"message": "Your CPU quota is exceeded"}, APP, N, "quota-exceeded"),
        (400, {"message": "body.name is wrong"}, APP, C, "refused-by-api"),
        (409, {"message": "busy"}, APP, R, "conflict"),
        (429, {"message": "Too many requests"}, APP, R, "rate-limited"),
        (500, {"message": "Internal Server Error"}, APP, R, "remote-unavailable"),
        (502, b"<html><h1>Bad Gateway</h1></html>", APP, R, "remote-unavailable"),
        (503, None, APP, R, "remote-unavailable"),
        (500, "a text", APP, R, "remote-unavailable"),
        (500, [1], APP, R, "remote-unavailable"),
        (500, {"message": {"not": "text"}, "details": "x"}, APP, R, "remote-unavailable"),
        (500, b"\xff\xfe", APP, R, "remote-unavailable"),
        (500, b"", APP, R, "remote-unavailable"),
    ],
)  # fmt: skip
def test_each_refusal_has_its_meaning(
    status: int, body: object, template: str, kind: type[MigrateError], code: str
) -> None:
    found = error(status, body, template)
    assert type(found) is kind
    assert found.code == code
    assert found.query_id == "EU.ext-1.abc"
    assert "\n" not in found.what


def test_missing_rights_are_listed() -> None:
    body = {
        "class": "Client::Forbidden",
        "message": "User not granted for this request",
        "details": {
            "unauthorizedActionsByAuthentication": "publicCloudProject:apiovh:ai/app/create",
            "unauthorizedActionsByIAM": [
                "publicCloudProject:apiovh:ai/app/create",
                "publicCloudProject:apiovh:ai/token/get",
            ],
        },
    }
    found = error(403, body, method="POST")
    assert found.code == "not-granted"
    assert "publicCloudProject:apiovh:ai/app/create, publicCloudProject:apiovh:ai/token/get" in found.what
    assert "POST /cloud/project/PROJECT/ai/app" in found.next_step


def test_the_product_being_gone_says_what_to_type() -> None:
    found = error(404, {"message": "Got an invalid (or empty) URL"}, SERVING)
    assert "`migrate list`" in found.next_step
    assert "migrate run" in found.next_step


def test_text_of_the_service_cannot_play_with_the_terminal() -> None:
    found = error(400, {"message": "\x1b[2J\u202e evil\nsecond line" + "x" * 5000})
    assert "\x1b" not in found.what
    assert "\u202e" not in found.what
    assert "\\x1b" in found.what
    assert len(found.what) < 600
