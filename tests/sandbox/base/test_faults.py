"""Everything that the sandbox can be told to do wrong, as callers meet it."""

import time
from pathlib import Path
from typing import Any

import pytest
import requests
from ovh import exceptions

from migrate.sandbox import control
from migrate.sandbox.base.errors import SandboxError
from migrate.sandbox.base.faults import FaultBook, ServerError, Slow, on, read_fault


def test_too_many_requests(box: Any) -> None:
    control.fail(box.folder, "429", nth=2, times=2, retry_after=7)
    client = box.client()
    client.get("/me")
    for _ in range(2):
        with pytest.raises(exceptions.APIError) as caught:
            client.get("/me")
        assert caught.value.response.status_code == 429
        assert caught.value.response.headers["Retry-After"] == "7"
    client.get("/me")


def test_a_server_error_before_and_after_the_work(box: Any) -> None:
    client, path = box.client(), box.path("/ai/token")
    body = {"name": "t", "region": "GRA", "role": "ai_training_read"}
    control.fail(box.folder, "5xx", method="POST", path_regex="/ai/token$", status=502, times=1)
    with pytest.raises(exceptions.APIError) as caught:
        client.post(path, **body)
    assert caught.value.response.status_code == 502
    assert client.get(path) == []
    control.fail(box.folder, "5xx", method="POST", path_regex="/ai/token$", done=True, times=1)
    with pytest.raises(exceptions.APIError):
        client.post(path, **body)
    assert len(client.get(path)) == 1
    client.post(path, **body)
    assert [line.fault for line in box.lines(method="POST")] == ["5xx", "5xx", ""]


def test_the_page_of_a_proxy(box: Any) -> None:
    control.fail(box.folder, "5xx", html=True)
    with pytest.raises(exceptions.InvalidResponse):
        box.client().get("/me")


@pytest.mark.parametrize(("point", "made"), [("before", 0), ("after", 1)])
def test_a_broken_connection(box: Any, point: str, made: int) -> None:
    client, path = box.client(), box.path("/ai/token")
    control.fail(box.folder, "drop", method="POST", path_regex="/ai/token$", point=point)
    with pytest.raises(exceptions.HTTPError):
        client.post(path, name="t", region="GRA", role="ai_training_read")
    assert len(client.get(path)) == made


def test_slow_answers(box: Any) -> None:
    control.fail(box.folder, "slow", path_regex="/me$", seconds=0.4)
    started = time.monotonic()
    box.client().get("/me")
    assert time.monotonic() - started >= 0.4


def test_an_expired_credential(box: Any) -> None:
    client = box.client()
    client.get("/me")
    control.fail(box.folder, "expired-credential")
    with pytest.raises(exceptions.APIError, match="This credential is not valid") as caught:
        client.get("/me")
    assert caught.value.response.status_code == 403
    control.release(box.folder)
    client.get("/me")


def test_a_missing_right(box: Any) -> None:
    control.fail(box.folder, "not-granted", method="POST", path_regex="/ai/app$")
    client = box.client()
    assert client.get(box.path("/ai/app")) == []
    spec = {"image": "a/b:1", "region": "GRA", "resources": {"cpu": 1}}
    with pytest.raises(exceptions.APIError, match="This call has not been granted") as caught:
        client.post(box.path("/ai/app"), **spec)
    details = caught.value.response.json()["details"]
    assert details["unauthorizedActionsByIAM"] == "publicCloudProject:apiovh:ai/app/create"


def test_a_clock_that_is_wrong_from_the_start_is_not_noticed(box: Any) -> None:
    control.fail(box.folder, "clock-skew", seconds=7200)
    assert box.client().get("/me")


def test_a_clock_that_jumps(box: Any) -> None:
    client = box.client()
    control.fail(box.folder, "clock-skew", seconds=-7200, nth=3)
    client.get("/me")
    with pytest.raises(exceptions.BadParametersError, match="Query out of time"):
        client.get("/me")
    client._time_delta = None
    assert client.get("/me")
    assert abs(box.client(consumer_key="x").time_delta) > 7000


def test_a_clock_that_lies(box: Any) -> None:
    control.fail(box.folder, "clock-skew", seconds=120, lying=True)
    for _ in range(2):
        with pytest.raises(exceptions.BadParametersError, match="Query out of time"):
            box.client().get("/me")


def fetch_url(box: Any, tmp_path: Path, content: bytes) -> str:
    file = tmp_path / "content"
    file.write_bytes(content)
    identity = control.put_object(box.folder, "c", "object", file)
    path = box.path(f"/storage/{identity}/publicUrl")
    return str(box.client().post(path, objectName="object", expirationDate="2099-01-01T00:00:00Z")["getURL"])


