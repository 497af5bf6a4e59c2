"""Nothing leaves a closed network but through its proxy, and nothing is told to anybody."""

import json
import os
import shutil
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from migrate.sandbox import control
from migrate.sandbox.base.settings import Folder, Options
from tests.e2e.proxy import Proxy

HOST = "api.sandbox.example"
OTHERS = "others.example"  # a bucket, and an index of packages
EMPTY = b"""<?xml version="1.0"?><ListBucketResult><Name>shelf</Name><KeyCount>0</KeyCount><MaxKeys>1000</MaxKeys>
<IsTruncated>false</IsTruncated></ListBucketResult>"""
PASSWORD = "p@ss-of-the-proxy"
INSIDE = Path(__file__).with_name("inside.py")
IRIS = Path(__file__).parents[2] / "examples" / "models" / "iris"
MIGRATE = str(Path(sys.executable).with_name("migrate"))

pytestmark = [pytest.mark.slow, pytest.mark.programs]


@pytest.fixture(scope="module")
def unshare() -> tuple[str, ...]:
    """What begins a command in a network namespace of its own."""
    words = ("unshare", "--net") if os.geteuid() == 0 else ("unshare", "--net", "--map-root-user")
    if shutil.which("ip") is None or shutil.which("unshare") is None or not Path("/dev/net/tun").exists():
        pytest.skip("needs ip, unshare and /dev/net/tun")
    if subprocess.run([*words, "true"], capture_output=True, check=False).returncode:
        pytest.skip("this kernel, or this container, lets nobody make a network namespace")
    return words


