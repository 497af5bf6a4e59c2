"""The sandbox's process: ``python -m migrate.sandbox.process FOLDER`` answers until it is told to stop.

Started by control.py, which also documents the folder. It holds a lock on the folder for as long as it lives. With
``--daemon`` it goes to the background as soon as it has the lock, so that whoever sees it return sees the lock held.
"""

import asyncio
import contextlib
import fcntl
import logging
import os
import socket
import sys
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path

import msgspec
import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import BaseRoute, Mount, Route
from starlette.types import ASGIApp, Receive, Scope, Send

from migrate.sandbox.admin import Admin
from migrate.sandbox.api.gateway import Gateway
from migrate.sandbox.api.login_pages import login_routes
from migrate.sandbox.base.errors import SandboxError
from migrate.sandbox.base.settings import Folder
from migrate.sandbox.running.runtime import Runtime
from migrate.sandbox.storage.s3 import S3
from migrate.sandbox.storage.swift import Swift
from migrate.sandbox.world.world import Parts, World

log = logging.getLogger(__name__)


def main(arguments: list[str]) -> int:
    """Run a sandbox in the folder named by the first argument."""
    if len(arguments) not in {1, 2} or arguments[1:] not in ([], ["--daemon"]):
        print("usage: python -m migrate.sandbox.process FOLDER [--daemon]", file=sys.stderr)  # noqa: T201
        return 2
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(name)s %(levelname)s %(message)s")
    folder = Folder(Path(arguments[0]))
    try:
        with locked(folder, background=len(arguments) == 2):
            return attempt(folder)
    except SandboxError as problem:
        log.error("%s", problem)  # noqa: TRY400 - a sentence, not a bug
        return 1


def attempt(folder: Folder) -> int:
    """Serve; the reason of a failure is in the log before the lock is let go, which is when control.py reads it."""
    try:
        serve(folder)
    except SandboxError as problem:
        log.error("%s", problem)  # noqa: TRY400 - a sentence, not a bug
        return 1
    return 0


@contextlib.contextmanager
def locked(folder: Folder, *, background: bool) -> Iterator[None]:
    """Hold the folder's lock and keep this process's id in the pid file; in the background it is a child that does.

    Raises:
        SandboxError: Another process holds it.
    """
    with folder.lock_file.open("a") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            message = f"a sandbox is running in {folder.path} already"
            raise SandboxError(message) from None
        if background and os.fork():
            os._exit(0)  # the child has the lock with the open file
        folder.pid_file.write_text(f"{os.getpid()}\n")
        try:
            yield
        finally:
            folder.pid_file.unlink(missing_ok=True)


def serve(folder: Folder) -> None:
    """Answer until told to stop, then end everything that was started.

    Raises:
        SandboxError: There are no settings, or no port.
    """
    settings = folder.read()
    if settings is None:
        message = f"{folder.settings_file} is missing; control.py makes it"
        raise SandboxError(message)
    listener = listen(settings.options.port or settings.port, fixed=bool(settings.options.port))
    port = int(listener.getsockname()[1])
    world = World(folder, settings, port)
    parts = Parts()
    runtime = Runtime(folder.path, world, parts)
    server = uvicorn.Server(
        uvicorn.Config(
            application(world, parts, runtime, lambda: setattr(server, "should_exit", True)),
            log_config=None,
            access_log=False,
            timeout_graceful_shutdown=2,
            server_header=False,
        )
    )
    folder.write(msgspec.structs.replace(settings, port=port))
    folder.pid_file.write_text(f"{os.getpid()} {port}\n")
    log.info("answering at %s", world.base)
    try:
        server.run(sockets=[listener])
    finally:
        runtime.stop()
        log.info("stopped")


def listen(port: int, *, fixed: bool) -> socket.socket:
    """A listening socket on 127.0.0.1: at the wanted port, or, when that is not ``fixed``, at any free one.

    Raises:
        SandboxError: The fixed port is taken.
    """
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind(("127.0.0.1", port))
    except OSError as problem:
        if fixed or not port:
            listener.close()
            message = f"port {port} of 127.0.0.1 cannot be used: {problem.strerror}"
            raise SandboxError(message) from None
        listener.bind(("127.0.0.1", 0))
    return listener


def application(world: World, parts: Parts, runtime: Runtime, shut_down: Callable[[], None]) -> ASGIApp:
    """Everything that answers at the port."""
    admin = Admin(world, parts, shut_down)

    @contextlib.asynccontextmanager
    async def lifespan(_application: Starlette) -> AsyncIterator[None]:
        begin = threading.Thread(target=runtime.start, name="runtime", daemon=True)
        begin.start()
        yield
        await asyncio.to_thread(begin.join, 60)

    routes: list[BaseRoute] = [
        Mount("/registry", routes=list(runtime.registry_routes)),
        *login_routes(world),
        *admin.routes(),
        Route("/", _front, methods=["GET"]),
    ]
    rest = Starlette(routes=routes, lifespan=lifespan)
    swift = Swift(world)
    services: dict[bytes, ASGIApp] = {b"1.0": Gateway(world), b"swift": swift, b"info": swift, b"s3": S3(world)}

    async def dispatch(scope: Scope, receive: Receive, send: Send) -> None:
        # By the path as sent: Starlette's own patterns do not match names with a line break in them.
        first = scope.get("raw_path", b"/").split(b"/", 2)[1]
        await services.get(first, rest)(scope, receive, send)

    return dispatch


async def _front(_request: Request) -> Response:
    return PlainTextResponse("The sandbox of migrate: OVHcloud's API is at /1.0\n")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
