"""An image run on this machine as AI Deploy will run it, and called: before anything is pushed or billed."""

from __future__ import annotations

import base64
import contextlib
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import msgspec

from migrate.core.errors import LocalError, MigrateError, NeedsYouError
from migrate.core.names import slug
from migrate.core.text import printable
from migrate.images.engine.exchange import Exchange, ExchangeEndedError
from migrate.images.model.context import IMAGE_PATH
from migrate.images.runtime.server_code import unserved_of
from migrate.images.trial import endings, rehearsal_client
from migrate.images.trial.runner import Ending
from migrate.machine import patience

if TYPE_CHECKING:
    import threading
    from collections.abc import Iterator, Mapping

    from migrate.core.values import Image
    from migrate.images.trial.runner import Runner, Trial

READY_PATH: Final = "/health/ready"
SERVER: Final = ("python3", "-m", "migrate.server")

_DOING: Final = "while it was rehearsed"
_LINES: Final = 40  # of the log, as evidence


class RunningRehearsal:
    """A rehearsed image that is ready.

    Attributes:
        cold_start: Seconds from the server's start to ready.
        held: What held the limits, where no engine did; else empty.
        unserved: The errors of those of its models that the server does not serve, by id, where others are served.
    """

    def __init__(
        self, server: _Server, exchange: Exchange, cold_start: float, unserved: Mapping[str, NeedsYouError]
    ) -> None:
        self.unserved = unserved
        self._server = server
        self._exchange = exchange
        self.cold_start = cold_start
        self.held = server.held

    def call(
        self,
        method: str,
        path: str,
        headers: Mapping[str, str] | None = None,
        body: bytes = b"",
        *,
        timeout: float = patience.REHEARSED_ANSWER,
    ) -> tuple[int, dict[str, str], bytes]:
        """Send one request to the server and return status, headers (names in lower case) and body.

        Raises:
            NeedsYouError: The server ended (``out-of-memory``, ``rehearsal-failed``), started too many processes
                (``too-many-processes``) or did not answer in time (``rehearsal-timeout``).
            LocalError: The engine failed, or the processor cannot run the packages (``cpu-unsupported``).
            Interrupted: The rehearsal was asked to stop.
        """
        question = {
            "do": "call",
            "method": method,
            "path": path,
            "headers": dict(headers or {}),
            "body": base64.b64encode(body).decode(),
            "timeout": timeout,
        }
        answer = self._ask(question, timeout)
        if "error" in answer:
            raise self._server.problem() or self._unanswered(f"{method} {path}", answer["error"])
        found = {str(name).lower(): str(value) for name, value in answer["headers"]}
        return int(answer["status"]), found, base64.b64decode(answer["body"])

    def memory(self) -> int | None:
        """The most memory that the server's process has held so far, in bytes, where the kernel tells."""
        if (told := self._server.peak()) is not None:
            return told
        peak = self._ask({"do": "peak"}, patience.REHEARSED_PEAK)["bytes"]
        return int(peak) if peak is not None else None

    def logs(self) -> str:
        """What the server has written so far."""
        return self._server.logs()

    def _ask(self, question: dict[str, object], timeout: float) -> dict[str, Any]:
        try:
            answer: dict[str, Any] = self._exchange.ask(question, timeout=timeout + patience.EXCHANGE_SLACK)
        except TimeoutError:
            what = f"{question.get('method', '')} {question.get('path', '')}".strip() or "a question"
            raise self._server.problem() or self._unanswered(what, "timed out") from None
        except ExchangeEndedError as error:
            raise self._server.broken(self._exchange, error) from error
        return answer

    def _unanswered(self, what: str, error: str) -> NeedsYouError:
        slow = "timed out" in error.lower()
        return NeedsYouError(
            f"The rehearsed image did not answer {printable(what, 300)}: {printable(error, 300)}.",
            code="rehearsal-timeout" if slow else "rehearsal-failed",
            next_step="The model takes too long for one request of a single row or few; see what is in its files."
            if slow
            else "Export the model again with a current version of its framework.",
            evidence=self._server.evidence(),
        )


@contextlib.contextmanager
def rehearse(
    runner: Runner,
    image: Image,
    *,
    memory: int,
    timeout: float,
    only: str | None = None,
    stop: threading.Event | None = None,
) -> Iterator[RunningRehearsal]:
    """Run an image as AI Deploy will: its user, a read-only root, no way out, a memory limit; wait until it is ready.

    Args:
        runner: What runs it.
        image: A model's image.
        memory: The limit in bytes, of the flavor it is meant for.
        timeout: Seconds until it must be ready.
        only: The id of the one model of the image that is to be loaded; all where None.
        stop: Set to end early.

    Raises:
        NeedsYouError: The server ended before it was ready (``rehearsal-failed``, ``out-of-memory``), started too many
            processes (``too-many-processes``) or was not ready in time (``not-ready``): what is said is its own last
            words.
        LocalError: The engine or the box failed, or the processor cannot run the packages (``cpu-unsupported``).
        Interrupted: ``stop`` was set.
    """
    client = Path(rehearsal_client.__file__).read_text(encoding="utf-8")
    command = (*SERVER, f"{IMAGE_PATH}/{slug(only)}" if only is not None else IMAGE_PATH)
    with runner.start(image.image_id, command, purpose="rehearsal", memory=memory) as trial:
        server = _Server(runner, trial, image.image_id)
        started = time.monotonic()
        with contextlib.ExitStack() as stack:
            try:
                exchange = stack.enter_context(trial.exchange([client], inline=True, apart=True, stop=stop))
            except (ExchangeEndedError, TimeoutError, LocalError) as error:
                # A container that has ended, or has no process left to start, refuses one.
                raise server.problem() or server.unspoken(error) from error
            unserved = server.wait(exchange, timeout)
            yield RunningRehearsal(server, exchange, time.monotonic() - started, unserved)
            if trial.overrun and (problem := server.problem()):  # after the last answer
                raise problem


