"""One model being served: from the body of a request to the body of an answer."""

from collections.abc import Mapping
from dataclasses import dataclass
from time import perf_counter
from typing import Final

import msgspec

from migrate.server.engines import Engine
from migrate.server.errors import bad_request
from migrate.server.inputs import feeds_of
from migrate.server.model import Model
from migrate.server.negotiation import JSON_BODY, MediaType
from migrate.server.outputs import answer_of, raw_answer
from migrate.server.parsing.fast import FastDecoder
from migrate.server.parsing.json import parse_tensors
from migrate.server.tensors import Array, simplified


@dataclass(frozen=True, slots=True)
class Call:
    """What one request to ``/eval`` says; ``accept`` and ``step`` are the headers as sent, or None."""

    body: bytes
    content_type: MediaType = JSON_BODY
    accept: str | None = None
    step: str | None = None


@dataclass(frozen=True, slots=True)
class Answer:
    """The tensors of an answer, and how many rows the model computed for it."""

    tensors: Mapping[str, Array]
    batch: int


class Served:
    """A model with its engine."""

    def __init__(self, model: Model, engine: Engine, *, json_depth: int) -> None:
        self.model = model
        self.engine = engine
        self.describe: Final = msgspec.json.encode(model.describe())
        self._json_depth = json_depth
        self._fast = FastDecoder(model) if FastDecoder.applies(model) else None
        self.seconds_per_call = float("inf")

    def feeds(self, call: Call) -> Mapping[str, Array]:
        """The tensors that the model takes.

        Raises:
            migrate.server.errors.HttpError: 400, when the body does not hold them.
        """
        if self._fast is not None:
            feeds = self._fast.decode(call.body)
            if feeds is not None:
                return feeds
        return feeds_of(self.model, parse_tensors(call.body, depth_limit=self._json_depth))

    def evaluate(self, call: Call) -> Answer:
        """Run the model on a request.

        Raises:
            migrate.server.errors.HttpError: 400, when the request or the model's answer does not fit.
        """
        stop = _parse_step(call.step)
        feeds = self.feeds(call)
        if stop == ("input", 0):
            return Answer(raw_answer(feeds), 0)
        outputs = self.engine.run(feeds)
        batch = _batch(outputs)
        if stop == ("output", 0):
            return Answer(raw_answer(outputs), batch)
        tensors = answer_of(self.model, outputs)
        if call.step is None:
            tensors = {name: simplified(data) for name, data in tensors.items()}
        return Answer(tensors, batch)

    def timed_run(self, feeds: Mapping[str, Array], *, times: int) -> float:
        """Seconds of the quickest of several runs."""
        best = float("inf")
        for _ in range(times):
            start = perf_counter()
            self.engine.run(feeds)
            best = min(best, perf_counter() - start)
        return best


def _batch(outputs: Mapping[str, Array]) -> int:
    first = next(iter(outputs.values()))
    return int(first.shape[0]) if first.ndim else 1


def _parse_step(step: str | None) -> tuple[str, int] | None:
    """The place at which the caller wants to stop; an unknown word means nowhere, as it always did."""
    if step is None:
        return None
    where, _, number = step.partition(":")
    if where not in {"input", "output"}:
        return None
    try:
        return where, int(number)
    except ValueError:
        raise bad_request(f"Step '{step}' is expected to be input:<number> or output:<number>") from None
