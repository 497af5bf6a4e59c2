"""Models that take long, more memory or processes than they may, crash or cheat: a verdict on each, and no more.

None goes on for ever: each takes a little more than the limit that it is held to, and ends by itself where none is.
"""

import contextlib
import os
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import docker
import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from migrate.core.errors import Interrupted, LocalError, MigrateError, NeedsYouError
from migrate.core.values import Artifact, Image, RuntimeImage
from migrate.images.engine import containers, exchange
from migrate.images.engine.build import build
from migrate.images.engine.connection import Engine, connect
from migrate.images.model.context import render
from migrate.images.trial import rehearsal_client
from migrate.images.trial.cpu import missing
from migrate.images.trial.in_engine import InEngine
from migrate.images.trial.oracle_run import run_reference
from migrate.images.trial.rehearsal import rehearse
from tests.images.conftest import IRIS, artifact_of, containers_of, model_of, silent
from tests.waiting import wait_until

pytestmark = pytest.mark.engine

GIGABYTE = 1 << 30
REFERENCES = Path(__file__).parents[3] / "migrate/parity/oracles"
PROGRAM = (REFERENCES / "start.py", *sorted(REFERENCES.glob("[!s]*.py")))
READY = """
import http.server
class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.end_headers()
        if self.path != "/health/ready":
            called(self)
http.server.ThreadingHTTPServer(("0.0.0.0", 8080), Handler).serve_forever()
"""


@pytest.fixture(autouse=True)
def nothing_is_left(engine: Engine) -> Iterator[None]:
    yield
    for purpose in ("rehearsal", "reference", "processor"):
        assert containers_of(engine, purpose) == []


def failed(start: Callable[[], object]) -> MigrateError:
    """The error of what must fail."""
    with pytest.raises(MigrateError) as error:
        start()
    assert error.value.next_step
    return error.value


def rehearsed(
    engine: Engine, image: Image, *, memory: int = GIGABYTE, timeout: float = 60, call: float = 2
) -> MigrateError:
    def start() -> None:
        with rehearse(InEngine(engine), image, memory=memory, timeout=timeout) as running:
            running.call("GET", "/", timeout=call)

    return failed(start)


def referenced(
    engine: Engine, runtime: RuntimeImage, script: Path, *, memory: int = GIGABYTE, timeout: float = 60
) -> MigrateError:
    artifact = artifact_of(IRIS)
    return failed(lambda: asked(engine, runtime, artifact, (script,), [{}], memory=memory, timeout=timeout))


def asked(
    engine: Engine,
    runtime: RuntimeImage,
    artifact: Artifact,
    program: Sequence[Path],
    lines: Sequence[Mapping[str, object]],
    *,
    memory: int = GIGABYTE,
    timeout: float = 60,
    stop: threading.Event | None = None,
) -> list[dict[str, Any]]:
    """The answers of a program to all of these lines."""
    with run_reference(InEngine(engine), runtime, artifact, program, memory=memory, timeout=timeout, stop=stop) as ask:
        return [ask(line) for line in lines]


def scripted(folder: Path, text: str) -> Path:
    path = folder / "script.py"
    path.write_text(text)
    return path


def saved(folder: Path, nodes: list[onnx.NodeProto], initializers: list[onnx.TensorProto]) -> Path:
    """A model from ``x``, one float, to ``y``."""
    shape = ["N", 1]
    graph = helper.make_graph(
        nodes,
        "hostile",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, shape)],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, shape)],
        initializers,
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8)
    onnx.checker.check_model(model)
    path = folder / "model.onnx"
    onnx.save(model, path)
    return path


