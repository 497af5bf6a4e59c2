"""``scripts/fuzz_server.py``: it finds nothing wrong with the server, and what is wrong with another."""

import importlib
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest

pytestmark = pytest.mark.programs

SCRIPTS = Path(__file__).parents[2] / "scripts"


@pytest.fixture(scope="module")
def client() -> Iterator[ModuleType]:
    """The module that sends and judges, imported as the scripts import each other."""
    sys.path.insert(0, str(SCRIPTS))
    try:
        yield importlib.import_module("fuzz_client")
    finally:
        sys.path.remove(str(SCRIPTS))


def fuzz(*arguments: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, str(SCRIPTS / "fuzz_server.py"), *arguments],
        capture_output=True,
        text=True,
        timeout=250,
        check=False,
    )


def test_nothing_is_found(tmp_path: Path) -> None:
    done = fuzz("--requests", "4000", "--seed", "5", "--folder", str(tmp_path))
    assert done.returncode == 0, done.stdout + done.stderr
    assert "seed 5: 4000 requests" in done.stdout
    assert done.stdout.rstrip().endswith("0 findings")
    for kind in ("json", "v2", "form", "image", "path", "good", "broken"):
        assert f"  {kind} " in done.stdout


def test_a_request_can_be_made_again(tmp_path: Path) -> None:
    first = fuzz("--seed", "5", "--replay", "17", "--folder", str(tmp_path))
    second = fuzz("--seed", "5", "--replay", "17", "--folder", str(tmp_path))
    assert first.returncode == second.returncode == 0, first.stdout + first.stderr
    assert first.stdout.splitlines()[:2] == second.stdout.splitlines()[:2]


@pytest.mark.parametrize(
    ("status", "headers", "body", "fault"),
    [
        (200, {"content-type": "application/json"}, b'{"y":[1.5]}', ""),
        (200, {"content-type": "application/json"}, b'{"y":[1.5}', "broken JSON"),
        (400, {"content-type": "application/json"}, b'{"status":400,"message":"no"}', ""),
        (400, {"content-type": "application/json"}, b'{"error":"no"}', "another error body"),
        (400, {"content-type": "text/plain"}, b"no", "no JSON"),
        (500, {"content-type": "application/json"}, b'{"status":500,"message":"Internal error"}', "undocumented"),
        (503, {"retry-after": "1"}, b"", ""),
        (503, {}, b"", "Retry-After"),
        (302, {}, b"", "undocumented"),
    ],
)
def test_answers_are_judged(client: ModuleType, status: int, headers: dict[str, str], body: bytes, fault: str) -> None:
    request = client.Generated("json", "POST", b"")
    found = client.fault_of(request, client.Answer(status, headers, body, closing=False))
    assert (fault in found) if fault else (found == "")


def test_a_right_request_must_succeed(client: ModuleType) -> None:
    request = client.Generated("good", "POST", b"", good=True)
    refused = client.Answer(400, {"content-type": "application/json"}, b'{"status":400,"message":"no"}', closing=False)
    assert "a right request got 400" in client.fault_of(request, refused)
