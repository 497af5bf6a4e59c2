"""S3 keys that stop working in the middle, at an S3 server that others wrote behind a relay that knows their end."""

import http.server
import os
import threading
from collections.abc import Iterator
from pathlib import Path

import boto3
import pytest
import requests
from moto.server import ThreadedMotoServer

from migrate.core.errors import ConfigurationError
from migrate.core.mending import Request
from migrate.core.values import ModelRecord
from migrate.formats.recognise import recognise
from migrate.ovhcloud.session import Cloud
from migrate.sources.fetch import fetch
from migrate.sources.listing import list_models
from migrate.sources.reference import parse_source
from tests.sources.storing import content

ONNX = Path("examples/models/iris/iris.onnx").read_bytes()
_PASSED = ("content-type", "content-length", "etag", "last-modified", "content-range", "accept-ranges")


class Relay(http.server.ThreadingHTTPServer):
    """Passes requests on, but for those signed with keys that have expired: they get S3's own answer to that.

    Attributes:
        expired: The ids of those keys, and how S3 refuses them.
    """

    def __init__(self, behind: str) -> None:
        super().__init__(("127.0.0.1", 0), _Passing)
        self.behind = behind
        self.expired: dict[str, tuple[int, str]] = {}

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"


class _Passing(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Relay

    def do_GET(self) -> None:
        signed = f"{self.path} {self.headers.get('Authorization', '')}"
        for key, (status, code) in self.server.expired.items():
            if f"Credential={key}" in signed:
                self._send(status, {}, f"<Error><Code>{code}</Code><Message>no</Message></Error>".encode())
                return
        headers = {name: text for name, text in self.headers.items() if name.lower() == "range"}
        answer = requests.request(self.command, self.server.behind + self.path, headers=headers, timeout=60)
        self._send(answer.status_code, {name: answer.headers.get(name) for name in _PASSED}, answer.content)

    do_HEAD = do_GET  # noqa: N815 - as http.server names it

    def _send(self, status: int, headers: dict[str, str | None], body: bytes) -> None:
        self.send_response(status)
        for name, text in headers.items():
            if text is not None and name != "content-length":
                self.send_header(name, text)
        length = headers.get("content-length") if self.command == "HEAD" else None
        self.send_header("Content-Length", length or str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture(scope="module")
def relay() -> Iterator[Relay]:
    server = ThreadedMotoServer("127.0.0.1", 0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    client = boto3.client(
        "s3",
        endpoint_url=f"http://{host}:{port}",
        aws_access_key_id="A",
        aws_secret_access_key="a secret",
        region_name="us-east-1",
    )
    client.create_bucket(Bucket="models")
    client.put_object(Bucket="models", Key="iris/iris.onnx", Body=ONNX)
    with Relay(f"http://{host}:{port}") as made:
        thread = threading.Thread(target=made.serve_forever, daemon=True)
        thread.start()
        yield made
        made.shutdown()
    requests.post(f"http://{host}:{port}/moto-api/reset", timeout=60)  # all servers of a process are one
    server.stop()


class Keys:
    """The profile from which the keys come."""

    def __init__(self, relay: Relay, home: Path) -> None:
        self.relay = relay
        self.file = home / ".aws" / "credentials"
        self.file.parent.mkdir()
        self.environ = {"HOME": str(home), "AWS_ENDPOINT_URL": relay.url, "AWS_REGION": "us-east-1"}

    def write(self, key: str) -> None:
        self.file.write_text(f"[default]\naws_access_key_id={key}\naws_secret_access_key=the secret of {key}\n")

    def expire(self, key: str, status: int = 400, code: str = "ExpiredToken") -> None:
        self.relay.expired[key] = status, code

    def found(self, cloud: Cloud | None) -> ModelRecord:
        (model,) = list_models(parse_source("s3://models"), cloud, recognise, environ=self.environ).models
        return model

    def take(self, model: ModelRecord, cloud: Cloud | None, store: Path) -> dict[str, bytes]:
        artifact = fetch(model, store, cloud, lambda *_: None, stop=threading.Event(), environ=self.environ)
        return content(artifact)


@pytest.fixture
def keys(relay: Relay, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Keys:
    for name in [name for name in os.environ if name.startswith("AWS_")]:
        monkeypatch.delenv(name)
    relay.expired.clear()
    made = Keys(relay, tmp_path)
    made.write("FIRST")
    return made


@pytest.mark.parametrize(("status", "code"), [(400, "ExpiredToken"), (403, "InvalidAccessKeyId")])
def test_a_profile_that_has_other_keys_by_now_is_read(
    keys: Keys, cloud: Cloud, tmp_path: Path, status: int, code: str
) -> None:
    model = keys.found(cloud)
    keys.expire("FIRST", status, code)
    keys.write("SECOND")
    assert keys.take(model, cloud, tmp_path / "store") == {"iris.onnx": ONNX}


def test_a_person_who_puts_new_keys_into_the_profile_is_waited_for(keys: Keys, cloud: Cloud, tmp_path: Path) -> None:
    asked: list[Request] = []

    def ask(request: Request) -> str:
        asked.append(request)
        if len(asked) == 2:  # Enter alone mended nothing
            keys.write("SECOND")
        return ""

    cloud.session.ask = ask
    model = keys.found(cloud)
    keys.expire("FIRST")
    assert keys.take(model, cloud, tmp_path / "store") == {"iris.onnx": ONNX}
    assert len(asked) == 2
    assert "ExpiredToken" in asked[0].what
    assert asked[0].to_do == f"Put new keys into the profile 'default' of {keys.file}"


def test_keys_of_the_environment_give_way_to_those_of_the_profile(keys: Keys, cloud: Cloud, tmp_path: Path) -> None:
    keys.file.unlink()
    keys.environ |= {"AWS_ACCESS_KEY_ID": "TYPED", "AWS_SECRET_ACCESS_KEY": "the secret that was typed"}

    def ask(_: Request) -> str:
        keys.write("SECOND")
        return ""

    cloud.session.ask = ask
    model = keys.found(cloud)
    keys.expire("TYPED")
    assert keys.take(model, cloud, tmp_path / "store") == {"iris.onnx": ONNX}


def test_without_a_terminal_it_ends_with_what_to_change_and_the_next_run_goes_on(
    keys: Keys, cloud: Cloud, tmp_path: Path
) -> None:
    keys.environ |= {"AWS_ACCESS_KEY_ID": "TYPED", "AWS_SECRET_ACCESS_KEY": "the secret that was typed"}
    keys.file.unlink()
    model = keys.found(cloud)
    keys.expire("TYPED")
    with pytest.raises(ConfigurationError) as caught:
        keys.take(model, cloud, tmp_path / "store")
    assert caught.value.code == "s3-refused"
    assert "AWS_SESSION_TOKEN" in caught.value.next_step
    assert "type the same command again" in caught.value.next_step
    keys.environ["AWS_ACCESS_KEY_ID"] = "OTHER"
    assert keys.take(model, None, tmp_path / "store") == {"iris.onnx": ONNX}


def test_what_one_object_refuses_is_no_matter_of_the_keys(keys: Keys, cloud: Cloud, tmp_path: Path) -> None:
    cloud.session.ask = lambda _: pytest.fail("nobody is to be asked")
    model = keys.found(cloud)
    keys.expire("FIRST", 403, "AccessDenied")
    with pytest.raises(ConfigurationError) as caught:
        keys.take(model, cloud, tmp_path / "store")
    assert caught.value.code == "s3-refused"
    assert "AccessDenied" in caught.value.what
