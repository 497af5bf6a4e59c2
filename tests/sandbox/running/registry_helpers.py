"""A registry with its token server on a port of its own, as the sandbox's process mounts it."""

import contextlib
import io
import tarfile
import threading
from collections.abc import Iterator
from pathlib import Path

import docker
import uvicorn
from starlette.applications import Starlette
from starlette.routing import Mount

from migrate.sandbox.base.faults import FaultBook
from migrate.sandbox.base.ports import listen, port_of
from migrate.sandbox.running.registry import Registry
from migrate.sandbox.running.registry_front import Record

USER, PASSWORD = "ai-user", "correct horse"


@contextlib.contextmanager
def serving(app: Starlette) -> Iterator[str]:
    """The application on a loopback port, in a thread."""
    listener = listen()
    server = uvicorn.Server(uvicorn.Config(app, log_config=None, lifespan="off"))
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
    thread.start()
    try:
        yield f"http://127.0.0.1:{port_of(listener)}"
    finally:
        server.should_exit = True
        thread.join()
        listener.close()


@contextlib.contextmanager
def running_registry(
    folder: Path,
    *,
    htpasswd: str | None = None,
    image: str | None = None,
    faults: FaultBook | None = None,
    record: Record = lambda _: None,
) -> Iterator[Registry]:
    """A started registry that takes ``USER`` and ``PASSWORD``."""
    app = Starlette()
    with serving(app) as url:
        registry = Registry(
            folder / "registry",
            realm=f"{url}/registry",
            check=lambda username, password: (username, password) == (USER, PASSWORD),
            htpasswd=htpasswd,
            image=image,
            faults=faults,
            record=record,
        )
        app.routes.append(Mount("/registry", routes=list(registry.routes)))
        registry.start(lambda _text: None)
        try:
            yield registry
        finally:
            registry.stop()


def import_image(client: docker.DockerClient, reference: str, files: dict[str, bytes]) -> None:
    """An image of these files and nothing else, under ``reference``."""
    archive = io.BytesIO()
    with tarfile.open(fileobj=archive, mode="w") as tar:
        for name, content in files.items():
            entry = tarfile.TarInfo(name)
            entry.size, entry.mode = len(content), 0o755
            tar.addfile(entry, io.BytesIO(content))
    repository, _, tag = reference.rpartition(":")
    client.api.import_image_from_data(archive.getvalue(), repository=repository, tag=tag)
