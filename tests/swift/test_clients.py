"""The clients that people use with Swift, against the sandbox: python-swiftclient and rclone."""

import json
import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from migrate.ovhcloud import storage
from migrate.sandbox import control
from migrate.sandbox.base.settings import Options
from tests.clouds import open_cloud

pytestmark = pytest.mark.slow

MODEL = os.urandom(50_000).hex().encode()


class Clients:
    """The sandbox's account, as the clients are told of it."""

    def __init__(self, folder: Path) -> None:
        with open_cloud(folder, folder) as cloud:
            access = storage.access(cloud)
        url, token = access.endpoints["GRA"], access.token.reveal()
        base = {"PATH": os.environ["PATH"], "HOME": str(folder), "LC_ALL": "C.UTF-8"}
        self._swift = base | {"OS_STORAGE_URL": url, "OS_AUTH_TOKEN": token}
        names = {"TYPE": "swift", "STORAGE_URL": url, "AUTH_TOKEN": token}
        self._rclone = base | {f"RCLONE_CONFIG_BOX_{name}": value for name, value in names.items()}
        self._rclone["RCLONE_CONFIG"] = "/nonexistent"

    def swift(self, *words: str) -> str:
        return run(self._swift, "swift", *words)

    def rclone(self, *words: str) -> str:
        return run(self._rclone, "rclone", "--retries", "1", *words)


def run(environ: dict[str, str], command: str, *words: str) -> str:
    if shutil.which(command) is None:
        pytest.skip(f"{command} is not installed (scripts/setup --tests)")
    done = subprocess.run([command, *words], env=environ, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def clients(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Clients]:
    folder, file = tmp_path_factory.mktemp("sandbox"), tmp_path_factory.mktemp("content") / "content"
    control.start(folder, Options(runtime=False, samples=False, rate_limit=0))

    def put(container: str, name: str, data: bytes = b"", **kind: object) -> None:
        file.write_bytes(data)
        control.put_object(folder, container, name, file, kind=kind)

    for number in range(9):
        put(f"many{number}", "one", b"1")
    for part in range(2):
        put("box_segments", f"p{part}", MODEL[part * 50_000 :][:50_000])
    put("box", "plain.bin", MODEL)
    put("box", "dlo.bin", prefix="box_segments/p")
    put("box", "slo.bin", segments=["box_segments/p0", "box_segments/p1"])
    put("box", "link.bin", link="box/plain.bin")
    put("box", "folder/ü b.bin", MODEL)
    put("box", "empty")
    yield Clients(folder)
    control.stop(folder)


FILES = {"plain.bin", "dlo.bin", "slo.bin", "link.bin", "folder/ü b.bin", "empty"}


def test_swift_lists_every_container_and_object(clients: Clients) -> None:
    assert clients.swift("list").split() == ["box", "box_segments", *(f"many{number}" for number in range(9))]
    assert set(clients.swift("list", "box").splitlines()) == FILES
    assert clients.swift("list", "box", "--delimiter", "/", "--prefix", "f").splitlines() == ["folder/"]


def test_swift_tells_of_the_account(clients: Clients) -> None:
    facts = dict(line.strip().split(": ", 1) for line in clients.swift("stat").splitlines() if ": " in line)
    assert (facts["Containers"], facts["Objects"]) == ("11", "17")
    assert "Content Length: 100000" in clients.swift("stat", "box", "dlo.bin")
    assert "max_manifest_segments" in clients.swift("capabilities")


def test_swift_downloads_every_kind(clients: Clients, tmp_path: Path) -> None:
    clients.swift("download", "box", "--output-dir", str(tmp_path))
    found = {path.relative_to(tmp_path).as_posix(): path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}
    assert found == {name: b"" if name == "empty" else MODEL for name in FILES}


def test_rclone_lists_and_copies_every_kind(clients: Clients, tmp_path: Path) -> None:
    listed = json.loads(clients.rclone("lsjson", "-R", "--files-only", "box:box"))
    assert {row["Path"]: row["Size"] for row in listed} == {name: 0 if name == "empty" else 100_000 for name in FILES}
    clients.rclone("copy", "box:box", str(tmp_path))
    clients.rclone("check", "--download", "box:box", str(tmp_path))
    assert {path.relative_to(tmp_path).as_posix() for path in tmp_path.rglob("*") if path.is_file()} == FILES
    assert (tmp_path / "dlo.bin").read_bytes() == MODEL


def test_rclone_reads_ranges(clients: Clients) -> None:
    assert clients.rclone("lsd", "box:").count("\n") == 11
    assert clients.rclone("size", "--json", "box:box").startswith('{"count":6,"bytes":500000')
    assert "plain.bin" in clients.rclone("md5sum", "box:box")
    for name in ("plain.bin", "slo.bin", "dlo.bin"):
        assert (
            clients.rclone("cat", "--offset", "49990", "--count", "20", f"box:box/{name}")
            == MODEL[49990:50010].decode()
        )