@pytest.fixture
def slow(tmp_path: Path) -> Path:
    """A loop of some dozens of millions of rounds: longer than the test waits, and over within minutes."""
    body = helper.make_graph(
        [helper.make_node("Identity", ["go"], ["goes"]), helper.make_node("Neg", ["v"], ["w"])],
        "body",
        [
            helper.make_tensor_value_info("i", TensorProto.INT64, []),
            helper.make_tensor_value_info("go", TensorProto.BOOL, []),
            helper.make_tensor_value_info("v", TensorProto.FLOAT, ["N", 1]),
        ],
        [
            helper.make_tensor_value_info("goes", TensorProto.BOOL, []),
            helper.make_tensor_value_info("w", TensorProto.FLOAT, ["N", 1]),
        ],
    )
    constants = [
        numpy_helper.from_array(np.array(60_000_000, np.int64), "most"),
        numpy_helper.from_array(np.array(True), "yes"),
    ]
    return saved(tmp_path, [helper.make_node("Loop", ["most", "yes", "x"], ["y"], body=body)], constants)


@pytest.fixture
def greedy(tmp_path: Path) -> Path:
    """A small file that makes tensors of 400 MB of each input: more than the memory that it is given."""
    nodes = [
        helper.make_node("Expand", ["x", "size"], ["many"]),
        helper.make_node("Exp", ["many"], ["more"]),
        helper.make_node("ReduceMean", ["more"], ["y"], axes=[0], keepdims=1),
    ]
    return saved(tmp_path, nodes, [numpy_helper.from_array(np.array([100_000_000, 1], np.int64), "size")])


@pytest.mark.parametrize("kind", [pytest.param("slow", marks=pytest.mark.slow), "greedy"])
def test_an_onnx_file_that_takes_too_long_or_too_much_memory(
    engine: Engine,
    runtime: RuntimeImage,
    new_tag: Callable[[], str],
    tmp_path: Path,
    request: pytest.FixtureRequest,
    kind: str,
) -> None:
    path: Path = request.getfixturevalue(kind)
    inputs = [{"name": "x", "type": "float", "shape": [-1, 1]}]
    lines = [{"model": {"engine": "onnx", "entry": "model.onnx", "inputs": inputs}}, {"request": {"x": [[1.0]]}}]
    timeout, memory = (4, GIGABYTE) if kind == "slow" else (60, 256 << 20)
    reference = failed(
        lambda: asked(engine, runtime, artifact_of(path), PROGRAM, lines, memory=memory, timeout=timeout)
    )
    context = render([model_of(path)], runtime, tmp_path / "context")
    image = build(engine, context, runtime, tag=new_tag(), progress=silent)
    rehearsal = rehearsed(engine, image, memory=memory, timeout=timeout)
    expected = ("reference-timeout", "not-ready") if kind == "slow" else ("out-of-memory", "out-of-memory")
    assert (reference.code, rehearsal.code) == expected
    assert isinstance(reference, NeedsYouError)
    assert isinstance(rehearsal, NeedsYouError)


# Eighty processes that only sleep, where the test allows 64.
FORKS = """
import os, time
def fork():
    for _ in range(80):
        if not os.fork():
            time.sleep(180)
            os._exit(0)
"""
AT_LOAD = f"{FORKS}\ntry:\n    fork()\nexcept OSError:\n    time.sleep(180)\n"
# The call that finds no room for one more process is not answered.
AT_A_CALL = FORKS + READY.replace(
    "self.send_response", "if self.path != '/health/ready':\n            fork()\n        self.send_response", 1
)


@pytest.mark.parametrize(
    ("script", "timeout"),
    [pytest.param(AT_LOAD, 12, id="load", marks=pytest.mark.slow), pytest.param(AT_A_CALL, 120, id="call")],
)
def test_a_model_that_starts_too_many_processes(
    engine: Engine, server_of: Callable[..., Image], monkeypatch: pytest.MonkeyPatch, script: str, timeout: float
) -> None:
    monkeypatch.setattr(containers, "PIDS", 64)  # reached soon, on a busy machine too
    error = rehearsed(engine, server_of(script), timeout=timeout, call=60)
    assert (type(error), error.code) == (NeedsYouError, "too-many-processes")


