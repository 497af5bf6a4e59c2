"""The log of the calls of OVHcloud's API: what was asked, when, and how it was answered.

A line holds the method, the path as the API's description has it (without ids), the status, the query id and the
time. It never holds a body, a header besides the query id, a query or the ids in a path, so nothing of the customer's
is in it. The log is for whoever looks later: that it cannot be written keeps no call from being made.
"""

import contextlib
import os
import re
import threading
import time
from collections.abc import Callable, Iterator
from contextvars import ContextVar
from datetime import UTC, datetime
from pathlib import Path
from typing import Final, TextIO

import msgspec
import requests
from msgspec import Struct

from migrate import __version__
from migrate.core.errors import MigrateError
from migrate.core.names import digest_of
from migrate.machine.private import make_private

MOST_FILES: Final = 40  # commands that are kept
MOST_BYTES: Final = 1_000_000  # of one command; of a longer one the last half to the whole of it stays
LONGEST_LINE: Final = 1000
VERBOSE: Final = "MIGRATE_VERBOSE"

_ENDING, _FORMER = ".jsonl", ".former.jsonl"
_QUERY_ID: Final = re.compile(r"[A-Za-z0-9._-]{1,100}")
_doing: ContextVar[tuple[str, str]] = ContextVar("doing", default=("", ""))


class Began(Struct, frozen=True, kw_only=True, tag_field="line", tag="began"):
    """The first line of a file: a command began to make calls."""

    at: str
    release: str


class About(Struct, frozen=True, kw_only=True, tag_field="line", tag="about"):
    """Which run of which journal the calls of this file are of."""

    journal: str
    run: int


class Call(Struct, frozen=True, kw_only=True, tag_field="line", tag="call", omit_defaults=True):
    """One request.

    Attributes:
        at: When it was sent (RFC 3339, UTC).
        method: As in HTTP.
        path: The template of the path.
        seconds: Until the answer, or the failure.
        status: That of the answer; None where there was none.
        query_id: The id under which OVHcloud's support finds it.
        failure: The kind of error where there was no answer.
        step: The step that asked.
        subject: ``tag_of`` the step's subject.
    """

    at: str
    method: str
    path: str
    seconds: float
    status: int | None = None
    query_id: str = ""
    failure: str = ""
    step: str = ""
    subject: str = ""


class Command(Struct, frozen=True, kw_only=True):
    """The calls of one command, oldest first, as far as they are kept; ``journal`` is empty where it was of none."""

    at: str
    release: str
    journal: str
    run: int
    calls: tuple[Call, ...]


def tag_of(subject: str) -> str:
    """What stands in the log for a subject of the journal: equal for equal ones, and not its name."""
    return digest_of("subject of calls", subject)[:12]


@contextlib.contextmanager
def doing(step: str, subject: str) -> Iterator[None]:
    """The calls of this thread inside the block are of a step."""
    before = _doing.set((step, tag_of(subject)))
    try:
        yield
    finally:
        _doing.reset(before)