class _Server:
    """The server of a rehearsal, and what is wrong with it."""

    def __init__(self, runner: Runner, trial: Trial, image_id: str) -> None:
        self._runner = runner
        self._trial = trial
        self._image_id = image_id

    def wait(self, exchange: Exchange, timeout: float) -> dict[str, NeedsYouError]:
        """Return when the server is ready, with the errors of the models that it does not serve.

        What it raises is what ``rehearse`` raises.
        """
        try:
            answer = exchange.ask(
                {"do": "wait", "path": READY_PATH, "seconds": timeout}, timeout=timeout + patience.EXCHANGE_SLACK
            )
        except ExchangeEndedError as error:
            raise self.broken(exchange, error) from error
        except TimeoutError as error:
            raise self.problem() or self._not_ready(timeout, {}) from error
        if answer["status"] != 200:
            raise self.problem() or self._not_ready(timeout, answer)
        reasons = unserved_of(base64.b64decode(answer.get("body") or ""))
        evidence = self.evidence() if reasons else ()
        return {
            name: endings.not_loaded(f"The server does not serve the model: {reason}", evidence)
            for name, reason in reasons.items()
        }

    def problem(self) -> MigrateError | None:
        """Why nothing can be asked of the server any more, or None while it lives and leaves room for others."""
        if self._trial.overrun == "processes":
            return endings.too_many(_DOING, self.evidence())
        return self._ended() or endings.crowded(self._trial, doing=_DOING, evidence=self.evidence())

    def broken(self, exchange: Exchange, error: ExchangeEndedError) -> MigrateError:
        """Why what asks the server has ended: with it, or for want of memory, or else by the engine's fault."""
        code = exchange.exit_code()
        problem = self.problem()
        if problem is None and code == endings.KILLED:
            end = Ending(code, memory=True)
            return endings.ended(self._runner, self._image_id, end, doing=_DOING, said="", evidence=self.evidence())
        return problem or self.unspoken(error)

    def unspoken(self, error: Exception) -> LocalError:
        """The failure to run a program beside a server that is in order."""
        if isinstance(error, LocalError):
            return error
        return self._trial.refusal(error.errors if isinstance(error, ExchangeEndedError) else "it did not answer")

    @property
    def held(self) -> str:
        """What holds its limits, where no engine does."""
        return self._trial.held

    def peak(self) -> int | None:
        """The most memory that its process held, in bytes, where that is seen from outside."""
        return self._trial.peak()

    def logs(self) -> str:
        """The last lines that the server has written."""
        return self._trial.logs()

    def evidence(self) -> tuple[str, ...]:
        """The same, fit for a journal."""
        lines = [line.strip() for line in self.logs().splitlines() if line.strip()]
        return tuple(printable(line, 600) for line in lines[-_LINES:])

    def _ended(self) -> MigrateError | None:
        """Why the server no longer runs, or None while it does."""
        end = self._trial.ending()
        if end is None:
            return None
        evidence = self.evidence()
        said = _last_words(evidence)
        return endings.ended(self._runner, self._image_id, end, doing=_DOING, said=said, evidence=evidence)

    def _not_ready(self, timeout: float, answer: Mapping[str, Any]) -> NeedsYouError:
        said = printable(base64.b64decode(answer.get("body") or "").decode("utf-8", "replace"), 200)
        evidence = self.evidence()
        words = said or _last_words(evidence) or "it wrote nothing"
        return NeedsYouError(
            f"The server was not ready after {timeout:.0f} seconds of rehearsal: {words}",
            code="not-ready",
            next_step="Give it more time with --rehearsal-timeout, if its model is a large one.",
            evidence=evidence,
        )


def _last_words(evidence: tuple[str, ...]) -> str:
    """The reason that the server gave, else the last lines of whatever wrote them."""
    for line in reversed(evidence):
        try:
            told = msgspec.json.decode(line)
        except (msgspec.DecodeError, RecursionError):
            continue
        if isinstance(told, dict) and told.get("level") == "error" and isinstance(told.get("reason"), str):
            return str(told["reason"])[:600]
    return " ".join(evidence[-3:])[-600:]
