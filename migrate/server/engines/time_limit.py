"""A limit on computations in a Java runtime, which nothing can stop: who asked is answered, and the thread is left.

PMML4S does not return from some text indexes (docs/other-formats.md). A thread that is left computes on, so while two
of them do, the model refuses every request: the process would spend its processors on them.
"""

import threading
from collections.abc import Callable
from queue import Empty, SimpleQueue
from typing import Final

from msgspec import Struct

from migrate.server.errors import HttpError

SECONDS: Final = 30.0
_MOST_LEFT: Final = 2


class _Job(Struct, eq=False):
    """A computation in steps, and what came of it."""

    step: Callable[[], object]
    count: int
    answer: "SimpleQueue[Exception | None]"
    done: int = 0
    is_left: bool = False


class TimeLimit:
    """Runs computations in threads of its own, which are used again; safe to ask from several threads."""

    def __init__(self, seconds: float = SECONDS) -> None:
        self._seconds = seconds
        self._idle: list[SimpleQueue[_Job]] = []
        self._lock = threading.Lock()
        self._left = 0

    def run(self, step: Callable[[], object], count: int = 1) -> None:
        """Do a step so many times, each within the limit; what it raises is raised here.

        Raises:
            HttpError: 503, when a step does not end in time, or when others have not.
        """
        with self._lock:
            if self._left >= _MOST_LEFT:
                text = "it needs another engine, or a restart"
                raise HttpError(503, "The model has computations that do not end", text)
            worker = self._idle.pop() if self._idle else None
        if worker is None:
            worker = SimpleQueue()
            threading.Thread(target=self._work, args=(worker,), daemon=True).start()
        job = _Job(step, count, SimpleQueue())
        worker.put(job)
        error = self._wait(job)
        if error is not None:
            raise error

    def _wait(self, job: _Job) -> Exception | None:
        while True:
            before = job.done
            try:
                return job.answer.get(timeout=self._seconds)
            except Empty:
                with self._lock:
                    if not job.answer.empty() or job.done > before:
                        continue
                    job.is_left = True
                    self._left += 1
                text = f"a row took more than {self._seconds:g} seconds"
                raise HttpError(503, "The computation does not end", text) from None

    def _work(self, jobs: "SimpleQueue[_Job]") -> None:
        while True:
            job = jobs.get()
            error: Exception | None = None
            try:
                while job.done < job.count and not job.is_left:
                    job.step()
                    job.done += 1
            except Exception as raised:  # noqa: BLE001 - raised where it was asked
                error = raised
            with self._lock:
                job.answer.put(error)
                self._left -= job.is_left
                self._idle.append(jobs)
