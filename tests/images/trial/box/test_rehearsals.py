"""Rehearsals, references and conversions in boxes: the same verdicts as in containers."""

import json
import shutil
import sys
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

import migrate
from migrate.boxes.box import Limits
from migrate.boxes.view import Mount
from migrate.core.errors import Interrupted, MigrateError, NeedsYouError
from migrate.core.values import Image, RuntimeImage
from migrate.images.engine import containers, tarstream
from migrate.images.model.context import render
from migrate.images.trial.box.boxes import Boxes
from migrate.images.trial.box.root import with_entries
from migrate.images.trial.oracle_run import run_reference
from migrate.images.trial.rehearsal import rehearse
from tests.images.conftest import IRIS, artifact_of, model_of
from tests.images.trial.box.boxing import IMAGE, MEGABYTE, boxes_of, host_root
from tests.waiting import wait_until

pytestmark = pytest.mark.programs

GIGABYTE = 1 << 30
MODEL = Image(reference="model:1", image_id=IMAGE, size=0, layers=())
RUNTIME = RuntimeImage(runtime="host", reference="runtime:1", image_id=IMAGE, key="k", size=0, base="host")
SERVER = """
import http.server, json, os
class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.end_headers()
        if self.path != "/health/ready":
            called(self)
    def do_POST(self):
        data = self.rfile.read(int(self.headers["content-length"]))
        self.send_response(200)
        self.send_header("content-length", str(len(data)))
        self.end_headers()
        self.wfile.write(data[::-1])
http.server.ThreadingHTTPServer(("0.0.0.0", 8080), Handler).serve_forever()
"""


@pytest.fixture
def serving(tmp_path: Path) -> Callable[[str], Boxes]:
    """Boxes of an image whose server is this script."""

    def give(script: str) -> Boxes:
        place = tmp_path / "probe/migrate/server"
        place.mkdir(parents=True)
        (place / "__main__.py").write_text(script)
        return boxes_of(tmp_path, tmp_path / "probe")

    return give


def failed(boxes: Boxes, *, memory: int = GIGABYTE, timeout: float = 200, call: float = 100) -> MigrateError:
    with (
        pytest.raises(MigrateError) as error,
        rehearse(boxes, MODEL, memory=memory, timeout=timeout) as running,
    ):
        running.call("GET", "/", timeout=call)
    assert error.value.next_step
    return error.value


def test_a_server_is_rehearsed(serving: Callable[[str], Boxes]) -> None:
    called = "def called(handler):\n    print('called', handler.path, flush=True)\n    handler.wfile.write(b'answer')\n"
    body = bytes(range(256)) * 4096
    with rehearse(serving(called + SERVER), MODEL, memory=GIGABYTE, timeout=200) as running:
        assert running.call("GET", "/x", timeout=100)[2] == b"answer"
        assert running.call("POST", "/", body=body, timeout=100)[2] == body[::-1]
        assert "called /x" in running.logs()
        memory = running.memory()
    assert memory is not None
    assert 5 * MEGABYTE < memory < GIGABYTE
    assert running.cold_start > 0
    assert "memory held by" in running.held


def test_what_asks_the_server_is_out_of_its_reach(serving: Callable[[str], Boxes]) -> None:
    called = """
import os
def called(handler):
    others = [name for name in os.listdir("/proc") if name.isdecimal() and int(name) != os.getpid()]
    handler.wfile.write(repr((os.getpid(), os.getuid(), others)).encode())
"""
    with rehearse(serving(called + SERVER), MODEL, memory=GIGABYTE, timeout=200) as running:
        assert running.call("GET", "/", timeout=100)[2] == b"(1, 42420, [])"


def test_a_server_that_ends_is_told_by_its_last_words(serving: Callable[[str], Boxes]) -> None:
    error = failed(serving("import sys\nprint('line', file=sys.stderr)\nsys.exit('the model \\x1b[31mdoes not load')"))
    assert (type(error), error.code) == (NeedsYouError, "rehearsal-failed")
    assert "does not load" in error.what
    assert "\x1b" not in error.what


def test_a_server_that_wants_more_memory_than_there_is(serving: Callable[[str], Boxes]) -> None:
    error = failed(
        serving("import time\nd = [bytearray(10 << 20) for _ in range(30)]\ntime.sleep(300)\n"), memory=1 << 27
    )
    assert (type(error), error.code) == (NeedsYouError, "out-of-memory")


FORKS = """
import os, time
def called(handler):
    for _ in range(80):
        if not os.fork():
            time.sleep(180)
            os._exit(0)
"""


@pytest.mark.parametrize("holder", [pytest.param("rlimit", marks=pytest.mark.slow), "watcher"])
def test_a_server_that_starts_too_many_processes(
    serving: Callable[[str], Boxes], monkeypatch: pytest.MonkeyPatch, holder: Any
) -> None:
    first = "self.path[1:7] == 'health' or called(self)\n        self.send_response"
    boxes = serving(FORKS + SERVER.replace("self.send_response", first, 1))
    if holder == "rlimit" and boxes.limits(IMAGE).processes != "rlimit":
        pytest.skip("RLIMIT_NPROC does not hold processes here")
    monkeypatch.setattr(containers, "PIDS", 64)
    monkeypatch.setattr(Boxes, "limits", lambda *_: Limits("watcher", holder))
    error = failed(boxes)
    assert (type(error), error.code) == (NeedsYouError, "too-many-processes")


