"""A limit on computations in a Java runtime, which nothing can stop: who asked is answered, and the thread is left.

PMML4S does not return from some text indexes (docs/other-formats.md). A thread that is left computes on, so after a few
of them the model refuses every request: the process would spend its processors on them.
"""

import threading
from collections.abc import Callable
from queue import Empty, SimpleQueue
from typing import Any, Final

from migrate.server.errors import HttpError

SECONDS: Final = 30.0
_MOST_LEFT: Final = 2

_Job = tuple[Callable[[], Any], "SimpleQueue[tuple[bool, Any]]"]


class TimeLimit:
    """Runs computations in threads of its own, which are used again; safe to ask from several threads."""

    def __init__(self, seconds: float = SECONDS) -> None:
        self._seconds = seconds
        self._idle: list[SimpleQueue[_Job]] = []
        self._lock = threading.Lock()
        self._left = 0

    def run(self, compute: Callable[[], Any], progress: Callable[[], int] = lambda: 0) -> Any:
        """The result of a computation, or what it raised.

        Args:
            compute: The computation.
            progress: How far it is; the limit is for a computation, or the part of one, without any.

        Raises:
            HttpError: 503, when it does not end in time, or too many have not ended.
        """
        if self._left >= _MOST_LEFT:
            raise HttpError(503, "The model has computations that do not end", "it needs another engine, or a restart")
        with self._lock:
            worker = self._idle.pop() if self._idle else None
        if worker is None:
            worker = SimpleQueue()
            threading.Thread(target=self._work, args=(worker,), daemon=True).start()
        answer: SimpleQueue[tuple[bool, Any]] = SimpleQueue()
        worker.put((compute, answer))
        worked, value = self._wait(answer, progress)
        if not worked:
            raise value
        return value

    def _wait(self, answer: "SimpleQueue[tuple[bool, Any]]", progress: Callable[[], int]) -> tuple[bool, Any]:
        before = progress()
        while True:
            try:
                return answer.get(timeout=self._seconds)
            except Empty as error:
                if progress() == before:
                    with self._lock:
                        self._left += 1
                    text = f"a row took more than {self._seconds:g} seconds"
                    raise HttpError(503, "The computation does not end", text) from error
                before = progress()

    def _work(self, jobs: "SimpleQueue[_Job]") -> None:
        while True:
            compute, answer = jobs.get()
            try:
                result = (True, compute())
            except Exception as error:  # noqa: BLE001 - raised where it was asked
                result = (False, error)
            with self._lock:
                self._idle.append(jobs)
            answer.put(result)
