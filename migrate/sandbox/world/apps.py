"""AI Deploy's apps: their records, and how each moves through the documented states.

    (create) -> QUEUED -> INITIALIZING -> SCALING -> RUNNING
    RUNNING -> SCALING -> RUNNING          another scale; it serves all the while
    running -> STOPPING -> STOPPED -> QUEUED (start)
    any of the start -> FAILED or ERROR    ; stopped or failed -> DELETING -> DELETED -> (gone)

A state is left when what it waits for has happened and somebody has seen it, or nobody looked for a while.
"""

import threading
import time
import uuid
from typing import Any, Final, Literal

from msgspec import Struct

from migrate.sandbox.base.faults import AppFailed, AppStuck, Drift, FaultBook, QuotaFault
from migrate.sandbox.base.requestlog import timestamp
from migrate.sandbox.base.seam import AppRunner, Launch, LogEntry, Probe, RegistryAuth
from migrate.sandbox.base.settings import Options
from migrate.sandbox.world.endings import ending_of
from migrate.sandbox.world.people import PLATFORM_USER, People, parse_selector

INFO: Final = {
    "QUEUED": ("APP_QUEUED", "The app is queued"),
    "INITIALIZING": ("APP_INITIALIZING", "The app is being initialized"),
    "SCALING": ("APP_SCALING", "The app is scaling"),
    "RUNNING": ("APP_RUNNING", "The app is running"),
    "STOPPING": ("APP_STOPPING", "The app is being stopped"),
    "STOPPED": ("APP_STOPPED", "The app has been stopped by its user"),
    "FAILED": ("APP_FAILED", "The app has failed"),
    "ERROR": ("APP_ERROR", "The app met an error of the platform"),
    "DELETING": ("APP_INTERRUPTED_BY_USER", "The app is being deleted"),
    "DELETED": ("APP_INTERRUPTED_BY_USER", "The app has been deleted"),
}
WORKING: Final = frozenset({"QUEUED", "INITIALIZING", "SCALING", "RUNNING"})
RESTING: Final = frozenset({"STOPPED", "FAILED", "ERROR"})
GONE: Final = "gone"


class AppRecord(Struct, kw_only=True):
    """An app. ``spec`` is in the API's own form and complete; ``url`` is None where nothing can answer.

    ``told`` are the lines of its log that a fault wrote.
    """

    id: str
    user: str
    created: float
    updated: float
    spec: dict[str, Any]
    url: str | None
    state: str = "QUEUED"
    message: str = ""
    since: float = 0.0
    seen: bool = False
    has_run: bool = False
    launched: bool = False
    history: list[tuple[str, float]] = []
    told: tuple[LogEntry, ...] = ()

    def info_code(self) -> str:
        """The code that goes with the state."""
        return INFO[self.state][0]

    def replicas(self) -> int:
        """How many replicas the strategy starts with."""
        strategy = self.spec["scalingStrategy"]
        if strategy["fixed"]:
            return int(strategy["fixed"]["replicas"])
        return int(strategy["automatic"]["replicasMin"])


