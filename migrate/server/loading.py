"""Loading the models: one that fails, or does not end, keeps none of the others from being served."""

import asyncio
import logging
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from functools import partial
from time import perf_counter
from typing import Final

from migrate.server.engines import loads_alone
from migrate.server.limits import Settings
from migrate.server.logs import LOGGER, log
from migrate.server.model import Model
from migrate.server.model_engine import ContradictionError
from migrate.server.rows import Row, endless, watched
from migrate.server.served import Served
from migrate.server.status import Status
from migrate.server.threads import yield_to_others

_NEXT_SECONDS: Final = 10.0  # after which the next model is loaded beside one that is not done


class Loading:
    """Loads models side by side, each in a thread of its own."""

    def __init__(
        self,
        models: Sequence[Model],
        load: Callable[[Model], Served],
        done: Callable[[Served], None],
        *,
        status: Status,
        settings: Settings,
        places: int = 1,
    ) -> None:
        """Prepare to.

        Args:
            models: All that are to be served.
            load: Loads one and proves it right, in a thread; whatever it raises is told of that model.
            done: Told of each that is loaded, on the event loop.
            status: Where it is told which are being loaded, and which are not served.
            settings: How long the others wait for one, and how long a row may take.
            places: How many are loaded at a time, where their engines allow that.
        """
        self._models = models
        self._load = load
        self._done = done
        self._status = status
        self._settings = settings
        self._places = places
        self._patience = min(_NEXT_SECONDS, settings.load_seconds)
        self._tasks: dict[asyncio.Task[None], float] = {}
        self._alone = False

    async def run(self) -> None:
        """Return when each model is served, has failed, or has had its time while another is served already.

        Those that have had their time go on, and are served when they are done.
        """
        self._status.waiting = [model.id for model in self._models]
        for model in self._models:
            await self._place(alone=loads_alone(model))
            task = asyncio.create_task(self._one(model))
            self._tasks[task] = perf_counter()
            task.add_done_callback(self._tasks.pop)
        while late := list(self._tasks):
            # By the tasks: one that was made just now is not among those that are being loaded yet.
            left = [since + self._settings.load_seconds - perf_counter() for since in self._tasks.values()]
            if self._status.served and not any(seconds > 0 for seconds in left):
                log(logging.WARNING, "not waited for any longer", models=list(self._status.loading))
                return
            patience = max((seconds for seconds in left if seconds > 0), default=None)
            await asyncio.wait(late, timeout=patience, return_when=asyncio.FIRST_COMPLETED)

    async def _place(self, *, alone: bool) -> None:
        """Wait until one more may be loaded; one that takes long gives its place up to the next."""
        while True:
            now = perf_counter()
            left = {task: since + self._patience - now for task, since in self._tasks.items() if not task.done()}
            young = {task: seconds for task, seconds in left.items() if seconds > 0}
            if not young or not (alone or self._alone or len(young) >= self._places):
                self._alone = alone
                return
            await asyncio.wait(young, timeout=min(young.values()), return_when=asyncio.FIRST_COMPLETED)

    async def _one(self, model: Model) -> None:
        self._status.waiting.remove(model.id)
        self._status.loading[model.id] = perf_counter()
        try:
            self._done(await in_thread(model, self._load, self._settings.row_seconds))
        except Exception as error:  # noqa: BLE001 - a bug while loading is that model's, and told
            reason = reason_of(model, error)
            self._status.unserved[model.id] = reason
            log(logging.ERROR, "model is not served", model=model.id, reason=reason)
        finally:
            del self._status.loading[model.id]


async def in_thread(model: Model, load: Callable[[Model], Served], row_seconds: float) -> Served:
    """Load a model in a thread that the process does not wait for when it ends.

    Raises:
        ContradictionError: A row of its warm-up takes longer than ``row_seconds``.
        Exception: What ``load`` raises.
    """
    row, found = Row(), Future[Served]()
    work = partial(watched, row, partial(load, model))
    threading.Thread(target=_into, args=(found, work), name=f"load {model.id}", daemon=True).start()
    future = asyncio.wrap_future(found)
    while not (await asyncio.wait({future}, timeout=max(0.1, row.left(row_seconds))))[0]:
        if row.left(row_seconds) <= 0:
            raise ContradictionError(endless(row_seconds))
    return future.result()


def reason_of(model: Model, error: Exception) -> str:
    """Why a model could not be loaded, for callers; a bug is logged whole."""
    if isinstance(error, ContradictionError):
        return str(error)
    LOGGER.error("loading failed", exc_info=error, extra={"fields": {"model": model.id}})
    return f"it could not be loaded: {type(error).__name__}: {error}"


def _into(found: "Future[Served]", work: Callable[[], Served]) -> None:
    yield_to_others()
    try:
        result = work()
    except BaseException as error:  # noqa: BLE001 - it is raised where it is waited for
        found.set_exception(error)
    else:
        found.set_result(result)