def test_a_truncated_download(box: Any, http: requests.Session, tmp_path: Path) -> None:
    content = bytes(range(256)) * 4096
    url = fetch_url(box, tmp_path, content)
    control.fail(box.folder, "truncated-download", after_bytes=300_000, times=1)
    with pytest.raises(requests.exceptions.ChunkedEncodingError):
        http.get(url)
    rest = http.get(url, headers={"Range": "bytes=300000-"})
    assert content[:300_000] + rest.content == content
    lines = box.lines(service="storage")
    assert [(line.status, line.bytes, line.fault) for line in lines] == [
        (200, 300_000, "truncated-download"),
        (206, len(content) - 300_000, ""),
    ]


def test_a_silently_truncated_download(box: Any, http: requests.Session, tmp_path: Path) -> None:
    url = fetch_url(box, tmp_path, b"0123456789")
    control.fail(box.folder, "truncated-download", after_bytes=4, silent=True)
    answer = http.get(url)
    assert (answer.content, answer.headers["Content-Length"]) == (b"0123", "4")


def test_a_slow_and_a_failing_store(box: Any, http: requests.Session, tmp_path: Path) -> None:
    url = fetch_url(box, tmp_path, bytes(1000))
    control.fail(box.folder, "slow", service="storage", bytes_per_second=2000, times=1)
    started = time.monotonic()
    assert len(http.get(url).content) == 1000
    assert time.monotonic() - started >= 0.4
    control.fail(box.folder, "5xx", service="storage", times=1)
    assert http.get(url).status_code == 503
    control.fail(box.folder, "429", service="storage", times=1)
    assert http.get(url).status_code == 498
    assert http.get(url).status_code == 200


def test_faults_are_shown_and_lifted(box: Any) -> None:
    name = control.fail(box.folder, "slow", path_regex="/me$")
    box.client().get("/me")
    shown = control.status(box.folder)
    assert shown is not None
    assert shown.faults == {name: {"seen": 1, "struck": 1}}
    assert control.release(box.folder, "other") == 0
    assert control.release(box.folder, name) == 1
    control.fail(box.folder, "slow")
    control.reset(box.folder)
    after = control.status(box.folder)
    assert after is not None
    assert after.faults == {}


@pytest.mark.parametrize(
    ("fault", "arguments"),
    [
        ("nothing", {}),
        ("429", {"unknown": 1}),
        ("serving-gone", {"nth": 2}),
        ("drift", {"path_regex": "x"}),
        ("drift", {"mode": "none"}),
        ("slow", {"path_regex": "("}),
    ],
)
def test_unknown_faults(box: Any, fault: str, arguments: dict[str, Any]) -> None:
    with pytest.raises(SandboxError, match="does not know this fault"):
        control.fail(box.folder, fault, **arguments)


def test_counting() -> None:
    book = FaultBook()
    book.add(read_fault({"fault": "slow", "nth": 2, "times": 1, "method": "get", "path_regex": "^/a"}))
    meets = [("api", "GET", "/a"), ("api", "POST", "/a"), ("api", "GET", "/b/a"), ("api", "GET", "/a/b")]
    struck = [book.strike(Slow, on("api", method, path)) is not None for _, method, path in meets]
    assert struck == [False, False, False, True]
    assert book.strike(Slow, on("api", "GET", "/a")) is None
    assert book.strike(ServerError, on("api", "GET", "/a")) is None
    assert book.names() == {"slow-1": {"seen": 3, "struck": 1}}


def test_an_answer_that_is_cut_in_the_middle(box: Any) -> None:
    control.fail(box.folder, "drop", path_regex="/me$", after_bytes=5, times=1)
    with pytest.raises(exceptions.HTTPError):
        box.client().get("/me")
    assert box.client().get("/me")


def test_a_byte_that_changes_on_the_way(box: Any, http: requests.Session, tmp_path: Path) -> None:
    content = bytes(600_000)
    url = fetch_url(box, tmp_path, content)
    control.fail(box.folder, "changed-download", at=300_000, times=1)
    got = http.get(url, timeout=60)
    assert len(got.content) == len(content)
    assert [at for at, byte in enumerate(got.content) if byte] == [300_000]
    assert http.get(url, timeout=60).content == content


def test_a_storage_url_that_is_over(box: Any, http: requests.Session, tmp_path: Path) -> None:
    url = fetch_url(box, tmp_path, b"text")
    control.fail(box.folder, "expired-credential", service="storage", times=1)
    assert http.get(url, timeout=60).status_code == 401
    assert http.get(url, timeout=60).content == b"text"


def test_strikes_are_counted_until_the_reset(box: Any) -> None:
    control.fail(box.folder, "429", times=1)
    control.fail(box.folder, "serving-gone")
    client = box.client()
    with pytest.raises(exceptions.APIError):
        client.get("/me")
    with pytest.raises(exceptions.APIError):
        client.get(box.path("/ai/serving"))
    control.release(box.folder)
    assert _fired(box) == {"429": 1, "serving-gone": 1}
    control.reset(box.folder)
    assert _fired(box) == {}


def _fired(box: Any) -> dict[str, int]:
    running = control.status(box.folder)
    assert running is not None
    return running.fired
