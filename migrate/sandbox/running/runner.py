"""Runs the images of apps with the container engine, and keeps their URLs.

One thread an app: it pulls, starts, asks the probe, and ends the container when it is told to. Nothing here holds a
lock while it calls the gate or the engine.
"""

import contextlib
import http.client
import threading
import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Final

from docker.errors import DockerException, NotFound

from migrate.sandbox.base.seam import Gate, Launch, LogEntry, Probe, RunnerState
from migrate.sandbox.running.app_proxy import Proxies
from migrate.sandbox.running.containers import (
    LaunchError,
    connect,
    forget_image,
    labels,
    named,
    published,
    pull,
    remove,
    remove_containers,
    run,
)

if TYPE_CHECKING:
    import docker
    from docker.models.containers import Container

START_DEADLINE: Final = 600.0  # seconds; progressDeadlineSeconds of a deployment strategy
STOP_GRACE: Final = 10  # seconds between SIGTERM and SIGKILL
_EAGER_PERIOD: Final = 0.5  # seconds between probes before the first success (DEVIATIONS.md)
_WATCH_PERIOD: Final = 0.5  # seconds between looks at the container


class DockerRunner:
    """Pulls and runs the images of apps, and answers at their URLs (see :class:`migrate.sandbox.base.seam.AppRunner`).

    Containers that an earlier runner of the same folder left are removed first.

    Args:
        folder: Names the containers' label.
        gate: What the proxies ask.
        start_deadline: Seconds after which an app that has not become ready has failed.

    Raises:
        RuntimeError: No container engine answers; one sentence.
    """

    def __init__(self, folder: Path, gate: Gate, *, start_deadline: float = START_DEADLINE) -> None:
        self._folder = folder
        self._client = connect()
        self._start_deadline = start_deadline
        self._apps: dict[str, _App] = {}
        self._lock = threading.Lock()
        self._ending: dict[str, threading.Thread] = {}
        remove_containers(self._client, labels(folder))
        self._proxies = Proxies(gate, self)

    def open(self, app_id: str) -> str:
        """Start answering at the app's own loopback port and return its URL."""
        with self._lock:
            self._apps[app_id] = _App(self._client, labels(self._folder, app_id), self._start_deadline)
        return self._proxies.open(app_id)

    def start(self, launch: Launch) -> None:
        """Pull and run in the background; a running container of the app is replaced."""
        self._apps[launch.app_id].start(launch)

    def state(self, app_id: str) -> RunnerState:
        """The present state, without waiting for anything; an app never started is stopped."""
        app = self._apps.get(app_id)
        return app.state if app else RunnerState(phase="stopped")

    def upstream(self, app_id: str) -> int | None:
        """The loopback port of the app's container, or None while its probe has not passed."""
        app = self._apps.get(app_id)
        return app.port if app and app.state.phase == "ready" else None

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
        self._client.close()


