"""Debian's docker-registry as a process, on a port that it chooses, and blobs to push to it."""

import contextlib
import hashlib
import io
import json
import random
import re
import shutil
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from msgspec import Struct
from starlette.applications import Starlette
from starlette.routing import Mount

from migrate.core.values import Descriptor
from migrate.images.registry.client import RegistryClient
from migrate.images.registry.source import Blob, Stream
from migrate.sandbox.running.registry_tokens import ISSUER, SERVICE, Signer, token_routes
from tests.sandbox.running.registry_helpers import serving

LISTENING = re.compile(r"listening on (127\.0\.0\.1:\d+)")
OCI_MANIFEST = "application/vnd.oci.image.manifest.v1+json"
OCI_CONFIG = "application/vnd.oci.image.config.v1+json"
LAYER = "application/vnd.oci.image.layer.v1.tar+gzip"


class Real(Struct):
    """A running registry: ``host:port``, and where its files are."""

    address: str
    folder: Path

    def log(self) -> str:
        return (self.folder / "log").read_text()

    def answered(self, method: str, path: str) -> list[int]:
        """The statuses of the requests whose address holds ``path``."""
        lines = [line for line in self.log().splitlines() if "http.response.status=" in line]
        return [
            int(line.partition("http.response.status=")[2].split()[0])
            for line in lines
            if f"http.request.method={method} " in line and path in line
        ]

    def blob(self, digest: str) -> bytes:
        """A blob as it lies in the storage."""
        identity = digest.removeprefix("sha256:")
        return (self.folder / "data/docker/registry/v2/blobs/sha256" / identity[:2] / identity / "data").read_bytes()


@contextlib.contextmanager
def docker_registry(
    folder: Path,
    *,
    around: tuple[str, ...] = (),
    storage: dict[str, Any] | None = None,
    tls: tuple[Path, Path] | None = None,
    **more: object,
) -> Iterator[Real]:
    """A registry with its files in ``folder``; ``around`` runs it, ``tls`` are a certificate and
    its key, ``more`` are settings.
    """
    if shutil.which("docker-registry") is None:
        pytest.skip("docker-registry is not installed")
    folder.mkdir(parents=True, exist_ok=True)
    config = {
        "version": 0.1,
        "log": {"level": "info"},
        "storage": {"filesystem": {"rootdirectory": str(folder / "data")}, **(storage or {})},
        "http": {
            "addr": "127.0.0.1:0",
            "secret": "of-this-test",
            **({"tls": {"certificate": str(tls[0]), "key": str(tls[1])}} if tls else {}),
        },
        **more,
    }
    (folder / "config.yml").write_text(json.dumps(config))
    command = [*around, "docker-registry", "serve", str(folder / "config.yml")]
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=log, cwd=folder)
    try:
        while (found := LISTENING.search((folder / "log").read_text())) is None:
            assert process.poll() is None, (folder / "log").read_text()
            time.sleep(0.02)
        yield Real(found[1], folder)
    finally:
        process.terminate()
        process.wait(60)


# The password is "correct horse", as bcrypt.
_HASHED = "$2b$05$qSaRizC8hbUQZfsFrggEcuLlO8ouwWjuBfrGHhQQRLrh5HfyiIDqe"
PASSWORD = "correct horse"
ROBOT = "robot$team+ci"


@contextlib.contextmanager
def basic_registry(folder: Path, user: str = ROBOT, **more: Any) -> Iterator[Real]:
    """A registry that asks for Basic authentication."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "htpasswd").write_text(f"{user}:{_HASHED}\n")
    auth = {"htpasswd": {"realm": "this test", "path": str(folder / "htpasswd")}}
    with docker_registry(folder, auth=auth, **more) as running:
        yield running


@contextlib.contextmanager
def bearer_registry(folder: Path, user: str = ROBOT, **more: Any) -> Iterator[Real]:
    """A registry that asks for tokens, and its token server."""
    app = Starlette()
    with serving(app) as url:
        signer = Signer(folder)
        given = token_routes(signer, lambda name, password: (name, password) == (user, PASSWORD))
        app.routes.append(Mount("/registry", routes=given))
        token = {
            "realm": f"{url}/registry/token",
            "service": SERVICE,
            "issuer": ISSUER,
            "rootcertbundle": str(signer.certificate_file),
        }
        with docker_registry(folder, auth={"token": token}, **more) as running:
            yield running


def content(size: int, seed: int = 1) -> bytes:
    return random.Random(seed).randbytes(size)  # noqa: S311 - samples


def blob_of(data: bytes, media_type: str = LAYER, mount_from: str | None = None) -> Blob:
    def from_memory(offset: int) -> Stream:
        return io.BytesIO(data[offset:])

    descriptor = Descriptor(media_type=media_type, digest=f"sha256:{hashlib.sha256(data).hexdigest()}", size=len(data))
    return Blob(descriptor=descriptor, open=from_memory, mount_from=mount_from)


def image_of(*layers: Blob) -> tuple[bytes, list[Blob]]:
    """A manifest of these layers, with a configuration, and all its blobs."""
    config = blob_of(
        json.dumps(
            {"os": "linux", "architecture": "amd64", "rootfs": {"type": "layers", "diff_ids": ["sha256:" + "1" * 64]}}
        ).encode(),
        OCI_CONFIG,
    )
    described = [
        {"mediaType": blob.descriptor.media_type, "digest": blob.descriptor.digest, "size": blob.descriptor.size}
        for blob in (config, *layers)
    ]
    manifest = {"schemaVersion": 2, "mediaType": OCI_MANIFEST, "config": described[0], "layers": described[1:]}
    return json.dumps(manifest).encode(), [config, *layers]


def read_back(client: RegistryClient, digest: str) -> bytes:
    answer = client.ask("GET", f"{client.repository}/blobs/{digest}")
    assert answer.status == 200
    return answer.content