def test_a_server_that_answers_a_byte_at_a_time(engine: Engine, server_of: Callable[..., Image]) -> None:
    drips = """
import time
def called(handler):
    for _ in range(100):
        handler.wfile.write(b"x")
        time.sleep(0.2)
"""
    error = rehearsed(engine, server_of(drips + READY))
    assert (type(error), error.code) == (NeedsYouError, "rehearsal-timeout")


def test_a_server_whose_answer_is_too_long(engine: Engine, server_of: Callable[..., Image]) -> None:
    times = (rehearsal_client.LONGEST >> 20) + 6
    pours = f"def called(handler):\n    for _ in range({times}):\n        handler.wfile.write(bytes(1 << 20))\n"
    error = rehearsed(engine, server_of(pours + READY))
    assert (type(error), error.code) == (NeedsYouError, "rehearsal-failed")
    assert "MB" in error.what


def test_what_asks_the_server_is_out_of_its_reach(engine: Engine, server_of: Callable[..., Image]) -> None:
    """A model that looks whether it could end any other process, or write where that one does."""
    script = """
import os
def called(handler):
    reached = []
    for name in os.listdir("/proc"):
        if name.isdecimal() and int(name) != os.getpid():
            for number in range(3):
                try:
                    os.close(os.open(f"/proc/{name}/fd/{number}", os.O_WRONLY))
                    reached.append(f"opened {number}")
                except OSError:
                    pass
            try:
                os.kill(int(name), 0)
                reached.append("could end it")
            except OSError:
                pass
    handler.wfile.write(repr(reached).encode())
"""
    with rehearse(InEngine(engine), server_of(script + READY), memory=GIGABYTE, timeout=200) as running:
        assert running.call("GET", "/")[2] == b"[]"
        assert running.call("GET", "/")[0] == 200


def has_avx() -> bool:
    return "avx" in Path("/proc/cpuinfo").read_text().split()


@pytest.mark.parametrize("code", [132, 134])
def test_a_crash_is_the_models_only_where_the_processor_is_good(
    engine: Engine, server_of: Callable[..., Image], code: int
) -> None:
    crash = f"import os\nprint('words', flush=True)\nos._exit({code})\n"
    error = rehearsed(engine, server_of(crash))
    assert error.code == ("rehearsal-failed" if has_avx() else "cpu-unsupported")
    assert error.evidence == ("words",)
    # The same in an image in which the processor shows itself without AVX, to a process that has asked nothing yet.
    hidden = """
import builtins, io
real = builtins.open
def shown(path, *more, **named):
    if path == "/proc/cpuinfo":
        return io.StringIO("flags : fpu sse2 ssse3\\n")
    return real(path, *more, **named)
builtins.open = shown
"""
    with contextlib.closing(connect(os.environ)) as other:
        error = rehearsed(other, server_of(crash, sitecustomize=hidden))
    assert (type(error), error.code, error.exit_code) == (LocalError, "cpu-unsupported", 7)
    assert "DOCKER_HOST" in error.next_step


@pytest.mark.parametrize(
    ("architecture", "cpuinfo", "unable"),
    [
        ("x86_64", "processor : 0\nflags\t\t: fpu sse2 avx avx2\n", False),
        ("amd64", "flags : avx\n", False),
        ("x86_64", "flags\t\t: fpu sse2 ssse3 sse4_1\n", True),
        ("x86_64", "", True),
        ("aarch64", "processor : 0\nFeatures : fp asimd evtstrm\n", True),
        ("aarch64", "vendor_id : VirtualApple\nflags : fpu avx\n", True),
        ("", "flags : avx\n", True),
    ],
)
def test_which_machine_can_try_a_model(architecture: str, cpuinfo: str, unable: bool) -> None:
    assert bool(missing(architecture, cpuinfo)) is unable


def test_a_reference_that_takes_too_much_memory(engine: Engine, runtime: RuntimeImage, tmp_path: Path) -> None:
    script = scripted(tmp_path, "data = [bytearray(10 << 20) for _ in range(20)]\n")
    error = referenced(engine, runtime, script, memory=128 << 20)
    assert (type(error), error.code) == (NeedsYouError, "out-of-memory")


