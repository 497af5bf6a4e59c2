"""Images put into a registry by the calls of its protocol: no engine, and nothing of the tool."""

import hashlib
import json
import shutil
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest
import requests
from requests.utils import parse_dict_header

from migrate.sandbox.base.seam import RegistryAuth
from migrate.sandbox.running.registry import Registry
from migrate.sandbox.running.registry_engines import PROGRAM
from tests.images.base.layouts import Layout
from tests.sandbox.running.registry_helpers import PASSWORD, USER


def need_program() -> None:
    """Skip where no registry can be run without an engine."""
    if shutil.which(PROGRAM) is None:
        pytest.skip(f"{PROGRAM} is not installed")


def login(registry: Registry, password: str = PASSWORD) -> tuple[RegistryAuth, ...]:
    """What the platform knows of the registry."""
    return (RegistryAuth(address=registry.address, username=USER, password=password),)


def push(registry: Registry, name: str, layout: Layout, document: dict[str, Any]) -> str:
    """Put an image, or an index with its images, of a layout into a registry, and return the reference."""
    repository, _, tag = name.partition(":")
    send(registry, repository, ((path.name, path.read_bytes()) for path in (layout.path / "blobs/sha256").iterdir()))
    manifests = [document, *json.loads(_blob(layout, document)).get("manifests", ())]
    for one in reversed(manifests):
        put_manifest(
            registry, repository, _blob(layout, one), one["mediaType"], tag if one is document else one["digest"]
        )
    return f"{registry.address}/{name}"


def send(registry: Registry, repository: str, blobs: Iterable[tuple[str, bytes]]) -> None:
    """Upload blobs, each with its SHA-256 in hexadecimal."""
    with _session(registry, repository) as session:
        for digest, data in blobs:
            begun = session.post(f"http://{registry.address}/v2/{repository}/blobs/uploads/", timeout=60)
            assert begun.status_code == 202, begun.text
            ended = session.put(begun.headers["Location"], params={"digest": f"sha256:{digest}"}, data=data, timeout=60)
            assert ended.status_code == 201, ended.text


def put_manifest(registry: Registry, repository: str, data: bytes, media_type: str, tag: str) -> None:
    """Put a manifest whose blobs are there."""
    with _session(registry, repository) as session:
        url = f"http://{registry.address}/v2/{repository}/manifests/{tag}"
        answer = session.put(url, data=data, headers={"Content-Type": media_type}, timeout=60)
        assert answer.status_code == 201, answer.text


def sha256_of(path: Path) -> str:
    """The SHA-256 of a file, in hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _blob(layout: Layout, document: dict[str, Any]) -> bytes:
    return (layout.path / "blobs/sha256" / document["digest"].removeprefix("sha256:")).read_bytes()


def _session(registry: Registry, repository: str) -> requests.Session:
    session = requests.Session()
    session.trust_env = False
    asked = session.get(f"http://{registry.address}/v2/", timeout=60).headers["WWW-Authenticate"]
    wanted = parse_dict_header(asked.partition(" ")[2])
    given = session.get(
        wanted["realm"],
        params={"service": wanted["service"], "scope": f"repository:{repository}:pull,push"},
        auth=(USER, PASSWORD),
        timeout=60,
    ).json()
    session.headers["Authorization"] = f"Bearer {given['token']}"
    return session