class _App:
    """One app: its present thread, container and state."""

    def __init__(self, client: "docker.DockerClient", marks: dict[str, str], start_deadline: float) -> None:
        self.state = RunnerState(phase="stopped")
        self.port: int | None = None
        self._client = client
        self._marks = marks
        self._start_deadline = start_deadline
        self._container: Container | None = None
        self._images: set[str] = set()
        self._ended = threading.Event()
        self._thread: threading.Thread | None = None
        self._lock = threading.Lock()

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

    def logs(self) -> tuple[LogEntry, ...]:
        """The lines of the present or last container."""
        container = self._container
        if container is None:
            return ()
        with contextlib.suppress(DockerException):
            text = container.logs(timestamps=True).decode("utf-8", "replace")
            pairs = (line.partition(" ") for line in text.splitlines())
            return tuple(LogEntry(timestamp=stamp, content=content) for stamp, _, content in pairs)
        return ()

    def _end(self) -> threading.Thread | None:
        self._ended.set()
        self.port = None
        return self._thread

    def _discard(self, before: threading.Thread | None) -> None:
        if self._container is not None:  # at once, without the grace of a stop
            remove(self._container)
        if before is not None:
            before.join()
        if self._container is not None:
            remove(self._container)
        for image in self._images:
            forget_image(self._client, image)

    def _run(self, launch: Launch, ended: threading.Event, before: threading.Thread | None) -> None:
        if before is not None:
            before.join()
        try:
            if self._container is not None:
                remove(self._container)
                self._container = None
            final = self._live(launch, ended)
        except LaunchError as error:
            final = RunnerState(phase="failed", info=str(error))
        except NotFound:
            final = RunnerState(phase="failed", info="The container was removed by somebody else")
        except (DockerException, OSError) as error:
            final = RunnerState(phase="failed", info=f"The container engine failed: {error}")
        except BaseException:
            self.state = RunnerState(phase="failed", info="The sandbox failed; see its log")
            raise
        with self._lock:
            if self._ended is ended:
                self.port = None
                self.state = RunnerState(phase="stopped") if ended.is_set() else final

    def _live(self, launch: Launch, ended: threading.Event) -> RunnerState:
        """The life of one container, from the pull to its end; the state that it ends in."""
        known = named(self._client, launch.image)
        image_id = pull(self._client, launch.image, launch.registry_auths)
        try:
            if ended.is_set():
                return RunnerState(phase="stopped")
            self._container = container = run(self._client, launch, image_id, self._marks)
            self._images.add(image_id)
        finally:
            if not known:
                forget_image(self._client, launch.image)
        self._become(ended, RunnerState(phase="starting"))
        probing = _Probing(launch.probe)
        deadline = time.monotonic() + self._start_deadline
        pause = 0.05
        while not ended.wait(pause):
            container.reload()
            if container.status not in {"created", "running"}:
                return _crashed(container, launch)
            ready = probing.ask(published(container, launch.probe.port))
            self.port = published(container, launch.port)
            self._become(ended, RunnerState(phase="ready" if ready else "starting"))
            if ready:
                deadline = time.monotonic() + self._start_deadline
            elif time.monotonic() > deadline:
                container.stop(timeout=STOP_GRACE)
                return RunnerState(phase="failed", info=probing.complaint())
            pause = min(_WATCH_PERIOD, probing.pause())
        with contextlib.suppress(NotFound):
            container.stop(timeout=STOP_GRACE)
        return RunnerState(phase="stopped")

    def _become(self, ended: threading.Event, state: RunnerState) -> None:
        with self._lock:
            if not ended.is_set():
                self.state = state


class _Probing:
    """The readiness probe over time: asks when it is due, counts successes and failures in a row."""

    def __init__(self, probe: Probe) -> None:
        self._probe = probe
        self._due = time.monotonic() + probe.initial_delay
        self._successes = self._failures = 0
        self._ready = False
        self._last = "no answer"

    def ask(self, port: int | None) -> bool:
        """Whether the app is ready, having asked if it was time to."""
        if time.monotonic() < self._due:
            return self._ready
        good = port is not None and self._get(port)
        self._successes, self._failures = (self._successes + 1, 0) if good else (0, self._failures + 1)
        if self._successes >= self._probe.successes:
            self._ready = True
        elif self._failures >= self._probe.failures:
            self._ready = False
        period = self._probe.period if self._ready else min(_EAGER_PERIOD, self._probe.period)
        self._due = time.monotonic() + period
        return self._ready

    def pause(self) -> float:
        """Seconds until it is time to ask again."""
        return max(0.01, self._due - time.monotonic())

    def complaint(self) -> str:
        """Why the app never became ready."""
        return f"The probe GET :{self._probe.port}{self._probe.path} never passed: {self._last}"

    def _get(self, port: int) -> bool:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=self._probe.timeout)
        try:
            connection.request("GET", self._probe.path)
            status = connection.getresponse().status
        except (OSError, http.client.HTTPException) as error:
            self._last = str(error) or type(error).__name__
            return False
        else:
            self._last = f"status {status}"
            return status == 200
        finally:
            connection.close()


def _crashed(container: "Container", launch: Launch) -> RunnerState:
    state = container.attrs["State"]
    code = int(state["ExitCode"])
    if state.get("OOMKilled"):
        info = f"The container was killed: it used more than its {launch.memory_bytes >> 20} MiB of memory"
    else:
        lines = container.logs(tail=5).decode("utf-8", "replace").strip().splitlines()
        info = f"The container ended with exit code {code}" + (f": {lines[-1]}" if lines else "")
    return RunnerState(phase="failed", info=info, exit_code=code)
