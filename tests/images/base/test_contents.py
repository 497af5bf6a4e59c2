import json
import platform
import subprocess
import sys
from pathlib import Path

import msgspec
import pytest

from migrate.core.values import RuntimeImage
from migrate.images.attestation.debian import BaseContents, debian_packages, system_of
from migrate.images.base.contents import PROBE, parse_contents, read_contents
from migrate.images.engine.connection import Engine


def test_the_probe_tells_what_lies_on_the_machine_that_it_runs_on() -> None:
    done = subprocess.run([sys.executable, "-I", "-c", PROBE], check=True, capture_output=True, text=True)
    found = parse_contents(done.stdout)
    assert found is not None
    assert found.python == platform.python_version()
    status = Path("/var/lib/dpkg/status")
    assert found.status == (status.read_text(errors="replace") if status.exists() else None)


@pytest.mark.parametrize("output", ["", "\n", "Traceback\nValueError: x", "[]", json.dumps({"python": 3})])
def test_what_is_no_answer_of_the_probe_is_nothing_known(output: str) -> None:
    assert parse_contents(output) is None
    assert parse_contents(f'{output}\n{{"python": "3.11.2"}}\n') == BaseContents(python="3.11.2")


def test_an_image_without_a_package_manager_tells_its_packages_too() -> None:
    status = "Package: tzdata\nVersion: 2024a-0\nArchitecture: all\n\n\nPackage: half\nStatus: install ok unpacked\n"
    assert [package.name for package in debian_packages(status)] == ["tzdata"]
    assert debian_packages("") == ()
    assert system_of("").id == ""


@pytest.mark.engine
def test_a_runtime_tells_its_base_once(engine: Engine, runtime: RuntimeImage, tmp_path: Path) -> None:
    found = read_contents(engine, runtime.image_id, tmp_path)
    assert found is not None
    assert found.status is not None
    assert {"libc6", "base-files"} <= {package.name for package in debian_packages(found.status)}
    assert system_of(found.os_release).id == "debian"
    (kept,) = tmp_path.glob("bases/*.json")
    other = BaseContents(python="3.11.99")
    kept.write_bytes(msgspec.json.encode(other))
    assert read_contents(engine, runtime.image_id, tmp_path) == other
