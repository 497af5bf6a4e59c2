"""An image run as AI Deploy runs it: what it may do, what it answers, and how its failures are told."""

import ipaddress
import json
import socket
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import msgspec
import pytest

from migrate.core.errors import NeedsYouError
from migrate.core.values import Image, RuntimeImage
from migrate.images.engine.build import build
from migrate.images.engine.connection import Engine
from migrate.images.model.context import render
from migrate.images.trial.in_engine import InEngine
from migrate.images.trial.rehearsal import rehearse
from tests.images.conftest import IRIS, containers_of, model_of, silent

pytestmark = pytest.mark.engine

GIGABYTE = 1 << 30


@pytest.fixture(autouse=True)
def nothing_is_left(engine: Engine) -> Iterator[None]:
    yield
    assert containers_of(engine, "rehearsal") == []
    assert containers_of(engine, "reference") == []


@pytest.fixture
def iris(engine: Engine, runtime: RuntimeImage, tmp_path: Path, new_tag: Callable[[], str]) -> Image:
    context = render([model_of(IRIS)], runtime, tmp_path / "iris")
    return build(engine, context, runtime, tag=new_tag(), progress=silent)


def test_the_server_answers_and_its_cold_start_is_known(engine: Engine, iris: Image) -> None:
    with rehearse(InEngine(engine), iris, memory=GIGABYTE, timeout=200) as running:
        assert running.cold_start > 0
        status, headers, body = running.call("GET", "/describe")
        assert (status, headers["content-type"]) == (200, "application/json")
        assert json.loads(body)["inputs"][0]["name"] == "float_input"
        request = json.dumps({"float_input": [[5.1, 3.5, 1.4, 0.2]] * 3}).encode()
        for _ in range(50):
            status, _, body = running.call("POST", "/eval", {"content-type": "application/json"}, request)
            assert status == 200
        assert len(json.loads(body)["output_label"]) == 3
        status, _, body = running.call("POST", "/eval", {"content-type": "application/json"}, b"{}")
        assert status == 400
        memory = running.memory()
        assert memory is not None
        assert 10 << 20 < memory < GIGABYTE
        assert "ready" in running.logs()


def test_it_runs_as_ai_deploy_will_run_it(engine: Engine, iris: Image) -> None:
    with rehearse(InEngine(engine), iris, memory=GIGABYTE, timeout=200):
        (identity,) = containers_of(engine, "rehearsal")
        found = engine.client.api.inspect_container(identity)
    host = found["HostConfig"]
    assert found["Config"]["User"] == "42420:42420"
    assert host["NetworkMode"] == "none"
    assert host["ReadonlyRootfs"] is True
    assert host["CapDrop"] == ["ALL"]
    assert not host["CapAdd"]
    assert host["Privileged"] is False
    assert host["SecurityOpt"] == ["no-new-privileges:true"]
    assert host["Memory"] == host["MemorySwap"] == GIGABYTE
    assert host["PidsLimit"] == 512
    assert not host["Binds"]
    assert not host["PortBindings"]
    assert sorted(host["Tmpfs"]) == ["/tmp", "/workspace"]


def test_a_hostile_model_reaches_nothing(engine: Engine, server_of: Callable[[str], Image]) -> None:
    """A server that tries what a hostile model would, and tells on itself."""
    with socket.socket() as listener:
        listener.bind(("0.0.0.0", 0))
        listener.listen()
        listener.settimeout(0.1)
        port = listener.getsockname()[1]
        subnet = ipaddress.ip_network(engine.client.api.inspect_network("bridge")["IPAM"]["Config"][0]["Subnet"])
        gateway = next(iter(subnet.hosts()))
        script = f"""
import http.server, json, os, socket, subprocess
def attempt(action):
    try:
        action()
    except BaseException as error:
        return type(error).__name__
    return "done"
def reach(host, port):
    socket.create_connection((host, port), timeout=2).close()
found = {{
    "gateway": attempt(lambda: reach("{gateway}", {port})),
    "name": attempt(lambda: socket.getaddrinfo("example.com", 443)),
    "elsewhere": attempt(lambda: reach("192.0.2.1", 80)),
    "root": attempt(lambda: open("/opt/migrate/x", "w")),
    "models": attempt(lambda: open("/models/x", "w")),
    "setuid": attempt(lambda: os.setuid(0)),
    "docker": attempt(lambda: os.stat("/var/run/docker.sock")),
    "execute": attempt(lambda: (open("/tmp/x", "w").write("#!/bin/sh"), os.chmod("/tmp/x", 0o755),
                                subprocess.run(["/tmp/x"], check=True))),
    "home": attempt(lambda: open(os.path.expanduser("~/x"), "w")),
    "uid": os.getuid(),
    "interfaces": [name for _, name in socket.if_nameindex() if name != "lo" and open(
        f"/sys/class/net/{{name}}/operstate").read().strip() == "up"],
    "secrets": [name for name in os.environ if name.startswith(("OVH", "MIGRATE", "DOCKER"))],
}}
class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.end_headers()
        self.wfile.write(json.dumps(found).encode())
http.server.HTTPServer(("0.0.0.0", 8080), Handler).serve_forever()
"""
        with rehearse(InEngine(engine), server_of(script), memory=GIGABYTE, timeout=200) as running:
            found = json.loads(running.call("GET", "/")[2])
        with pytest.raises(TimeoutError):
            listener.accept()
    assert found.pop("uid") == 42420
    assert found.pop("home") == "done"
    assert found.pop("interfaces") == []
    assert found.pop("secrets") == []
    assert {name for name, result in found.items() if result == "done"} == set()


