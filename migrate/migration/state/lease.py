"""The lease of a source: one machine at a time, which notices before its next effect when it is another's.

Its fencing number goes up by one with every machine that takes it. What another machine has taken, a holder that slept
can no longer use: each effect on the outside world asks first (``Lease.check``). No two clocks need to agree, for a
lease is taken over only where this machine has seen that nobody renews it.
"""

import getpass
import os
import socket
import threading
import time
import uuid
from collections.abc import Callable
from datetime import UTC, datetime
from types import TracebackType
from typing import Final, Self

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from migrate.core.errors import Interrupted, LocalError, MigrateError, RemoteError
from migrate.core.text import printable, type_again
from migrate.machine import patience
from migrate.migration.state.store import Held, StateStore

_WORDS: Final = 200  # characters of what a record says of its holder


class Times(Struct, frozen=True, kw_only=True):
    """Seconds: how long a lease is good, between two renewals, and how long one that looks dead is watched."""

    lifetime: float = patience.LEASE_LIFETIME
    renewal: float = patience.LEASE_RENEWAL
    watched: float = patience.LEASE_WATCHED


_TIMES: Final = Times()


class LeaseRecord(Struct, frozen=True, kw_only=True):
    """What the store holds of a lease.

    ``taken`` names one taking of it; ``since`` and ``renewed`` are RFC 3339 by the holder's clock. A lease that was
    given back stays with ``free``, for its fencing number must never be given twice.
    """

    fence: int
    taken: str
    holder: str
    doing: str
    since: str
    renewed: str
    free: bool = False