class CallLog:
    """Writes the calls of one command to a file of its own; threads may share it.

    Args:
        folder: Where the files are; None keeps nothing.
        show: Where each call is told when it has ended.
        most: The largest size of what is kept of this command, in bytes.
    """

    def __init__(self, folder: Path | None = None, *, show: TextIO | None = None, most: int = MOST_BYTES) -> None:
        self._folder = folder
        self._show = show
        self._half = most // 2
        self._turn = threading.Lock()
        self._descriptor: int | None = None
        self._name = ""
        self._size = 0
        self._torn = False
        self._about: About | None = None

    def record(self, method: str, path: str, send: Callable[[], requests.Response]) -> requests.Response:
        """What ``send`` returns or raises, noted."""
        at, start = _now(), time.monotonic()
        step, subject = _doing.get()

        def note(status: int | None, query_id: str, failure: str) -> None:
            self._note(
                Call(
                    at=at,
                    method=method,
                    path=path,
                    seconds=round(time.monotonic() - start, 3),
                    status=status,
                    query_id=query_id if _QUERY_ID.fullmatch(query_id) else "",
                    failure=failure,
                    step=step,
                    subject=subject,
                )
            )

        try:
            response = send()
        except BaseException as error:
            note(None, "", type(error).__name__)
            raise
        note(response.status_code, str(response.headers.get("X-OVH-QUERYID") or ""), "")
        return response

    def about(self, journal: str, run: int) -> None:
        """The calls of this command, those already made too, are of a run of a journal."""
        self._about = About(journal=journal, run=run)
        with self._turn:
            if self._descriptor is not None:
                self._keep(self._about)

    def close(self) -> None:
        """Closes the file."""
        with self._turn, contextlib.suppress(OSError):
            if self._descriptor is not None:
                os.close(self._descriptor)
            self._descriptor = None

    def _note(self, call: Call) -> None:
        if self._show is not None:
            with contextlib.suppress(OSError, ValueError):  # nobody reads it any more
                self._show.write(f"{words(call)}\n")
                self._show.flush()
        if self._folder is not None:
            with self._turn:
                self._keep(call)

    def _keep(self, line: Call | About) -> None:
        """Writes a line; a disk that refuses it costs that line."""
        try:
            if self._descriptor is None or self._size > self._half:
                self._open()
            self._write(line)
        except (OSError, MigrateError):
            self._torn = True  # a part of it may be there: the next one begins on a line of its own

    def _write(self, line: Began | About | Call) -> None:
        data = (b"\n" if self._torn else b"") + msgspec.json.encode(line) + b"\n"
        if self._descriptor is not None:
            written = os.write(self._descriptor, data)
            self._size += written
            self._torn = written < len(data)

    def _open(self) -> None:
        """Opens the file, or, where the half is full, the next in its place."""
        if self._folder is None:
            return
        if self._descriptor is None:
            make_private(self._folder)
            stamp = datetime.now(UTC).strftime("%Y%m%dT%H%M%S.%f")
            self._name = self._name or f"{stamp}-{os.getpid()}"
            _tidy(self._folder, MOST_FILES - 1)
        else:
            os.close(self._descriptor)
            self._descriptor = None
            (self._folder / f"{self._name}{_ENDING}").replace(self._folder / f"{self._name}{_FORMER}")
        flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC | os.O_NOFOLLOW
        self._descriptor = os.open(self._folder / f"{self._name}{_ENDING}", flags, 0o600)
        self._size, self._torn = 0, False
        self._write(Began(at=_now(), release=__version__))
        if self._about is not None:
            self._write(self._about)


def _tidy(folder: Path, most: int) -> None:
    """Deletes the files of all but the last commands."""
    stems = sorted({path.name.partition(".jsonl")[0].removesuffix(".former") for path in folder.glob(f"*{_ENDING}")})
    for stem in stems[: max(0, len(stems) - most)]:
        for ending in (_ENDING, _FORMER):
            (folder / f"{stem}{ending}").unlink(missing_ok=True)


def words(call: Call) -> str:
    """A call on one line, for people."""
    end = str(call.status) if call.status is not None else f"no answer ({call.failure})"
    parts = [call.at, call.method, call.path, end, f"{call.seconds:.3f} s", call.query_id, call.step]
    return "  ".join(part for part in parts if part)


def read_commands(folder: Path, journal: str) -> tuple[Command, ...]:
    """The commands of a journal whose calls are kept, oldest first. What cannot be read is left out."""
    found: list[Command] = []
    with contextlib.suppress(OSError):
        stems = {path.name.removesuffix(_ENDING).removesuffix(".former") for path in folder.glob(f"*{_ENDING}")}
        for stem in sorted(stems):
            lines = [*_lines(folder / f"{stem}{_FORMER}"), *_lines(folder / f"{stem}{_ENDING}")]
            abouts = [line for line in lines if isinstance(line, About)]
            if not abouts or abouts[-1].journal != journal:
                continue
            began = next((line for line in lines if isinstance(line, Began)), Began(at="", release=""))
            calls = tuple(line for line in lines if isinstance(line, Call))
            last = abouts[-1]
            found.append(Command(at=began.at, release=began.release, journal=last.journal, run=last.run, calls=calls))
    return tuple(found)


def _lines(path: Path) -> Iterator[Began | About | Call]:
    decoder = msgspec.json.Decoder(Began | About | Call)
    with contextlib.suppress(OSError), path.open("rb") as file:
        for line in file.read(2 * MOST_BYTES).splitlines():
            with contextlib.suppress(msgspec.MsgspecError, UnicodeError):
                if len(line) <= LONGEST_LINE:
                    yield decoder.decode(line)


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