@pytest.fixture(scope="module")
def sandbox(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    folder = tmp_path_factory.mktemp("closed-sandbox")
    control.start(folder, Options(runtime=False, unseen_seconds=0.2, rate_limit=0))
    yield folder
    control.stop(folder)


@pytest.fixture
def others() -> Iterator[ThreadingHTTPServer]:
    """A bucket without objects, and an index without packages; ``asked`` are the paths."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), Others)
    server.asked = []  # type: ignore[attr-defined]
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield server
    server.shutdown()
    server.server_close()


class Others(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.server.asked.append(self.path)  # type: ignore[attr-defined]
        bucket = not self.path.startswith("/simple/")
        self.send_response(200 if bucket else 404)
        self.send_header("Content-Length", str(len(EMPTY) if bucket else 0))
        self.end_headers()
        if bucket:
            self.wfile.write(EMPTY)

    def log_message(self, *_: object) -> None:
        return


@pytest.fixture
def proxy(sandbox: Path, others: ThreadingHTTPServer, tmp_path: Path) -> Iterator[Proxy]:
    found = control.status(sandbox)
    assert found is not None
    ports = {HOST: urlsplit(found.url).port or 0, OTHERS: others.server_address[1]}
    made = Proxy(tmp_path, ports, f"jane:{PASSWORD}")
    yield made
    made.close()


@pytest.fixture
def closed(unshare: tuple[str, ...], sandbox: Path, proxy: Proxy, tmp_path: Path) -> Callable[..., dict[str, Any]]:
    """Runs the command inside, configured by its file alone."""
    settings = Folder(sandbox).read()
    assert settings is not None
    file = tmp_path / "home/.config/migrate/config.toml"
    file.parent.mkdir(parents=True)
    file.write_text(
        f'[network]\nproxy = "http://jane:{PASSWORD.replace("@", "%40")}@127.0.0.1:3128"\n'
        f'ca_bundle = "{proxy.authority}"\npackage_index = "https://{OTHERS}/simple"\n'
    )
    environ = {
        "HOME": str(tmp_path / "home"),
        "PATH": os.environ["PATH"],
        "OVH_ENDPOINT": f"https://{HOST}/1.0",
        "OVH_CLIENT_ID": settings.identity.client_id,
        "OVH_CLIENT_SECRET": settings.identity.client_secret,
        "OVH_CLOUD_PROJECT_SERVICE": settings.identity.project,
        "DOCKER_HOST": "unix:///nonexistent.sock",
        "MIGRATE_WORKSPACE": str(tmp_path / "workspace"),
    }

    def run(*words: str, **changes: str) -> dict[str, Any]:
        command = [*unshare, sys.executable, str(INSIDE), str(proxy.socket), MIGRATE, *words]
        done = subprocess.run(command, env=environ | changes, capture_output=True, text=True, check=True, timeout=280)
        told: dict[str, Any] = json.loads(done.stdout)
        assert PASSWORD not in told["out"] + told["err"]
        assert "p%40ss" not in told["out"] + told["err"]
        return told

    return run


def test_a_plan_is_made_through_the_proxy_and_nothing_else_is_sent(
    closed: Callable[..., dict[str, Any]], proxy: Proxy
) -> None:
    told = closed("plan", str(IRIS), "--json")
    assert told["code"] == 0, told
    assert told["outside"] == []  # no packet, not even a question for a name
    assert set(told["loopback"]) == {"3128"}
    assert set(proxy.asked) == {f"{HOST}:443"}
    assert proxy.refused == []


def test_the_list_of_hosts_sends_no_packet_at_all(closed: Callable[..., dict[str, Any]], proxy: Proxy) -> None:
    told = closed("network", "models@GRA", "--json")
    assert (told["code"], told["outside"], told["loopback"]) == (0, [], {}), told
    assert proxy.asked == []
    contacts = json.loads(told["out"].splitlines()[-1])["data"]["contacts"]
    ways = {one["host"]: one["via"] for one in contacts}
    assert (ways[HOST], ways["127.0.0.1:3128"]) == ("proxy 127.0.0.1:3128", "direct")


def test_a_bucket_is_listed_through_the_proxy(
    closed: Callable[..., dict[str, Any]], proxy: Proxy, others: ThreadingHTTPServer
) -> None:
    keys = {"AWS_ACCESS_KEY_ID": "key", "AWS_SECRET_ACCESS_KEY": "secret-of-bucket", "AWS_REGION": "gra"}
    told = closed("list", "s3://shelf", "--json", AWS_ENDPOINT_URL=f"https://{OTHERS}", **keys)
    assert told["code"] == 0, told
    assert (told["outside"], set(told["loopback"])) == ([], {"3128"})
    assert set(proxy.asked) == {f"{OTHERS}:443"}
    assert others.asked[0].startswith("/shelf?")  # type: ignore[attr-defined]


def test_packages_come_from_the_index_through_the_proxy(
    closed: Callable[..., dict[str, Any]], proxy: Proxy, others: ThreadingHTTPServer, tmp_path: Path
) -> None:
    told = closed("export", str(IRIS), "--out", str(tmp_path / "out"), "--json", UV_CACHE_DIR=str(tmp_path / "cache"))
    assert told["code"] == 7, told  # that index has none
    assert json.loads(told["out"].splitlines()[-1])["error"]["code"] == "wheels-failed"
    assert (told["outside"], set(told["loopback"])) == ([], {"3128"})
    assert set(proxy.asked) == {f"{OTHERS}:443"}
    assert any(path.startswith("/simple/onnxruntime/") for path in others.asked)  # type: ignore[attr-defined]


def test_packets_that_go_elsewhere_would_be_counted(closed: Callable[..., dict[str, Any]], proxy: Proxy) -> None:
    """The measure itself: without its proxy the same command knocks elsewhere, and is told what is missing."""
    told = closed("plan", str(IRIS), "--json", NO_PROXY=HOST, OVH_ENDPOINT="https://198.51.100.7/1.0", no_proxy="*")
    assert told["code"] != 0
    assert "198.51.100.7" in told["outside"]
    assert proxy.asked == []


def test_a_proxy_that_refuses_the_password_is_told_without_it(
    closed: Callable[..., dict[str, Any]], proxy: Proxy
) -> None:
    told = closed("plan", str(IRIS), "--json", HTTPS_PROXY="http://jane:wrong-p%40ss-word@127.0.0.1:3128")
    assert told["code"] == 3, told
    assert json.loads(told["out"].splitlines()[-1])["error"]["code"] == "proxy-login"
    assert "wrong-p" not in told["out"] + told["err"]
    assert told["outside"] == []
    assert proxy.asked == []
    assert proxy.refused == [f"{HOST}:443"]  # once: who tries again may be locked out
