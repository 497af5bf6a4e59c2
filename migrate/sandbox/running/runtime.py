"""The parts of the sandbox that really run: the registry, the apps' containers, the old endpoints."""

import logging
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from migrate.sandbox.base.requestlog import Line, timestamp
from migrate.sandbox.base.seam import Traffic
from migrate.sandbox.base.settings import APPS, FAILED
from migrate.sandbox.running.backend import Backend
from migrate.sandbox.running.in_boxes import InBoxes
from migrate.sandbox.running.in_engine import InEngine
from migrate.sandbox.running.legacy import Legacy
from migrate.sandbox.running.registry import Registry
from migrate.sandbox.running.runner import Runner
from migrate.sandbox.world.samples import NAMESPACES, samples_folder
from migrate.sandbox.world.world import Parts, World

if TYPE_CHECKING:
    from collections.abc import Sequence

    from starlette.routing import BaseRoute

    from migrate.sandbox.base.seam import Gate, LegacyServer

log = logging.getLogger(__name__)
RUNNING = "running"


class WorldGate:
    """What the runtime may ask of the API side (seam.Gate)."""

    def __init__(self, world: World) -> None:
        self._world = world

    def serving(self, app_id: str) -> bool:
        """Whether requests reach the app."""
        return self._world.apps.serving(app_id)

    def authorise(self, app_id: str, authorization: str | None) -> bool:
        """Whether the header opens the app."""
        return self._world.apps.authorise(app_id, authorization)

    def drift(self, app_id: str) -> Literal["scale", "swap", "nan"] | None:
        """How the app's answers are to be altered."""
        return self._world.apps.drift(app_id)

    def record(self, traffic: Traffic) -> None:
        """Write a line of the request log."""
        line = Line(
            time=timestamp(time.time()),
            service=traffic.service,
            method=traffic.method,
            path=traffic.path,
            status=traffic.status,
            bytes=traffic.bytes,
            app_id=traffic.app_id or "",
            fault=traffic.fault,
        )
        self._world.log.write(line)


class Runtime:
    """Starts the parts one after another and ends them; one that cannot start leaves the others working."""

    def __init__(self, folder: Path, world: World, parts: Parts) -> None:
        self._folder = folder
        self._world = world
        self._parts = parts
        self._gate: Gate = WorldGate(world)
        self._registry: Registry | None = None
        self._runner: Runner | None = None
        self._legacy: LegacyServer | None = None
        self._stopped = threading.Event()
        if world.options.runtime:
            realm = f"{world.base}/registry"
            self._registry = Registry(
                folder / "registry",
                realm=realm,
                check=world.people.may_use_registry,
                engine=world.options.builder != "none",
                faults=world.faults,
                record=self._gate.record,
            )

    @property
    def registry_routes(self) -> "Sequence[BaseRoute]":
        """The token server of the registry."""
        return self._registry.routes if self._registry else ()

    def start(self) -> None:
        """Start every part; takes seconds."""
        try:
            self._progress("filling the object storage")
            self._world.lay_storage()
            if self._world.options.runtime:
                self._start_registry()
                self._start_runner()
                self._start_legacy()
            self._parts.ready = True
            self._parts.phase = ""
        except Exception as problem:
            log.exception("the sandbox could not start")
            self._parts.phase = f"{FAILED}{problem}"

    def _start_registry(self) -> None:
        if self._registry is None:
            return
        try:
            self._registry.start(self._progress)
        except RuntimeError as problem:
            log.warning("no registry: %s", problem)
            self._parts.registry = str(problem)
            return
        self._world.registry = self._registry
        self._world.apps.registry_address = self._registry.address
        self._parts.registry = RUNNING

    def _start_runner(self) -> None:
        self._progress("looking for what runs apps")
        try:
            backend = self._backend()
        except RuntimeError as problem:
            log.warning("no apps: %s", problem)
            self._parts.apps = self._world.apps.no_runner = str(problem)
            return
        self._world.apps.runner = self._runner = Runner(backend, self._gate)
        self._parts.apps, self._parts.apps_in = RUNNING, backend.text
        log.info("apps run %s", backend.text)

    def _backend(self) -> Backend:
        """What runs apps: the container engine where there is one and none was chosen, else boxes."""
        wanted = self._world.options.builder
        without_engine = ""
        if wanted != "none":
            try:
                return InEngine(self._folder)
            except RuntimeError as problem:
                if wanted == "engine":
                    raise
                without_engine = str(problem)
        try:
            return InBoxes(self._folder / APPS)
        except RuntimeError as problem:
            message = f"{without_engine}; {problem}" if without_engine else str(problem)
            raise RuntimeError(message) from problem

    def _start_legacy(self) -> None:
        if not self._world.options.samples or self._stopped.is_set():
            return
        folders = [samples_folder(name) for name in NAMESPACES]
        self._legacy = Legacy(self._folder / "legacy", models=folders, record=self._gate.record)
        try:
            self._legacy.start(self._progress)
        except RuntimeError as problem:
            log.warning("no old endpoints: %s", problem)
            self._parts.legacy = str(problem)
            return
        self._world.legacy = self._legacy
        self._parts.legacy = RUNNING

    def stop(self) -> None:
        """End every part that was started, and wait."""
        self._stopped.set()
        if self._runner:
            self._runner.close()
        if self._legacy:
            self._legacy.stop()
        if self._world.registry:
            self._world.registry.stop()

    def _progress(self, text: str) -> None:
        log.info("%s", text)
        self._parts.phase = text