def test_a_server_that_ends_is_told_by_its_last_words(engine: Engine, server_of: Callable[[str], Image]) -> None:
    image = server_of("import sys\nprint('line', file=sys.stderr)\nsys.exit('the model \\x1b[31mdoes not load')")
    with pytest.raises(NeedsYouError) as error, rehearse(InEngine(engine), image, memory=GIGABYTE, timeout=200):
        pass
    assert error.value.code == "rehearsal-failed"
    assert "does not load" in error.value.what
    assert "\x1b" not in error.value.what
    assert error.value.next_step


def test_a_server_that_wants_more_memory_than_there_is(engine: Engine, server_of: Callable[[str], Image]) -> None:
    image = server_of("data = [bytearray(10 << 20) for _ in range(20)]\n")
    with pytest.raises(NeedsYouError) as error, rehearse(InEngine(engine), image, memory=128 << 20, timeout=60):
        pass
    assert error.value.code == "out-of-memory"
    assert "memory" in error.value.next_step


def test_a_server_that_is_never_ready(engine: Engine, server_of: Callable[[str], Image]) -> None:
    script = """
import http.server
class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(503)
        self.end_headers()
        self.wfile.write(b"still warming up")
http.server.HTTPServer(("0.0.0.0", 8080), Handler).serve_forever()
"""
    with (
        pytest.raises(NeedsYouError) as error,
        rehearse(InEngine(engine), server_of(script), memory=GIGABYTE, timeout=1),
    ):
        pass
    assert error.value.code == "not-ready"
    assert "still warming up" in error.value.what
    silent_one = server_of("import time\ntime.sleep(180)\n")
    with pytest.raises(NeedsYouError) as error, rehearse(InEngine(engine), silent_one, memory=GIGABYTE, timeout=0.5):
        pass
    assert error.value.code == "not-ready"


def test_a_server_that_ends_during_a_call(engine: Engine, server_of: Callable[[str], Image]) -> None:
    script = """
import http.server, os
class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        if self.path == "/end":
            print("a tensor too many", flush=True)
            os._exit(3)
        self.send_response(200)
        self.end_headers()
http.server.HTTPServer(("0.0.0.0", 8080), Handler).serve_forever()
"""
    with rehearse(InEngine(engine), server_of(script), memory=GIGABYTE, timeout=200) as running:
        assert running.call("GET", "/")[0] == 200
        with pytest.raises(NeedsYouError) as error:
            running.call("GET", "/end")
    assert error.value.code == "rehearsal-failed"
    assert "code 3" in error.value.what
    assert "a tensor too many" in error.value.what


def test_a_call_that_takes_too_long(engine: Engine, server_of: Callable[[str], Image]) -> None:
    script = """
import http.server, time
class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        if self.path == "/slow":
            time.sleep(60)
        self.send_response(200)
        self.end_headers()
http.server.ThreadingHTTPServer(("0.0.0.0", 8080), Handler).serve_forever()
"""
    with rehearse(InEngine(engine), server_of(script), memory=GIGABYTE, timeout=200) as running:
        with pytest.raises(NeedsYouError) as error:
            running.call("GET", "/slow", timeout=0.3)
        assert error.value.code == "rehearsal-timeout"
        assert running.call("GET", "/")[0] == 200  # the rehearsal goes on


def test_an_error_of_the_caller_is_the_callers(engine: Engine, iris: Image) -> None:
    with pytest.raises(TimeoutError, match="mine"), rehearse(InEngine(engine), iris, memory=GIGABYTE, timeout=200):
        raise TimeoutError("mine")


def test_large_requests_and_answers_pass(engine: Engine, server_of: Callable[[str], Image]) -> None:
    script = """
import http.server
class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.end_headers()
    def do_POST(self):
        data = self.rfile.read(int(self.headers["content-length"]))
        self.send_response(200)
        self.send_header("content-length", str(len(data)))
        self.end_headers()
        self.wfile.write(data[::-1])
http.server.HTTPServer(("0.0.0.0", 8080), Handler).serve_forever()
"""
    body = bytes(range(256)) * 16384
    with rehearse(InEngine(engine), server_of(script), memory=GIGABYTE, timeout=200) as running:
        assert running.call("POST", "/", body=body)[2] == body[::-1]


def test_rehearsals_side_by_side(engine: Engine, iris: Image) -> None:
    found: list[int] = []

    def one() -> None:
        with rehearse(InEngine(engine), iris, memory=GIGABYTE, timeout=200) as running:
            found.append(running.call("GET", "/describe")[0])

    threads = [threading.Thread(target=one) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == [200, 200, 200]


def test_a_model_that_is_not_served_beside_others(
    engine: Engine, runtime: RuntimeImage, tmp_path: Path, new_tag: Callable[[], str]
) -> None:
    wrong = {"request": {"float_input": [[5.1, 3.5, 1.4, 0.2]]}, "answer": {"output_label": 7}}
    recorded = json.dumps({"samples": [{"name": "one", **wrong}]}).encode()
    other = msgspec.structs.replace(model_of(IRIS, "other"), recorded=recorded)
    context = render([model_of(IRIS, "iris"), other], runtime, tmp_path / "both")
    image = build(engine, context, runtime, tag=new_tag(), progress=silent)
    with rehearse(InEngine(engine), image, memory=GIGABYTE, timeout=200) as running:
        assert list(running.unserved) == ["other"]
        error = running.unserved["other"]
        assert error.code == "rehearsal-failed"
        assert "recorded sample one" in error.what
        assert any("not served" in line for line in error.evidence)
        assert running.call("GET", "/iris/describe")[0] == 200
        assert running.call("GET", "/other/describe")[0] == 503