class Lease:
    """Holds the lease of a source while it is entered, and renews it in a thread of its own.

    Args:
        store: Where the lease is.
        name: The source's name there.
        doing: What the holder does, as ``run models@GRA``.
        on_lost: Called once when another machine has it, from any thread.
        stop: Ends the waiting for a lease that looks dead.
        tell: Tells a person why nothing happens.
        times: Its times, the same on every machine.
    """

    def __init__(
        self,
        store: StateStore,
        name: str,
        *,
        doing: str,
        on_lost: Callable[[], None],
        stop: threading.Event,
        tell: Callable[[str], object],
        times: Times = _TIMES,
    ) -> None:
        self._store = store
        self.name = name
        self._name = f"{name}/lease"
        self._doing = doing
        self._on_lost = on_lost
        self._stop = stop
        self._tell = tell
        self._times = times
        self._turn = threading.Lock()
        self._ended = threading.Event()
        self._record: LeaseRecord | None = None
        self._version = ""
        self._renewed_at = 0.0
        self._thread: threading.Thread | None = None
        self.lost: RemoteError | None = None

    @property
    def fence(self) -> int:
        """The fencing number that is held; 0 for none."""
        return self._record.fence if self._record is not None else 0

    def __enter__(self) -> Self:
        """Takes the lease.

        Raises:
            RemoteError: Another machine holds it (``lease-held``).
            LocalError: ``state-unusable``.
            Interrupted: ``stop`` was set while it was watched.
        """
        self._take()
        self._thread = threading.Thread(target=self._renew_until_ended, name="lease", daemon=True)
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._ended.set()
        if self._thread is not None:
            self._thread.join()
        with self._turn:
            if self._record is None or self.lost is not None:
                return
            record = replace(self._record, renewed=_now(), free=True)
            try:
                self._store.replace(self._name, msgspec.json.encode(record), self._version)
            except LocalError:
                self._tell("The lease could not be given back; another machine can take it over in a minute.")

    def check(self) -> None:
        """Passes whoever is about to change something outside while the lease is held.

        Raises:
            RemoteError: ``lease-lost``.
            LocalError: ``state-unusable``: it cannot be told, so nothing may be changed.
        """
        with self._turn:
            if self.lost is not None:
                raise self.lost
            held = self._store.read(self._name)
            record = _record(held, self._store) if held is not None else None
            if held is None or record is None or self._record is None or record.taken != self._record.taken:
                raise self._lose(record)
            self._version = held.version
            # One that slept may find it about to run out: then it is renewed before the effect, not after.
            if time.monotonic() - self._renewed_at > self._times.renewal:
                self._renew()

    def _take(self) -> None:
        held = self._store.read(self._name)
        if held is not None and not (record := _record(held, self._store)).free:
            if _is_fresh(record, self._times.lifetime):
                raise self._held(record)
            self._tell(
                f"The lease of {_words(record)} was last renewed at {printable(record.renewed, 40)}; this run watches "
                f"for {self._times.watched:.0f} s whether it still is."
            )
            held = self._watch(held)
        fence = _record(held, self._store).fence + 1 if held is not None else 1
        now = _now()
        record = LeaseRecord(
            fence=fence, taken=uuid.uuid4().hex, holder=holder(), doing=self._doing, since=now, renewed=now
        )
        content = msgspec.json.encode(record)
        at = time.monotonic()
        if held is None:
            version = self._store.create(self._name, content)
        else:
            version = self._store.replace(self._name, content, held.version)
        if version is None:  # another machine was quicker
            quicker = self._store.read(self._name)
            raise self._held(_record(quicker, self._store) if quicker is not None else record)
        self._record, self._version, self._renewed_at = record, version, at

    def _watch(self, held: Held) -> Held:
        """A lease that looks dead, when it has been watched and is: the clocks of two machines need not agree.

        Raises:
            RemoteError: It was renewed, or taken, meanwhile (``lease-held``).
            Interrupted: ``stop`` was set.
        """
        deadline = time.monotonic() + self._times.watched
        while (left := deadline - time.monotonic()) > 0:
            if self._stop.wait(min(left, self._times.watched / 10)):
                raise Interrupted
            now = self._store.read(self._name)
            if now is not None and now.version != held.version:
                record = _record(now, self._store)
                if not record.free:
                    raise self._held(record)
                return now
        return held

    def _renew_until_ended(self) -> None:
        while not self._ended.wait(self._times.renewal):
            with self._turn:
                if self.lost is not None:
                    return
                try:
                    self._renew()
                except LocalError:
                    continue  # the share may be back for the next one
                except MigrateError:
                    return

    def _renew(self) -> None:
        """Writes the time anew.

        Raises:
            RemoteError: ``lease-lost``.
            LocalError: ``state-unusable``.
        """
        if self._record is None:
            return
        at, record = time.monotonic(), replace(self._record, renewed=_now())
        version = self._store.replace(self._name, msgspec.json.encode(record), self._version)
        if version is None:
            held = self._store.read(self._name)
            there = _record(held, self._store) if held is not None else None
            if held is None or there is None or there.taken != record.taken:
                raise self._lose(there)
            version = held.version  # this machine wrote it, and the answer was lost
        self._record, self._version, self._renewed_at = record, version, at

    def _lose(self, taker: LeaseRecord | None) -> RemoteError:
        if taker is None:
            who = "It was deleted meanwhile"
        elif taker.free:
            who = f"It was taken over by {_words(taker)}, and given back"
        else:
            who = f"{_words(taker)} has it since {printable(taker.since, 40)}"
        self.lost = RemoteError(
            f"This machine no longer has the lease of the source: {who}. It had not been renewed in time.",
            code="lease-lost",
            next_step=type_again("Wait until the other machine has ended", note="it goes on where it stopped"),
        )
        self._on_lost()
        return self.lost

    def _held(self, record: LeaseRecord) -> RemoteError:
        return RemoteError(
            f"Another machine works on this source: {_words(record)}, since {printable(record.since, 40)}.",
            code="lease-held",
            next_step=type_again(
                "Wait until it has ended, or stop it there with Ctrl-C",
                note=f"if that machine died, its lease can be taken over {self._times.lifetime:.0f} s after it was "
                f"renewed last, at {printable(record.renewed, 40)}",
            ),
        )


def read_lease(store: StateStore, name: str) -> LeaseRecord | None:
    """What a store holds of the lease of a source, without taking it; None where it was never taken.

    Raises:
        LocalError: ``state-unusable``.
    """
    held = store.read(f"{name}/lease")
    return _record(held, store) if held is not None else None


def holder() -> str:
    """This process, for people on another machine."""
    try:
        user = getpass.getuser()
    except (KeyError, OSError):
        user = str(os.getuid())
    return f"{user}@{socket.gethostname()}, process {os.getpid()}"


def _words(record: LeaseRecord) -> str:
    return f"{printable(record.holder, _WORDS)} (migrate {printable(record.doing, _WORDS)})"


def _record(held: Held, store: StateStore) -> LeaseRecord:
    try:
        return msgspec.json.decode(held.content, type=LeaseRecord)
    except (msgspec.MsgspecError, UnicodeError, RecursionError) as error:
        raise LocalError(
            f"The lease in {store.words} cannot be read: {printable(str(error), 200)}.",
            code="state-unusable",
            next_step=type_again("See that no other program writes there, and name another folder with --state"),
        ) from error


def _is_fresh(record: LeaseRecord, lifetime: float) -> bool:
    """Whether it was renewed not long ago, as far as the holder's clock and this one agree."""
    try:
        age = (datetime.now(UTC) - datetime.fromisoformat(record.renewed)).total_seconds()
    except (ValueError, TypeError):
        return False
    return 0 <= age < lifetime


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
