"""The readiness probe of an app over time."""

import http.client
import time
from collections.abc import Callable
from typing import Final

from migrate.sandbox.base.seam import Probe

_EAGER_PERIOD: Final = 0.5  # seconds between probes before the first success (DEVIATIONS.md)

Connecting = Callable[[int, float], http.client.HTTPConnection | None]


class Probing:
    """Asks when it is due, and counts successes and failures in a row."""

    def __init__(self, probe: Probe) -> None:
        self._probe = probe
        self._due = time.monotonic() + probe.initial_delay
        self._successes = self._failures = 0
        self._ready = False
        self._last = "no answer"

    def ask(self, connection_to: Connecting) -> bool:
        """Whether the app is ready, having asked if it was time to; ``connection_to`` as an instance has it."""
        if time.monotonic() < self._due:
            return self._ready
        connection = connection_to(self._probe.port, self._probe.timeout)
        good = connection is not None and self._get(connection)
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

    def _get(self, connection: http.client.HTTPConnection) -> bool:
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
