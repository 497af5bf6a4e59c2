"""Counts and times: the usual Prometheus metrics, and the two that the old runtime had under their old names.

A request only adds to plain numbers; the metric families are made when somebody reads them.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import deque
from itertools import repeat
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterator

CONTENT_TYPE: Final = b"text/plain; version=0.0.4; charset=utf-8"
_SECONDS: Final = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
_ROWS: Final = (1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0, 128.0, 256.0, 512.0, 1024.0)
_QUANTILES: Final = (0.5, 0.9, 0.99)
_WINDOW: Final = 1024
_OLD_METHODS: Final = {"eval": "evaluate", "describe": "describe"}


class Histogram:
    """Counts of values by bucket, and their sum."""

    __slots__ = ("bounds", "counts", "total")

    def __init__(self, bounds: tuple[float, ...]) -> None:
        self.bounds = bounds
        self.counts = [0] * (len(bounds) + 1)
        self.total = 0.0

    def add(self, value: float, times: int = 1) -> None:
        """Count a value, which came so many times."""
        self.counts[bisect_left(self.bounds, value)] += times
        self.total += value * times

    def buckets(self) -> list[tuple[str, float]]:
        """Cumulative counts, as Prometheus has them."""
        found: list[tuple[str, float]] = []
        running = 0
        for bound, count in zip((*map(str, self.bounds), "+Inf"), self.counts, strict=True):
            running += count
            found.append((bound, running))
        return found


class Metrics:
    """Everything that is counted in this process.

    Attributes:
        in_flight: Requests that compute or wait to.
        evaluated: Rows that models computed.
        upload_bytes: What the bodies hold that came in pieces and are not answered yet.
        load_seconds: Time to load each model and prove it right, the last time.
        unloaded: How often a model was unloaded.
        loaded_again: How often one was loaded again because it was called.
        requests: Durations in seconds, by model, route and status.
        rows: Rows of a call, by model.
    """

    def __init__(self) -> None:
        self.in_flight = 0
        self.evaluated = 0
        self.upload_bytes = 0
        self.load_seconds: dict[str, float] = {}
        self.unloaded = 0
        self.loaded_again = 0
        self.requests: dict[tuple[str, str, int], Histogram] = {}
        self.rows: dict[str, Histogram] = {}
        self._latencies: dict[tuple[str, int], tuple[deque[float], Histogram]] = {}

    def count(self, model: str, route: str, status: int, seconds: float, rows: int, times: int = 1) -> None:
        """Count an answered request, or so many that one run of the model answered; ``rows`` are that run's."""
        key = (model, route, status)
        histogram = self.requests.get(key)
        if histogram is None:
            histogram = self.requests[key] = Histogram(_SECONDS)
        histogram.add(seconds, times)
        if rows:
            self.evaluated += rows
            sizes = self.rows.get(model)
            if sizes is None:
                sizes = self.rows[model] = Histogram(_ROWS)
            sizes.add(rows)
        if route in _OLD_METHODS:
            old = self._latencies.get((route, status))
            if old is None:
                old = self._latencies[route, status] = (deque(maxlen=_WINDOW), Histogram(()))
            old[0].extend(repeat(seconds, times))
            old[1].add(seconds * 1000, times)

    def old_lines(self) -> Iterator[str]:
        """The old runtime's own metrics, as text."""
        yield "# HELP evaluator_evaluation_count Number of evaluations, batches counted by their rows.\n"
        yield "# TYPE evaluator_evaluation_count counter\n"
        yield f"evaluator_evaluation_count {float(self.evaluated)}\n"
        name = "evaluator_api_request_latency_ms"
        yield f"# HELP {name} Latency of requests in milliseconds.\n# TYPE {name} summary\n"
        for (route, status), (recent, totals) in list(self._latencies.items()):
            labels = f'class="EvaluationResource",method="{_OLD_METHODS[route]}",status="{status}"'
            ordered = sorted(recent)
            for quantile in _QUANTILES:
                value = ordered[min(len(ordered) - 1, int(quantile * len(ordered)))] * 1000
                yield f'{name}{{{labels},quantile="{quantile}"}} {value}\n'
            yield f"{name}_count{{{labels}}} {float(sum(totals.counts))}\n"
            yield f"{name}_sum{{{labels}}} {totals.total}\n"
