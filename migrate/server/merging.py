"""Whether one run for several requests pays for a model, and gives the very numbers that one run each gives.

The migration has proven from the graph that rows do not touch each other (``rows_apart``). What is left to see is the
engine: its kernels may add up in another order for a larger batch. So recorded requests are laid on each other in
every number that can occur; one bit of difference, or no gain of time, and requests stay alone.
"""

import logging
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from itertools import cycle, islice
from math import inf
from time import perf_counter
from typing import Any, Final

import msgspec

from migrate.server.errors import HttpError
from migrate.server.logs import log
from migrate.server.served import Served
from migrate.server.tensors import Array

MOST: Final = 32  # requests in one run
_SLOW_SECONDS: Final = 0.0002  # so many of these one after the other would keep health checks waiting
_GAIN: Final = 2.0
_TRIES: Final = 5


def decide(served: Served, requests: Sequence[dict[str, Any]]) -> None:
    """Let a model's requests be merged if that is known to change nothing but the time."""
    if not served.stacks:
        return
    try:
        reason = _refusal(served, [msgspec.json.encode(request) for request in requests])
    except HttpError as error:
        reason = error.message
    served.merges = reason is None
    log(logging.INFO, "waiting requests are merged", model=served.model.id, merged=served.merges, reason=reason or "")


def _refusal(served: Served, bodies: Sequence[bytes]) -> str | None:
    rows, alone = [], []
    each = inf
    for body in bodies:
        row, answer = served.row(body), served.quick_answer(body)
        if row is not None and answer is not None:
            rows.append(row)
            alone.append(answer[0])
            each = min(each, _seconds(partial(served.quick_answer, body)))
    if not rows:
        return "no request of one row was recorded"
    if each > _SLOW_SECONDS:
        return "the model is not quick enough"
    most = list(islice(cycle(rows), MOST))
    if _seconds(partial(served.merged_answers, most)) > each * MOST / _GAIN:
        return "one run for many takes as long as one each"
    runs = [served.merged_outputs([row]) for row in most]
    for size in range(2, MOST + 1):
        same = served.merged_answers(most[:size]) == list(islice(cycle(alone), size))
        if not same or not _same_rows(served.merged_outputs(most[:size]), runs[:size]):
            return f"{size} requests in one run have other answers than alone"
    return None


def _same_rows(outputs: Mapping[str, Array] | None, alone: Sequence[Mapping[str, Array] | None]) -> bool:
    """Whether each row has every bit that it has alone, also where an answer does not show it."""
    if outputs is None or None in alone:
        return False
    return all(
        one[name].tolist() == data[place : place + 1].tolist()
        if data.dtype.kind == "O"
        else one[name].tobytes() == data[place : place + 1].tobytes()
        for name, data in outputs.items()
        for place, one in enumerate(alone)
        if one is not None
    )


def _seconds(call: Callable[[], object]) -> float:
    """What a call takes: the shortest of some, for others may use the CPU too."""
    shortest = inf
    for _ in range(_TRIES):
        start = perf_counter()
        call()
        shortest = min(shortest, perf_counter() - start)
    return shortest
