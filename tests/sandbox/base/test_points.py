"""Holding a request at a point, and killing its caller there."""

import json
import signal
import subprocess
import sys
import threading
import time
from http.client import HTTPConnection
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
import requests

from migrate.sandbox import control
from tests.waiting import PATIENCE, wait_until

# A caller of its own process group, which makes a token and, if it lives so long, writes down that it has the answer.
CALLER = """
import os, sys, time
import ovh
from ovh import client as ovh_client
ovh_client.ENDPOINTS["sandbox"] = os.environ["OVH_ENDPOINT"]
os.environ.pop("OVH_ENDPOINT")
client = ovh.Client(endpoint="sandbox")
client.get("/me")
print("ready", flush=True)
sys.stdin.readline()
client.post(sys.argv[1], name="t", region="GRA", role="ai_training_read")
time.sleep(600)
open(sys.argv[2], "w").close()
"""


def caller(box: Any, written: Path) -> "subprocess.Popen[str]":
    arguments = [sys.executable, "-c", CALLER, box.path("/ai/token"), str(written)]
    process = subprocess.Popen(
        arguments, stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=box.env, start_new_session=True, text=True
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "ready\n"
    return process


def go_and_wait(process: "subprocess.Popen[str]") -> int:
    process.communicate("go\n", timeout=PATIENCE)
    return process.returncode


@pytest.mark.parametrize(("point", "made"), [("before", 0), ("after", 1), ("answered", 1)])
def test_the_caller_is_killed_at_each_point(box: Any, tmp_path: Path, point: str, made: int) -> None:
    touched, written = tmp_path / "touched", tmp_path / "written"
    process = caller(box, written)
    control.fail(
        box.folder, "hold", method="POST", path_regex="/ai/token$", point=point, touch=touched, kill=process.pid
    )
    assert go_and_wait(process) == -signal.SIGKILL
    assert touched.exists()
    assert not written.exists()
    wait_until(lambda: box.lines(method="POST"), "the call is not in the log")
    assert control.release(box.folder) == 1
    assert len(box.client().get(box.path("/ai/token"))) == made


def test_the_caller_is_killed_while_bytes_move(box: Any, tmp_path: Path) -> None:
    content, touched = tmp_path / "content", tmp_path / "touched"
    content.write_bytes(bytes(8 << 20))
    identity = control.put_object(box.folder, "c", "big", content)
    path = box.path(f"/storage/{identity}/publicUrl")
    url = box.client().post(path, objectName="big", expirationDate="2099-01-01T00:00:00Z")["getURL"]
    code = "import sys, time; sys.stdin.readline(); import requests; requests.get(sys.argv[1])"
    process = subprocess.Popen(
        [sys.executable, "-c", code, url], stdin=subprocess.PIPE, start_new_session=True, text=True
    )
    control.fail(
        box.folder, "hold", path_regex="/c/big$", point="during", after_bytes=1 << 20, touch=touched, kill=process.pid
    )
    assert go_and_wait(process) == -signal.SIGKILL
    assert touched.exists()
    control.release(box.folder)
    (line,) = wait_until(lambda: box.lines(service="storage"), "the download is not in the log")
    assert 1 << 20 <= line.bytes < 8 << 20
    assert line.fault == "hold"


def test_the_second_download_is_held(box: Any, http: requests.Session, tmp_path: Path) -> None:
    content = tmp_path / "content"
    content.write_bytes(bytes(range(100)))
    identity = control.put_object(box.folder, "c", "small", content)
    path = box.path(f"/storage/{identity}/publicUrl")
    url = box.client().post(path, objectName="small", expirationDate="2099-01-01T00:00:00Z")["getURL"]
    control.fail(box.folder, "hold", path_regex="/c/small$", point="during", after_bytes=10, nth=2, seconds=0.2)
    for _ in range(3):
        assert http.get(url).content == bytes(range(100))
    assert [line.fault for line in box.lines(service="storage")] == ["", "hold", ""]


def test_a_held_call_goes_on_when_released(box: Any, tmp_path: Path) -> None:
    touched = tmp_path / "touched"
    name = control.fail(box.folder, "hold", path_regex="/me$", nth=2, touch=touched, seconds=3600)
    client = box.client()
    client.get("/me")
    answers: list[object] = []
    thread = threading.Thread(target=lambda: answers.append(client.get("/me")))
    thread.start()
    wait_until(touched.exists, "it is not held")
    assert box.client().get(box.path("/ai/token")) == []
    assert answers == [], "a later call was answered, and this one not"
    assert control.release(box.folder, name) == 1
    thread.join(PATIENCE)
    assert len(answers) == 1


def test_a_held_call_goes_on_after_its_time(box: Any, tmp_path: Path) -> None:
    touched = tmp_path / "touched"
    control.fail(box.folder, "hold", path_regex="/ai/token$", touch=touched, seconds=3600)
    client, other = box.client(), box.client()
    client.get("/auth/time")
    answers: list[object] = []
    thread = threading.Thread(target=lambda: answers.append(client.get(box.path("/ai/token"))))
    thread.start()
    wait_until(touched.exists, "it is not held")
    control.fail(box.folder, "hold", path_regex="/me$", seconds=0.3)
    started = time.monotonic()
    other.get("/me")
    assert time.monotonic() - started >= 0.3
    assert answers == [], "what is held for longer is still held"
    control.release(box.folder)
    thread.join(PATIENCE)
    assert answers == [[]]


def test_a_caller_that_goes_away_before_the_work_leaves_nothing(box: Any, tmp_path: Path) -> None:
    touched = tmp_path / "touched"
    control.fail(box.folder, "hold", path_regex="/auth/credential$", touch=touched, seconds=3600)
    place = urlsplit(f"{box.url}/auth/credential")
    caller = HTTPConnection(place.netloc, timeout=PATIENCE)
    caller.request("POST", place.path, json.dumps({"accessRules": []}), {"Content-Type": "application/json"})
    wait_until(touched.exists, "it is not held")
    caller.close()
    (line,) = wait_until(lambda: box.lines(method="POST"), "the call is not in the log")
    assert (line.status, line.bytes, line.fault) == (0, 0, "gone")
