"""Runs the images of apps, and keeps their URLs.

One thread an app: it pulls, starts, asks the probe, and ends the app when it is told to. Nothing here holds a lock
while it calls the gate or what runs the images.
"""

import contextlib
import http.client
import threading
import time
from collections.abc import Sequence
from typing import Final

from migrate.sandbox.base.seam import Gate, Launch, LogEntry, RunnerState
from migrate.sandbox.running.app_proxy import Proxies
from migrate.sandbox.running.backend import Backend, Instance, LaunchError
from migrate.sandbox.running.probing import Probing

START_DEADLINE: Final = 600.0  # seconds; progressDeadlineSeconds of a deployment strategy
STOP_GRACE: Final = 10  # seconds between SIGTERM and SIGKILL
_WATCH_PERIOD: Final = 0.5  # seconds between looks at an app


class Runner:
    """Pulls and runs the images of apps, and answers at their URLs (see :class:`migrate.sandbox.base.seam.AppRunner`).

    Args:
        backend: What runs them.
        gate: What the proxies ask.
        start_deadline: Seconds after which an app that has not become ready has failed.
    """

    def __init__(self, backend: Backend, gate: Gate, *, start_deadline: float = START_DEADLINE) -> None:
        self._backend = backend
        self._start_deadline = start_deadline
        self._apps: dict[str, _App] = {}
        self._lock = threading.Lock()
        self._ending: dict[str, threading.Thread] = {}
        self._proxies = Proxies(gate, self)

    def open(self, app_id: str) -> str:
        """Start answering at the app's own loopback port and return its URL."""
        with self._lock:
            self._apps[app_id] = _App(app_id, self._backend, self._start_deadline)
        return self._proxies.open(app_id)

    def start(self, launch: Launch) -> None:
        """Pull and run in the background; a running container of the app is replaced."""
        self._apps[launch.app_id].start(launch)

    def state(self, app_id: str) -> RunnerState:
        """The present state, without waiting for anything; an app never started is stopped."""
        app = self._apps.get(app_id)
        return app.state if app else RunnerState(phase="stopped")

    def connection(self, app_id: str, timeout: float) -> http.client.HTTPConnection | None:
        """A connection to the app, or None while its probe has not passed."""
        app = self._apps.get(app_id)
        return app.connection(timeout) if app and app.state.phase == "ready" else None

    def stop(self, app_id: str) -> None:
        """End the container in the background and keep the URL."""
        app = self._apps.get(app_id)
        if app:
            app.end()

    def delete(self, app_id: str) -> None:
        """End and remove the container in the background, close the port."""
        with self._lock:
            app = self._apps.pop(app_id, None)
        self._proxies.shut(app_id)
        if app:
            self._ending = {name: thread for name, thread in self._ending.items() if thread.is_alive()}
            self._ending[app_id] = app.discard()

    def deleted(self, app_id: str) -> bool:
        """Whether nothing of a deleted app is left."""
        ending = self._ending.get(app_id)
        return app_id not in self._apps and (ending is None or not ending.is_alive())

    def logs(self, app_id: str) -> Sequence[LogEntry]:
        """All lines so far of the app's present or last container, oldest first."""
        app = self._apps.get(app_id)
        return app.logs() if app else ()

    def close(self) -> None:
        """Delete everything this runner started, and wait until it is done."""
        for app_id in list(self._apps):
            self.delete(app_id)
        for thread in self._ending.values():
            thread.join()
        self._proxies.close()
        self._backend.close()


class _App:
    """One app: its present thread, instance and state."""

    def __init__(self, app_id: str, backend: Backend, start_deadline: float) -> None:
        self.state = RunnerState(phase="stopped")
        self._app_id = app_id
        self._backend = backend
        self._start_deadline = start_deadline
        self._instance: Instance | None = None
        self._port: int | None = None  # where it serves, as long as it does
        self._images: set[str] = set()
        self._ended = threading.Event()
        self._thread: threading.Thread | None = None
        self._lock = threading.Lock()

    def connection(self, timeout: float) -> http.client.HTTPConnection | None:
        """A connection to where it serves."""
        instance, port = self._instance, self._port
        return instance.connection(port, timeout) if instance is not None and port is not None else None

    def start(self, launch: Launch) -> None:
        """Begin anew with this launch, after what ran before has ended."""
        with self._lock:
            before = self._end()
            self._ended = threading.Event()
            self.state = RunnerState(phase="pulling")
            self._thread = threading.Thread(target=self._run, args=(launch, self._ended, before), daemon=True)
            self._thread.start()

    def end(self) -> None:
        """Tell the thread to end the container."""
        with self._lock:
            self._end()

    def discard(self) -> threading.Thread:
        """End and remove the container; the thread that does it."""
        with self._lock:
            before = self._end()
            thread = threading.Thread(target=self._discard, args=(before,), daemon=True)
            thread.start()
            return thread

    def logs(self) -> Sequence[LogEntry]:
        """The lines of the present or last instance."""
        instance = self._instance
        if instance is not None:
            with contextlib.suppress(LaunchError):
                return instance.logs()
        return ()

    def _end(self) -> threading.Thread | None:
        self._ended.set()
        self._port = None
        return self._thread

    def _discard(self, before: threading.Thread | None) -> None:
        if self._instance is not None:  # at once, without the grace of a stop
            self._instance.remove()
        if before is not None:
            before.join()
        if self._instance is not None:
            self._instance.remove()
        for image in self._images:
            self._backend.forget(image, self._app_id)

    def _run(self, launch: Launch, ended: threading.Event, before: threading.Thread | None) -> None:
        if before is not None:
            before.join()
        try:
            if self._instance is not None:
                self._instance.remove()
                self._instance = None
            final = self._live(launch, ended)
        except LaunchError as error:
            final = RunnerState(phase="failed", info=str(error))
        except BaseException:
            self.state = RunnerState(phase="failed", info="The sandbox failed; see its log")
            raise
        with self._lock:
            if self._ended is ended:
                self._port = None
                self.state = RunnerState(phase="stopped") if ended.is_set() else final

    def _live(self, launch: Launch, ended: threading.Event) -> RunnerState:
        """The life of one instance, from the pull to its end; the state that it ends in."""
        with self._backend.pulled(launch) as image:
            self._images.add(image)
            if ended.is_set():
                return RunnerState(phase="stopped")
            self._instance = instance = self._backend.run(launch, image)
        self._become(ended, RunnerState(phase="starting"))
        probing = Probing(launch.probe)
        deadline = time.monotonic() + self._start_deadline
        pause = 0.05
        while not ended.wait(pause):
            if not instance.running():
                return instance.ending(launch)
            ready = probing.ask(instance.connection)
            self._port = launch.port
            self._become(ended, RunnerState(phase="ready" if ready else "starting"))
            if ready:
                deadline = time.monotonic() + self._start_deadline
            elif time.monotonic() > deadline:
                instance.stop(STOP_GRACE)
                return RunnerState(phase="failed", info=probing.complaint())
            pause = min(_WATCH_PERIOD, probing.pause())
        instance.stop(STOP_GRACE)
        return RunnerState(phase="stopped")

    def _become(self, ended: threading.Event, state: RunnerState) -> None:
        with self._lock:
            if not ended.is_set():
                self.state = state