class Apps:
    """All apps of the project. Methods are safe to call from any thread."""

    def __init__(self, options: Options, faults: FaultBook, people: People) -> None:
        self.runner: AppRunner | None = None
        self.no_runner = "the sandbox was started without its runtime"
        self.registry_address = ""
        self._options = options
        self._faults = faults
        self._people = people
        self._lock = threading.RLock()
        self._apps: dict[str, AppRecord] = {}

    def create(self, spec: dict[str, Any], user: str) -> AppRecord:
        """Make an app from a complete spec and start it."""
        now = time.time()
        identity = str(uuid.uuid4())
        url = self.runner.open(identity) if self.runner else None
        app = AppRecord(id=identity, user=user, created=now, updated=now, spec=spec, url=url)
        app.spec["labels"] |= {"ovh/id": identity, "ovh/type": "app"}
        with self._lock:
            self._apps[identity] = app
            self._enter(app, "QUEUED")
            app.history = [("QUEUED", now)]
        return app

    def all(self) -> list[AppRecord]:
        """Every app that is not gone, each moved on by what has happened."""
        with self._lock:
            for app in list(self._apps.values()):
                self._advance(app)
            return list(self._apps.values())

    def find(self, identity: str) -> AppRecord | None:
        """One app, moved on by what has happened."""
        with self._lock:
            app = self._apps.get(identity)
            if app is not None:
                self._advance(app)
            return self._apps.get(identity)

    def show(self, app: AppRecord) -> None:
        """Note that somebody has seen the app's present state."""
        app.seen = True

    def start(self, app: AppRecord) -> None:
        """Queue a resting app again; the URL stays."""
        with self._lock:
            self._enter(app, "QUEUED")

    def stop(self, app: AppRecord) -> None:
        """Begin to stop; the container ends in the background."""
        with self._lock:
            self._enter(app, "STOPPING")
        if self.runner and app.launched:
            self.runner.stop(app.id)

    def rescale(self, app: AppRecord, *, relaunch: bool) -> None:
        """Let a running app scale, with a new container if its image has changed."""
        with self._lock:
            if relaunch and self.runner:
                self.runner.start(self._launch(app))
            self._enter(app, "SCALING")

    def delete(self, app: AppRecord) -> None:
        """Begin to delete."""
        with self._lock:
            self._enter(app, "DELETING")
        if self.runner:
            self.runner.delete(app.id)

    def clear(self) -> None:
        """Forget every app at once, and end what runs."""
        with self._lock:
            forgotten = list(self._apps)
            self._apps.clear()
        for identity in forgotten:
            if self.runner:
                self.runner.delete(identity)

    # what the proxy asks (seam.Gate)

    def serving(self, identity: str) -> bool:
        """Whether requests reach the app."""
        app = self.find(identity)
        return app is not None and (app.state == "RUNNING" or (app.state == "SCALING" and app.has_run))

    def authorise(self, identity: str, authorization: str | None) -> bool:
        """Whether the header opens the app."""
        app = self._apps.get(identity)
        if app is None:
            return False
        return bool(app.spec["unsecureHttp"]) or self._people.opens(
            authorization, app.spec["region"], app.spec["labels"]
        )

    def drift(self, identity: str) -> Literal["scale", "swap", "nan"] | None:
        """How the app's answers are to be altered."""
        app = self._apps.get(identity)
        if app is None:
            return None
        met = self._faults.strike(Drift, lambda fault: _labelled(app, fault.label))
        return met[0].mode if met else None

    # the states

    def _enter(self, app: AppRecord, state: str, message: str = "") -> None:
        now = time.time()
        app.state = state
        app.message = message or INFO[state][1]
        app.since = app.updated = now
        app.seen = False
        app.history = [*app.history, (state, now)]
        if state == "QUEUED":
            app.has_run = app.launched = False
            app.told = ()
        elif state == "RUNNING":
            app.has_run = True

    def _advance(self, app: AppRecord) -> None:
        if not app.seen and time.time() - app.since < self._options.unseen_seconds:
            return
        step = self._next(app)
        if step is None:
            return
        state, message = step
        if state == GONE:
            self._apps.pop(app.id, None)
            return
        self._enter(app, state, message)

    def _next(self, app: AppRecord) -> tuple[str, str] | None:
        match app.state:
            case "QUEUED":
                excess = self._over_quota(app)
                return ("FAILED", excess) if excess else ("INITIALIZING", "")
            case "INITIALIZING":
                return self._begin(app)
            case "SCALING":
                return self._doomed(app) or self._outcome(app)
            case "RUNNING":
                phase = self.runner.state(app.id) if self.runner else None
                return ("FAILED", phase.info) if phase and phase.phase == "failed" else None
            case "STOPPING":
                return ("STOPPED", "") if self._has_stopped(app) else None
            case "DELETING":
                return ("DELETED", "") if self.runner is None or self.runner.deleted(app.id) else None
            case "DELETED":
                return (GONE, "")
        return None

    def _begin(self, app: AppRecord) -> tuple[str, str]:
        if app.spec["volumes"]:
            return "FAILED", "The sandbox does not mount volumes"
        if self.runner is None:
            if self._is_stuck(app):
                return "SCALING", ""
            return self._doomed(app) or ("FAILED", f"The image cannot be run: {self.no_runner}")
        app.launched = True
        self.runner.start(self._launch(app))
        return "SCALING", ""

    def _doomed(self, app: AppRecord) -> tuple[str, str] | None:
        met = self._faults.strike(AppFailed, lambda fault: _labelled(app, fault.label))
        if met is None:
            return None
        if self.runner:
            self.runner.stop(app.id)
        ending = ending_of(met[0], app.spec["image"])
        now = timestamp(time.time())
        app.told += tuple(LogEntry(timestamp=now, content=line) for line in ending.log)
        return ending.state, ending.message

    def _is_stuck(self, app: AppRecord) -> bool:
        return self._faults.strike(AppStuck, lambda fault: not app.has_run and _labelled(app, fault.label)) is not None

    def _outcome(self, app: AppRecord) -> tuple[str, str] | None:
        if self._is_stuck(app) or self.runner is None:
            return None
        state = self.runner.state(app.id)
        if state.phase == "ready":
            return "RUNNING", ""
        return ("FAILED", state.info) if state.phase == "failed" else None

    def _has_stopped(self, app: AppRecord) -> bool:
        if self.runner is None or not app.launched:
            return True
        return self.runner.state(app.id).phase in {"stopped", "failed"}

    def log(self, app: AppRecord) -> list[LogEntry]:
        """The lines of an app's log, oldest first; may wait for the engine."""
        lines = self.runner.logs(app.id) if self.runner and app.launched else ()
        return [*lines, *app.told]

    def limits(self) -> dict[str, int]:
        """The project's quota, in the units of the flavors: a GPU's own CPUs are not counted."""
        narrowed = [fault.cpu for fault in self._faults.standing(QuotaFault)]
        return {"CPU": min([self._options.quota_cpu, *narrowed]), "GPU": self._options.quota_gpu}

    def _over_quota(self, app: AppRecord) -> str:
        kind, wanted = _units(app)
        limit = self.limits()[kind]
        used = sum(
            amount
            for other in self._apps.values()
            if other.state in WORKING and other.id != app.id
            for word, amount in [_units(other)]
            if word == kind
        )
        if used + wanted <= limit:
            return ""
        if kind == "CPU" and used + wanted <= self._options.quota_cpu:
            self._faults.met(QuotaFault)
        return f"The project's quota of {limit} {kind} is reached: {used} in use, {wanted} asked for"

    def _launch(self, app: AppRecord) -> Launch:
        spec = app.spec
        asked = {key: value for key, value in (spec["probe"] or {}).items() if value is not None}
        logins = [
            RegistryAuth(address=_host(item.url), username=item.username, password=item.password)
            for item in self._people.registrations.values()
            if item.region == spec["region"]
        ]
        if self.registry_address:
            logins.append(
                RegistryAuth(
                    address=self.registry_address, username=PLATFORM_USER, password=self._people.platform_password
                )
            )
        return Launch(
            app_id=app.id,
            image=spec["image"],
            command=tuple(spec["command"] or ()),
            env={item["name"]: item["value"] for item in spec["envVars"] or ()},
            cpu=int(spec["resources"]["cpu"]),
            memory_bytes=int(spec["resources"]["memory"]),
            port=int(spec["defaultHttpPort"]),
            probe=Probe(
                path=asked.get("path", "/"),
                port=asked.get("port", spec["defaultHttpPort"]),
                initial_delay=asked.get("initialDelaySeconds", 0),
                period=asked.get("periodSeconds", 10),
                timeout=asked.get("timeoutSeconds", 1),
                failures=asked.get("failureThreshold", 3),
                successes=asked.get("successThreshold", 1),
            ),
            registry_auths=tuple(logins),
        )


def _units(app: AppRecord) -> tuple[str, int]:
    resources = app.spec["resources"]
    kind = "GPU" if resources["gpu"] else "CPU"
    return kind, int(resources[kind.lower()]) * app.replicas()


def _labelled(app: AppRecord, label: str) -> bool:
    return all(app.spec["labels"].get(key) == value for key, value in parse_selector(label).items())


def _host(url: str) -> str:
    return url.partition("://")[2].partition("/")[0] if "://" in url else url.partition("/")[0]
