"""An image run on this machine as AI Deploy will run it, and called: before anything is pushed or billed."""

from __future__ import annotations

import base64
import contextlib
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from migrate.core.errors import LocalError, NeedsYouError
from migrate.core.text import printable
from migrate.images import containers, rehearsal_client
from migrate.images.engine import translated
from migrate.images.exchange import Exchange, ExchangeEndedError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from migrate.core.values import Image
    from migrate.images.engine import Engine

READY_PATH: Final = "/health/ready"
SERVER: Final = ("python3", "-m", "migrate.server", "/models")

_TMPFS: Final = "rw,nosuid,nodev,noexec,size=64m,mode=1777"
_PIDS: Final = 512


class RunningRehearsal:
    """A rehearsed image that is ready; ``cold_start`` is seconds from the container's start to ready."""

    def __init__(self, engine: Engine, container: str, exchange: Exchange, cold_start: float) -> None:
        self._engine = engine
        self._container = container
        self._exchange = exchange
        self.cold_start = cold_start

    def call(
        self,
        method: str,
        path: str,
        headers: Mapping[str, str] | None = None,
        body: bytes = b"",
        *,
        timeout: float = 60,
    ) -> tuple[int, dict[str, str], bytes]:
        """Send one request to the server and return status, headers (names in lower case) and body.

        Raises:
            NeedsYouError: The server ended (``out-of-memory``, ``rehearsal-failed``) or did not answer in time
                (``rehearsal-timeout``).
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
            self._fail_if_ended()
            raise NeedsYouError(
                f"The rehearsed image did not answer {method} {path}: {answer['error']}.",
                code="rehearsal-timeout" if "timed out" in answer["error"].lower() else "rehearsal-failed",
                next_step="Look at the model's log with: migrate why",
            )
        found = {str(name).lower(): str(value) for name, value in answer["headers"]}
        return int(answer["status"]), found, base64.b64decode(answer["body"])

    def memory(self) -> int | None:
        """The most memory that the server's process has held so far, in bytes, where the kernel tells."""
        peak = self._ask({"do": "peak"}, 30)["bytes"]
        return int(peak) if peak is not None else None

    def logs(self) -> str:
        """What the container has written so far."""
        return _logs(self._engine, self._container)

    def _ask(self, question: dict[str, object], timeout: float) -> dict[str, Any]:
        try:
            answer: dict[str, Any] = self._exchange.ask(question, timeout=timeout + 10)
        except (ExchangeEndedError, TimeoutError):
            self._fail_if_ended()
            raise LocalError(
                "The connection to the rehearsal's container broke.",
                code="engine-failed",
                next_step="Run the command again.",
            ) from None
        return answer

    def _fail_if_ended(self) -> None:
        error = _ended(self._engine, self._container)
        if error is not None:
            raise error


@contextlib.contextmanager
def rehearse(engine: Engine, image: Image, *, memory: int, timeout: float) -> Iterator[RunningRehearsal]:
    """Run an image as AI Deploy will: its user, a read-only root, no way out, a memory limit; wait until it is ready.

    Args:
        engine: Where the image is.
        image: A model's image.
        memory: The limit in bytes, of the flavor it is meant for.
        timeout: Seconds until it must be ready.

    Raises:
        NeedsYouError: The server ended before it was ready (``rehearsal-failed``, ``out-of-memory``) or was not ready
            in time (``not-ready``): what is said is its own last words.
        LocalError: The engine failed.
    """
    settings: dict[str, Any] = {
        "read_only": True,
        "tmpfs": {"/tmp": _TMPFS, "/workspace": _TMPFS},  # noqa: S108 - of the container
        "mem_limit": memory,
        "memswap_limit": memory,
        "pids_limit": _PIDS,
    }
    client = Path(rehearsal_client.__file__).read_text(encoding="utf-8")
    with containers.container(engine, image.image_id, SERVER, purpose="rehearsal", **settings) as identity:
        started = time.monotonic()
        with translated():
            engine.client.api.start(identity)
        with contextlib.ExitStack() as stack:
            try:
                exchange = stack.enter_context(Exchange(engine, identity, [client], inline=True))
                question = {"do": "wait", "path": READY_PATH, "seconds": timeout}
                answer = exchange.ask(question, timeout=timeout + 10)
                cold_start = time.monotonic() - started
            except (ExchangeEndedError, TimeoutError, LocalError) as error:
                # A container that ended takes the exec with it, or refuses to start one.
                ended = _ended(engine, identity)
                if ended is None and isinstance(error, LocalError):
                    raise
                if ended is None and isinstance(error, ExchangeEndedError):
                    raise LocalError(
                        f"The container engine could not run a command in the rehearsed container: {error.errors}",
                        code="engine-failed",
                        next_step="See that `docker exec` works with this engine, then run the command again.",
                    ) from error
                raise ended or _not_ready(engine, identity, timeout, {}) from error
            if answer["status"] != 200:
                raise _ended(engine, identity) or _not_ready(engine, identity, timeout, answer)
            yield RunningRehearsal(engine, identity, exchange, cold_start)


def _ended(engine: Engine, identity: str) -> NeedsYouError | None:
    """Why the container is no longer running, or None while it is. The kernel's verdict may come a moment later."""
    for _ in range(20):
        with translated():
            state: dict[str, Any] = engine.client.api.inspect_container(identity)["State"]
        if not state["Running"]:
            break
        time.sleep(0.05)
    else:
        return None
    last = _last_words(engine, identity)
    if state.get("OOMKilled") or state.get("ExitCode") == 137:
        return NeedsYouError(
            f"The server was ended for want of memory while it was rehearsed. {last}".strip(),
            code="out-of-memory",
            next_step="Give the app more memory (a flavor with more, or more CPUs), and run again.",
        )
    return NeedsYouError(
        f"The server ended with code {state.get('ExitCode')} while it was rehearsed: {last or 'it wrote nothing'}",
        code="rehearsal-failed",
        next_step="The model's file does not load in the new server; export it again, or see its log with: migrate why",
    )


def _not_ready(engine: Engine, identity: str, timeout: float, answer: Mapping[str, Any]) -> NeedsYouError:
    said = printable(base64.b64decode(answer.get("body") or "").decode("utf-8", "replace"), 200)
    last = _last_words(engine, identity)
    return NeedsYouError(
        f"The server was not ready after {timeout:.0f} seconds of rehearsal: {said or last or 'it wrote nothing'}",
        code="not-ready",
        next_step="Give it more time with --rehearsal-timeout, if its model is a large one.",
    )


def _last_words(engine: Engine, identity: str) -> str:
    lines = [line.strip() for line in _logs(engine, identity).splitlines() if line.strip()]
    return printable(" ".join(lines[-3:])[-600:], 600)


def _logs(engine: Engine, identity: str) -> str:
    with translated():
        output: bytes = engine.client.api.logs(identity, tail=200)
    return output.decode("utf-8", "replace")
