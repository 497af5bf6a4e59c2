"""How control.py speaks to the running process: a few routes under ``/sandbox`` that want the folder's own token."""

import asyncio
import secrets
import shutil
from collections.abc import Callable
from pathlib import Path

import msgspec
from msgspec import Struct
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from migrate.sandbox.base.errors import SandboxError
from migrate.sandbox.base.faults import read_fault
from migrate.sandbox.base.settings import ADMIN_HEADER
from migrate.sandbox.world.objects import Kind
from migrate.sandbox.world.world import Parts, World


class NewObject(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """An object to put into a container (made if there is none); ``file`` is a path on this machine.

    ``etag`` replaces the true MD5, as when the stored bytes have been damaged. ``slo`` makes it a large object
    with its one segment in ``CONTAINER_segments``; ``kind`` makes it something else than its bytes. With ``s3`` the
    container is an S3 bucket; a multipart upload there is an object with an ``etag`` that ends in ``-2``.
    """

    container: str
    name: str
    file: str
    region: str = "GRA"
    archive: bool = False
    content_type: str = "application/octet-stream"
    slo: bool = False
    etag: str = ""
    kind: Kind = Kind()
    s3: bool = False


class NewRegistry(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A managed registry that the project has."""

    name: str
    url: str
    region: str = "GRA"


class Policy(Struct, frozen=True, kw_only=True):
    """The IAM actions that the service account may take; None is all of them."""

    actions: tuple[str, ...] | None


class Admin:
    """The routes."""

    def __init__(self, world: World, parts: Parts, shut_down: Callable[[], None]) -> None:
        self._world = world
        self._parts = parts
        self._shut_down = shut_down

    def routes(self) -> list[Route]:
        """The routes, each behind the token."""
        return [
            self._route("/sandbox/status", "GET", self._status),
            self._route("/sandbox/stop", "POST", self._stop),
            self._route("/sandbox/faults", "POST", self._fail),
            self._route("/sandbox/faults", "DELETE", self._lift),
            self._route("/sandbox/reset", "POST", self._reset),
            self._route("/sandbox/objects", "POST", self._put),
            self._route("/sandbox/policy", "POST", self._allow),
            self._route("/sandbox/registries", "POST", self._add_registry),
        ]

    def _route(self, path: str, method: str, handler: Callable[[bytes, Request], object]) -> Route:
        async def answer(request: Request) -> Response:
            given = request.headers.get(ADMIN_HEADER, "")
            if not secrets.compare_digest(given.encode(), self._world.identity.admin_token.encode()):
                return JSONResponse({"message": "not allowed"}, 403)
            body = await request.body()
            try:
                return JSONResponse(await asyncio.to_thread(handler, body, request))
            except SandboxError as problem:
                return JSONResponse({"message": str(problem)}, 400)

        return Route(path, answer, methods=[method])

    def _status(self, _body: bytes, _request: Request) -> object:
        return {
            **msgspec.to_builtins(self._parts),
            "serving": self._world.serving,
            "registry_address": self._world.registry_address,
            "legacy_url": self._world.legacy.url if self._world.legacy else "",
            "old_token": self._world.legacy.token if self._world.legacy else "",
            "apps_count": len(self._world.apps.all()),
            "faults": self._world.faults.names(),
            "fired": self._world.faults.fired(),
        }

    def _stop(self, _body: bytes, _request: Request) -> object:
        self._shut_down()
        return {}

    def _fail(self, body: bytes, _request: Request) -> object:
        name = self._world.faults.add(read_fault(msgspec.json.decode(body)))
        self._world.settle_registry()
        return {"id": name}

    def _lift(self, _body: bytes, request: Request) -> object:
        count = self._world.faults.lift(request.query_params.get("id"))
        self._world.settle_registry()
        return {"lifted": count}

    def _reset(self, _body: bytes, _request: Request) -> object:
        self._world.faults.forget()
        self._world.settle_registry()
        self._world.apps.clear()
        self._world.people.clear()
        self._world.rate.fill()
        self._world.keyring.reset()
        self._world.authorized = self._world.options.authorized
        if self._world.objects.changed:
            self._world.lay_storage()
            self._world.objects.changed = False
        self._world.log.clear()
        return {}

    def _allow(self, body: bytes, _request: Request) -> object:
        actions = msgspec.json.decode(body, type=Policy).actions
        self._world.keyring.policy = None if actions is None else frozenset(actions)
        return {}

    def _add_registry(self, body: bytes, _request: Request) -> object:
        new = msgspec.json.decode(body, type=NewRegistry)
        return {"id": self._world.people.add_managed(new.name, new.url, new.region).id}

    def _put(self, body: bytes, _request: Request) -> object:
        try:
            new = msgspec.json.decode(body, type=NewObject)
        except msgspec.ValidationError as problem:
            raise SandboxError(str(problem)) from None
        self._world.objects.changed = True
        store = self._world.buckets if new.s3 else self._world.objects
        container = store.container(new.container, new.region, archive=new.archive)
        file = store.new_file()
        try:
            shutil.copyfile(Path(new.file), file)
        except OSError as problem:
            message = f"{new.file} cannot be read: {problem.strerror}"
            raise SandboxError(message) from None
        item = store.put(
            container, new.name, file, content_type=new.content_type, slo=new.slo, etag=new.etag, kind=new.kind
        )
        return {"container_id": container.id, "etag": item.etag, "size": item.size}