@pytest.mark.slow
def test_a_server_that_is_never_ready(serving: Callable[[str], Boxes]) -> None:
    error = failed(serving("import time\ntime.sleep(180)\n"), timeout=0.5)
    assert (type(error), error.code) == (NeedsYouError, "not-ready")


def test_a_rehearsal_that_hangs_is_left_when_the_run_is_stopped(
    serving: Callable[[str], Boxes], tmp_path: Path
) -> None:
    boxes, stop = serving("import signal\nsignal.pause()\n"), threading.Event()
    scratch = tmp_path / "store/partial"

    def look() -> None:
        wait_until(lambda: list(scratch.glob("box-rehearsal-*")), "there is no box")
        stop.set()

    with ThreadPoolExecutor(1) as pool:
        looking = pool.submit(look)
        with pytest.raises(Interrupted), rehearse(boxes, MODEL, memory=GIGABYTE, timeout=200, stop=stop):
            pass
        looking.result()
    assert not list(scratch.iterdir())


def test_an_error_of_the_caller_is_the_callers(serving: Callable[[str], Boxes]) -> None:
    with (
        pytest.raises(FileNotFoundError, match="mine"),
        rehearse(serving(SERVER), MODEL, memory=GIGABYTE, timeout=200),
    ):
        raise FileNotFoundError(2, "mine")


def scripted(folder: Path, text: str) -> Path:
    path = folder / "script.py"
    path.write_text(text)
    return path


@pytest.fixture
def asked(tmp_path: Path) -> Callable[..., Any]:
    """The answer of a program to one line."""

    def give(text: str, *, memory: int = GIGABYTE, timeout: float = 200) -> Any:
        artifact, program = artifact_of(IRIS), [scripted(tmp_path, text)]
        with run_reference(boxes_of(tmp_path), RUNTIME, artifact, program, memory=memory, timeout=timeout) as ask:
            return ask({"ask": 1})

    return give


def test_a_reference_answers_beside_its_files(asked: Callable[..., Any]) -> None:
    answer = asked(
        "import json, os, sys\nfor line in sys.stdin:\n"
        "    print(json.dumps({'size': os.path.getsize('iris.onnx'), 'uid': os.getuid()}), flush=True)\n"
    )
    assert answer == {"size": IRIS.stat().st_size, "uid": 42420}


_NONSENSE = "print('nonsense', flush=True)\nimport time\ntime.sleep(20)"


@pytest.mark.parametrize(
    ("text", "memory", "timeout", "code"),
    [
        ("raise SystemExit('no such operator')", GIGABYTE, 200, "reference-failed"),
        ("import time\ne = [bytearray(10 << 20) for _ in range(30)]\ntime.sleep(300)", 1 << 27, 200, "out-of-memory"),
        pytest.param("import time\ntime.sleep(180)", GIGABYTE, 2, "reference-timeout", marks=pytest.mark.slow),
        pytest.param(_NONSENSE, GIGABYTE, 200, "reference-failed", marks=pytest.mark.slow),
    ],
    ids=["ends", "memory", "hangs", "nonsense"],
)
def test_a_reference_that_does_not_answer(
    asked: Callable[..., Any], text: str, memory: int, timeout: float, code: str
) -> None:
    with pytest.raises(NeedsYouError) as error:
        asked(text, memory=memory, timeout=timeout)
    assert error.value.code == code


@pytest.mark.slow
def test_the_server_itself_with_a_model(tmp_path: Path) -> None:
    """With this environment's packages, as the image of a runtime has them."""
    boxes_of(tmp_path)
    context = render([model_of(IRIS)], replace(RUNTIME, runtime="onnx"), tmp_path / "context")
    code = tmp_path / "code/migrate"
    shutil.copytree(Path(migrate.__file__).parent / "server", code / "server")
    (code / "__init__.py").touch()
    places = [Path(path) for path in sys.path if path.endswith("site-packages")]
    mounts = [Mount(place, f"/packages/{number}") for number, place in enumerate(places)]
    mounts += [Mount(Path(sys.base_prefix), sys.base_prefix), Mount(code.parent, "/code")]
    root = host_root(tmp_path / "other")
    paths = ["/code", *(mount.target for mount in mounts[: len(places)])]
    environment = {"PATH": f"{sys.base_prefix}/bin:/usr/bin:/bin", "PYTHONPATH": ":".join(paths), "HOME": "/workspace"}
    mounts = [*(one for one in root.mounts if one.target != sys.base_prefix), *mounts]
    image = replace(root, environment=environment, mounts=tuple(mounts))
    layers = sorted(Path(context.folder).glob("layer-*"))
    image = with_entries(image, (entry for layer in layers for entry in tarstream.tree(layer)), tmp_path / "layers")
    boxes = Boxes({IMAGE: image}.__getitem__, tmp_path / "store")
    request = json.dumps({"float_input": [[5.1, 3.5, 1.4, 0.2]] * 3}).encode()
    with rehearse(boxes, MODEL, memory=GIGABYTE, timeout=250) as running:
        assert running.unserved == {}
        status, _, body = running.call("POST", "/eval", {"content-type": "application/json"}, request, timeout=100)
    assert status == 200
    assert json.loads(body)["output_label"] == [0, 0, 0]
