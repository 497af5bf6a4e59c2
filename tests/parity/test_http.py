import json
from collections.abc import Mapping
from pathlib import Path

import pytest

from migrate.core.errors import RemoteError
from migrate.core.secret import Secret
from migrate.core.values import Sample
from migrate.parity.http import caller_through, describe_at, describe_through, http_caller
from tests.parity.endpoint import Reply, as_json, endpoint

SAMPLE = Sample(name="one", request={"x": [1.0, 2], "s": "é"})


def test_a_request_travels_as_json_with_the_token(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "netrc").write_text("default login other password other")
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
    with endpoint(lambda _: as_json(200, {"y": [0.5]})) as (url, asked):
        answer = http_caller(url, Secret("token-of-a-test"), timeout=60)(SAMPLE)
        http_caller(url, None, timeout=60)(SAMPLE)
    assert (answer.status, answer.body, answer.text) == (200, {"y": [0.5]}, '{"y": [0.5]}')
    method, path, headers, body = asked[0]
    assert (method, path) == ("POST", "/eval")
    assert headers["Authorization"] == "Bearer token-of-a-test"
    assert headers["Content-Type"] == "application/json"
    assert b"[1.0,2]" in body
    assert json.loads(body) == SAMPLE.request
    assert "Bearer" not in asked[1][2].get("Authorization", "")


@pytest.mark.parametrize("reply", [as_json(503, {}), as_json(429, {}), None])
def test_what_passes_is_asked_again(reply: Reply | None) -> None:
    with endpoint(lambda number: as_json(200, {"y": 1}) if number == 3 else reply) as (url, asked):
        assert http_caller(url, None, timeout=60)(SAMPLE).body == {"y": 1}
        assert len(asked) == 3


def test_what_does_not_pass_is_answered() -> None:
    with endpoint(lambda _: as_json(503, {"message": "starting"})) as (url, asked):
        assert http_caller(url, None, timeout=60)(SAMPLE).status == 503
        assert len(asked) == 4


def test_errors_of_the_model_are_answers() -> None:
    with endpoint(lambda _: as_json(500, {"status": 500, "message": "Internal error"})) as (url, asked):
        answer = http_caller(url, None, timeout=60)(SAMPLE)
        assert (answer.status, len(asked)) == (500, 1)


def test_redirections_are_not_followed() -> None:
    with endpoint(lambda _: (302, b"")) as (url, asked):
        answer = http_caller(url, Secret("token-of-a-test"), timeout=60)(SAMPLE)
        assert (answer.status, answer.body, len(asked)) == (302, None, 1)


@pytest.mark.usefixtures("no_garbage")
@pytest.mark.parametrize("body", [b"<html>", b"[1]", b"\xff", b"[" * 2000, b"", b'{"y": NaN}'])
def test_bodies_that_are_no_object(body: bytes) -> None:
    with endpoint(lambda _: (200, body)) as (url, _):
        assert http_caller(url, None, timeout=60)(SAMPLE).body is None


def test_a_dead_endpoint_is_a_remote_error_without_the_token() -> None:
    with endpoint(lambda _: None) as (url, _):
        pass
    with pytest.raises(RemoteError) as caught:
        http_caller(url, Secret("token-of-a-test"), timeout=1)(SAMPLE)
    assert caught.value.code == "network"
    assert url in caught.value.what


def test_describe() -> None:
    with endpoint(lambda _: as_json(200, {"inputs": []})) as (url, asked):
        assert describe_at(url, None, timeout=60) == {"inputs": []}
        assert asked[0][:2] == ("GET", "/describe")
    for reply in (as_json(404, {}), (200, b"<html>")):
        with (
            endpoint(lambda _, reply=reply: reply) as (url, _),  # type: ignore[misc]
            pytest.raises(RemoteError, match="no description"),
        ):
            describe_at(url, None, timeout=60)


def test_a_model_of_a_server_is_asked_under_its_id() -> None:
    sent: list[tuple[str, str, bytes]] = []

    def send(method: str, path: str, headers: Mapping[str, str], body: bytes) -> tuple[int, dict[str, str], bytes]:
        assert method == "GET" or headers["Content-Type"] == "application/json"
        sent.append((method, path, body))
        return 200, {}, b'{"y": 1}'

    answer = caller_through(send, "a/b c")(SAMPLE)
    assert (answer.status, answer.body) == (200, {"y": 1})
    assert describe_through(send, "a/b c") == {"y": 1}
    assert [(method, path) for method, path, _ in sent] == [("POST", "/a%2Fb%20c/eval"), ("GET", "/a%2Fb%20c/describe")]
    assert json.loads(sent[0][2]) == SAMPLE.request


@pytest.mark.parametrize(("status", "body"), [(200, b"<html>"), (200, b"[1]"), (503, b'{"y": 1}')])
def test_what_is_no_description_is_an_empty_one(status: int, body: bytes) -> None:
    assert describe_through(lambda *_: (status, {}, body), "iris") == {}
