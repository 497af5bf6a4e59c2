"""Rows that never end: engines in a Java machine cannot be interrupted, so their callers are given up and told.

Such an engine says when it begins with each row. Whoever waits for it looks at that: a batch may take as long as it
needs, one row may not. The thread of a row that was given up goes on until the row ends, if it does; others take its
place meanwhile.
"""

import asyncio
import logging
import threading
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from time import monotonic
from typing import Final, TypeVar

from migrate.server.errors import HttpError
from migrate.server.logs import log
from migrate.server.threads import yield_to_others

T = TypeVar("T")

_MOST_ENDLESS: Final = 2  # rows of one model that were given up and go on; each takes a CPU
_LOOK_SECONDS: Final = 0.01  # the shortest time between two looks at a row
_thread: Final = threading.local()


class Row:
    """The row that a thread is at.

    Attributes:
        since: When it began, in seconds of ``monotonic``; None between rows.
    """

    def __init__(self) -> None:
        self.since: float | None = None

    def left(self, limit: float) -> float:
        """Seconds until it has taken ``limit``; not more than those for a row that begins now."""
        since = self.since
        return limit if since is None else since + limit - monotonic()


def row_begins() -> None:
    """Told by an engine, in the thread that computes."""
    row: Row | None = getattr(_thread, "row", None)
    if row is not None:
        row.since = monotonic()


def rows_end() -> None:
    """Told by an engine that has computed its last row, or failed."""
    row: Row | None = getattr(_thread, "row", None)
    if row is not None:
        row.since = None


def watched(row: Row, work: Callable[[], T]) -> T:
    """Do work in this thread, whose engine tells of its rows in ``row``."""
    _thread.row = row
    try:
        return work()
    finally:
        del _thread.row


def endless(limit: float) -> str:
    """What is said of a row that was given up."""
    return f"the engine did not end one row within {limit:g} seconds"


class RowThreads:
    """Threads for engines that compute row by row, as many at once as there are CPUs, and those that were given up.

    Attributes:
        given_up: Rows that go on although nobody waits for them, by model.
    """

    def __init__(self, count: int, limit: float) -> None:
        self._free = asyncio.Semaphore(count)
        self._limit = limit
        self._idle: list[ThreadPoolExecutor] = []
        self.given_up: Counter[str] = Counter()

    def refusal(self, model: str) -> str:
        """Why a model is not asked for now; empty when it is."""
        if self.given_up[model] < _MOST_ENDLESS:
            return ""
        return f"{self.given_up[model]} of its rows do not end"

    def check(self, model: str) -> None:
        """Let requests of a model pass.

        Raises:
            HttpError: 503 while too many of its rows do not end.
        """
        if why := self.refusal(model):
            raise HttpError(503, f"The model {model} is not served now: {why}", headers={"Retry-After": "10"})

    async def run(self, model: str, work: Callable[[], T]) -> T:
        """Do work in a thread.

        Raises:
            HttpError: 500 when a row takes longer than the limit, 503 while too many rows of the model do not end.
        """
        async with self._free:
            self.check(model)
            thread = self._idle.pop() if self._idle else ThreadPoolExecutor(1, "row", yield_to_others)
            row = Row()
            future = asyncio.get_running_loop().run_in_executor(thread, watched, row, work)
            try:
                while not (await asyncio.wait({future}, timeout=max(_LOOK_SECONDS, row.left(self._limit))))[0]:
                    if row.left(self._limit) <= 0:
                        raise HttpError(500, "Internal error", endless(self._limit))
                return future.result()
            finally:
                if future.done():
                    self._idle.append(thread)
                else:
                    self._give_up(model, future, thread)

    def _give_up(self, model: str, future: "asyncio.Future[T]", thread: ThreadPoolExecutor) -> None:
        self.given_up[model] += 1
        log(logging.ERROR, "a row does not end", model=model, going_on=self.given_up[model])

        def ended(late: "asyncio.Future[T]") -> None:
            late.exception()  # nobody else asks for it
            self.given_up[model] -= 1
            self._idle.append(thread)
            log(logging.WARNING, "a row has ended late", model=model, going_on=self.given_up[model])

        future.add_done_callback(ended)
