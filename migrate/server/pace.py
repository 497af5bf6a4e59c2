"""Whether a model is quick enough to be run where requests are read.

Handing a quick model's call to a thread costs more than the call; but a slow call on the event loop keeps health
checks waiting. So a model begins in threads and earns its place by a row of quick calls, and loses it by one slow one.
"""

from typing import Final

_QUICK_SECONDS: Final = 0.001
_SLOW_SECONDS: Final = 0.005
_FIRST_ROW: Final = 20
_LONGEST_ROW: Final = 20_000


class Pace:
    """The recent calls of one model; safe to be told of calls from several threads, where a lost count is harmless."""

    __slots__ = ("_needed", "_row", "quick")

    def __init__(self) -> None:
        self.quick = False
        self._row = 0
        self._needed = _FIRST_ROW

    def watch(self, seconds: float) -> None:
        """A call took so many seconds where requests are read; after a long one, threads must show that it was none."""
        if seconds > _SLOW_SECONDS:
            self.quick = False
            self._row = 0

    def tell(self, seconds: float) -> None:
        """A call took so many seconds of CPU; each slow one makes the next row longer."""
        if seconds < _QUICK_SECONDS:
            if not self.quick:
                self._row += 1
                self.quick = self._row >= self._needed
            return
        self._row = 0
        if seconds > _SLOW_SECONDS:
            self.quick = False
            self._needed = min(self._needed * 2, _LONGEST_ROW)
