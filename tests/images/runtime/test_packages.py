"""What a scanner finds in each runtime's image: the packages of its lock, whole, with their licences."""

import json
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from migrate.images.engine import containers
from migrate.images.engine.connection import Engine
from migrate.images.runtime.image import ensure_runtime
from migrate.images.runtime.templates import runtimes, template_of
from tests.images.conftest import silent

pytestmark = pytest.mark.engine

SCAN = """
import importlib.metadata, json
found = {}
for package in importlib.metadata.distributions(path=["/opt/migrate/wheels"]):
    wrong = [str(file) for file in package.files if not file.locate().is_file()]
    wrong += [str(file) for file in package.files if file.size not in (None, file.locate().stat().st_size)]
    found[package.name] = [package.version, wrong]
print(json.dumps(found))
"""
IMAGE = {
    "python_version": "3.11",
    "python_full_version": "3.11.0",  # what the installer takes a minor release for
    "sys_platform": "linux",
    "platform_system": "Linux",
    "platform_machine": "x86_64",
    "implementation_name": "cpython",
    "platform_python_implementation": "CPython",
    "os_name": "posix",
}


def locked(lock: Path) -> dict[str, str]:
    """The packages of a lock that are for images, with their versions."""
    found = {}
    for line in lock.read_text().splitlines():
        text = line.rstrip(" \\")
        if not text or text.startswith((" ", "#")):
            continue
        requirement = Requirement(text)
        if requirement.marker is None or requirement.marker.evaluate(IMAGE):
            (version,) = requirement.specifier
            found[canonicalize_name(requirement.name)] = version.version
    return found


LIGHT = ("jpmml", "onnx", "pmml", "processors", "tokenizers")  # the others' wheels take minutes to install and store


@pytest.mark.parametrize(
    "runtime", [name if name in LIGHT else pytest.param(name, marks=pytest.mark.slow) for name in runtimes()]
)
def test_it_is_the_lock(runtime: str, engine: Engine, store: Path) -> None:
    image = ensure_runtime(engine, runtime, base=None, store=store, progress_text=silent)
    with containers.container(engine, image.image_id, ["python3", "-c", SCAN], purpose="test") as identity:
        engine.client.api.start(identity)
        assert engine.client.api.wait(identity)["StatusCode"] == 0, engine.client.api.logs(identity)
        found = json.loads(engine.client.api.logs(identity, stderr=False))
    assert {canonicalize_name(name): version for name, (version, _) in found.items()} == locked(
        template_of(runtime).locks[0]
    )
    assert {name: wrong for name, (_, wrong) in found.items() if wrong} == {}
