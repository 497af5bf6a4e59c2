"""The slots of ``--jobs``: how many models are worked on at a time, and who is next when one becomes free."""

import heapq
import itertools
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from enum import IntEnum
from typing import Final

WAITING_MOST: Final = 256
"""Models that may wait for something outside at a time, each in a thread that sleeps; the rest of more apps start in
waves. It is more than the CPUs that the quota of a project lets them have (decisions: Slots)."""


class Rank(IntEnum):
    """Who goes first: the models that are furthest along, so that an app is proven soon after its bill begins."""

    GOES_ON = 0
    MOVES = 1
    PREPARES = 2


class Slots:
    """A number of slots, taken by the work on a model; one that waits for something outside gives its slot up."""

    def __init__(self, number: int) -> None:
        self._free = number
        self._changed = threading.Condition()
        self._queue: list[tuple[Rank, int]] = []
        self._numbers = itertools.count()

    @contextmanager
    def taken(self, rank: Rank) -> Iterator[None]:
        """Waits for a slot, and holds it inside."""
        self._take(rank)
        try:
            yield
        finally:
            self._give()

    @contextmanager
    def given_up(self) -> Iterator[None]:
        """Lends the slot of whoever calls to another model inside; afterwards one is waited for."""
        self._give()
        try:
            yield
        finally:
            self._take(Rank.GOES_ON)

    def _take(self, rank: Rank) -> None:
        with self._changed:
            ticket = rank, next(self._numbers)
            heapq.heappush(self._queue, ticket)
            self._changed.wait_for(lambda: self._free > 0 and self._queue[0] == ticket)
            heapq.heappop(self._queue)
            self._free -= 1
            self._changed.notify_all()  # another slot may be free for the next in the queue

    def _give(self) -> None:
        with self._changed:
            self._free += 1
            self._changed.notify_all()
