"""Waiting for apps: many threads wait, one listing a poll serves them all."""

import threading
import time
from collections.abc import Callable, Collection

from migrate.apps.app import ENDED, GONE, RESTING, SERVING, to_app
from migrate.apps.failures import ended, late
from migrate.core.errors import ConfigurationError, Interrupted, RemoteError
from migrate.core.text import type_again
from migrate.core.values import App
from migrate.machine import patience
from migrate.machine.patience import STOP_LOOK, Patience, poll_seconds, wait_until
from migrate.ovhcloud import apps
from migrate.ovhcloud.session import Cloud


class Watcher:
    """Follows apps of one project; the threads that wait share each listing."""

    def __init__(self, cloud: Cloud, *, interval: float | None = None) -> None:
        self._cloud = cloud
        self._interval = poll_seconds() if interval is None else interval
        self._lock = threading.Lock()
        self._apps: dict[str, apps.App] = {}
        self._read_at = float("-inf")

    def wait_running(
        self,
        app_id: str,
        *,
        timeout: float,
        on_state: Callable[[str], None],
        stop: threading.Event,
        image: str | None = None,
        told: str = "",
    ) -> App:
        """Wait until the app serves.

        Args:
            app_id: The app.
            timeout: Seconds.
            on_state: Takes each state as it is seen.
            stop: Set to end early.
            image: Where given, the app must have this image's reference.
            told: The state of an app that was made just now, as the answer said: it is not asked for at once again.

        Raises:
            NeedsYouError: See ``failures.ended``: the platform's reason and the last log lines.
            RemoteError: ``app-error`` (the platform's side), ``app-timeout``, ``app-gone``.
            Interrupted: ``stop`` was set.
        """

        def pause(seconds: float) -> None:
            if stop.wait(seconds):
                raise Interrupted

        def serves(app: apps.App) -> bool:
            return app.state in SERVING and image in {None, app.spec.image}

        waiting = Patience(seconds=timeout, first=self._interval, longest=self._interval)
        app = self._follow(app_id, lambda app: serves(app) or app.state in ENDED, waiting, pause, on_state, told)
        if serves(app):
            return to_app(app)
        if app.state in ENDED:
            raise ended(self._cloud, app)
        raise late(self._cloud, app, timeout)

    def wait_resting(self, app_id: str) -> None:
        """Wait until an app that was told to stop has done so.

        Raises:
            RemoteError: ``app-timeout``, ``app-gone``.
            Interrupted: The session was asked to stop.
        """
        pause = self._cloud.session.pause
        app = self._follow(app_id, lambda app: app.state in RESTING | GONE, patience.APP_STOP, pause, lambda _: None)
        if app.state in GONE:
            raise _gone(app_id)
        if app.state not in RESTING:
            raise RemoteError(
                f"The app {app_id} was told to stop and is {app.state} after {patience.APP_STOP.seconds:.0f} s.",
                code="app-timeout",
                next_step=type_again(),
            )

    def labelled(self, label: str, values: Collection[str], *, since: float) -> tuple[apps.App, ...]:
        """The apps that carry a label and are not being deleted, oldest first.

        Args:
            label: Its name.
            values: Its values, of which it has one.
            since: A moment of ``time.monotonic()``: a listing that began then or later is good enough, whoever asked
                for it.
        """
        with self._lock:
            self._list(since)
            found = [app for app in self._apps.values() if (app.spec.labels or {}).get(label) in values]
        return tuple(sorted((app for app in found if app.state not in GONE), key=lambda app: (app.created_at, app.id)))

    def state(self, app_id: str) -> str:
        """The state of an app now.

        Raises:
            RemoteError: ``app-gone``.
        """
        return self._look(app_id, time.monotonic()).state

    def _follow(
        self,
        app_id: str,
        enough: Callable[[apps.App], bool],
        how_long: Patience,
        pause: Callable[[float], None],
        on_state: Callable[[str], None],
        told: str = "",
    ) -> apps.App:
        """The app as it was seen last, by listings that all who wait share.

        Each looks at its own pace, and besides whenever another has listed the apps, which costs nothing. Its own next
        listing comes half an interval after that one at the earliest.
        """
        begun = since = time.monotonic()  # what was true before this call says nothing about a new image
        due = begun + self._interval
        seen = told

        def look() -> apps.App:
            nonlocal seen
            app = self._look(app_id, since)
            if app.state != seen:
                seen = app.state
                on_state(seen)
            return app

        def sleep(seconds: float) -> None:
            nonlocal since, due
            known, end = max(begun, self._read_at), min(due, time.monotonic() + seconds)
            while self._read_at <= known and (left := end - time.monotonic()) > 0:
                pause(min(left, STOP_LOOK))
            if self._read_at > known:
                since = known
                # A listing that is newer than half an interval would not be made anew, and has just been looked at.
                due = max(due, self._read_at + self._interval / 2 + STOP_LOOK)
            else:
                now = time.monotonic()
                since, due = now - self._interval / 2, now + self._interval

        if told:
            on_state(told)
            sleep(min(self._interval, how_long.seconds))
        return wait_until(look, enough, how_long, pause=sleep)

    def _list(self, since: float) -> None:
        """Lists the apps unless somebody has, at ``since`` or later; under the lock."""
        if self._read_at < since:
            begun = time.monotonic()
            self._apps = {app.id: app for app in apps.apps(self._cloud)}
            self._read_at = begun

    def _look(self, app_id: str, since: float) -> apps.App:
        """The app as a listing not older than ``since`` has it; one that the listing lacks is asked for by its id."""
        with self._lock:
            self._list(since)
            found = self._apps.get(app_id)
        if found is not None:
            return found
        try:
            return apps.app(self._cloud, app_id)
        except ConfigurationError as error:
            if error.code != "not-found":
                raise
            raise _gone(app_id, error.query_id) from error


def _gone(app_id: str, query_id: str | None = None) -> RemoteError:
    return RemoteError(
        f"The app {app_id} is gone: somebody deleted it.",
        code="app-gone",
        next_step=type_again(note="it makes another"),
        query_id=query_id,
    )