def test_a_reference_that_aborts(engine: Engine, runtime: RuntimeImage, tmp_path: Path) -> None:
    error = referenced(engine, runtime, scripted(tmp_path, "import os\nos.abort()\n"))
    assert error.code == ("reference-failed" if has_avx() else "cpu-unsupported")


@pytest.mark.usefixtures("no_garbage")
@pytest.mark.parametrize("line", ["[]", "1", "nonsense", "[" * 2000])
def test_a_reference_that_answers_nonsense(engine: Engine, runtime: RuntimeImage, tmp_path: Path, line: str) -> None:
    error = referenced(
        engine, runtime, scripted(tmp_path, f"print({line!r}, flush=True)\nimport time\ntime.sleep(9)\n")
    )
    assert (type(error), error.code) == (NeedsYouError, "reference-failed")


def test_a_reference_that_writes_too_long_a_line(
    engine: Engine, runtime: RuntimeImage, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(exchange, "_LONGEST", 8 << 20)
    script = scripted(tmp_path, "import sys\nfor _ in range(100):\n    sys.stdout.write('x' * 100_000)\n")
    error = referenced(engine, runtime, script)
    assert (type(error), error.code) == (NeedsYouError, "reference-failed")
    assert "8 MB" in error.what


def test_a_reference_is_as_confined_as_a_rehearsal(engine: Engine, runtime: RuntimeImage, tmp_path: Path) -> None:
    script = scripted(
        tmp_path,
        """
import json, os, sys
def attempt(action):
    try:
        action()
    except OSError as error:
        return type(error).__name__
    return "done"
for line in sys.stdin:
    places = ("/", "/opt/migrate", "/reference", ".", "/tmp")
    tried = {place: attempt(lambda: open(place + "/x", "w")) for place in places}
    print(json.dumps({**tried, "uid": os.getuid(), "interfaces": os.listdir("/sys/class/net")}), flush=True)
""",
    )
    (answer,) = asked(engine, runtime, artifact_of(IRIS), (script,), [{}])
    assert answer.pop("/tmp") == "done"
    assert answer.pop("uid") == 42420
    assert "eth0" not in answer.pop("interfaces")
    assert "done" not in answer.values()
    hanging = scripted(tmp_path, "import time\ntime.sleep(180)\n")
    stop = threading.Event()
    found: list[dict[str, object]] = []

    def settings() -> dict[str, object] | None:
        for identity in containers_of(engine, "reference"):
            with contextlib.suppress(docker.errors.NotFound):  # the first one's, which the engine lists a while longer
                return dict(engine.client.api.inspect_container(identity)["HostConfig"])
        return None

    def look() -> None:
        try:
            found.append(wait_until(settings, "it has no container"))
        finally:
            stop.set()

    watching = threading.Thread(target=look)
    watching.start()
    with pytest.raises(Interrupted):
        asked(engine, runtime, artifact_of(IRIS), (hanging,), [{}], stop=stop)
    watching.join()
    (host,) = found
    assert host["Memory"] == host["MemorySwap"] == GIGABYTE
    assert host["PidsLimit"] == 512
    assert host["ReadonlyRootfs"] is True
    assert host["NetworkMode"] == "none"
    assert host["CapDrop"] == ["ALL"]
    assert {"Name": "core", "Hard": 0, "Soft": 0} in host["Ulimits"]


def test_a_rehearsal_that_hangs_is_left_when_the_run_is_stopped(
    engine: Engine, server_of: Callable[..., Image]
) -> None:
    image, stop = server_of("import signal\nsignal.pause()\n"), threading.Event()

    def look() -> None:
        try:
            wait_until(lambda: containers_of(engine, "rehearsal"), "it has no container")
        finally:
            stop.set()

    with ThreadPoolExecutor(1) as pool:
        looking = pool.submit(look)
        with pytest.raises(Interrupted), rehearse(InEngine(engine), image, memory=GIGABYTE, timeout=3600, stop=stop):
            pass
        looking.result()
