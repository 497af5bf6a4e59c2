"""How long a step still takes, from the bytes that it has moved so far."""

from collections import deque
from typing import Final

from migrate.console.words import duration

_WINDOW: Final = 30.0  # seconds that the pace is measured over: a network is not what it was a minute ago
_FIRST: Final = 3.0  # before them nothing is said: the first bytes are no pace
_APART: Final = 0.5


class Pace:
    """The pace of one step of one model.

    What an earlier run left is there at once, so only what comes after the first word of progress counts.
    """

    def __init__(self) -> None:
        self._seen: deque[tuple[float, int]] = deque()

    def left(self, done: int, total: int | None, now: float) -> str:
        """The time that is left, as ``3 min 05 s left``; empty where nothing tells it yet.

        Args:
            done: Bytes moved; where some are thrown away the pace begins anew.
            total: Bytes in all, where that is known.
            now: Seconds of a clock that only goes on.
        """
        seen = self._seen
        if seen and done < seen[-1][1]:
            seen.clear()
        if not seen or now - seen[-1][0] >= _APART:
            seen.append((now, done))
        while len(seen) > 1 and now - seen[1][0] >= _WINDOW:
            seen.popleft()
        began, first = seen[0]
        if total is None or done >= total or now - began < _FIRST or done <= first:
            return ""
        return f"{duration((total - done) * (now - began) / (done - first))} left"
