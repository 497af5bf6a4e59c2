"""What the sandbox has been told to do wrong, and when each fault strikes.

Most faults strike requests that their ``method``, ``path_regex`` (searched in the path as sent) and ``service`` select:
from the ``nth`` on, ``times`` times (0: until it is lifted). Without a ``service`` they strike the API and the storage;
the registry has to be named. DEVIATIONS.md lists the faults with their arguments.
"""

import re
import threading
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Literal, TypeVar

import msgspec
from msgspec import Struct

from migrate.sandbox.base.errors import SandboxError

Service = Literal["api", "storage", "registry"]


class Standing(Struct, kw_only=True, forbid_unknown_fields=True):
    """A fault that is a state of the world until it is lifted."""


class Counted(Struct, kw_only=True, forbid_unknown_fields=True):
    """A fault that strikes from the ``nth`` time on, ``times`` times."""

    nth: int = 1
    times: int = 0


class Selection(Counted):
    """A fault that strikes the selected requests."""

    method: str = ""
    path_regex: str = ""
    service: Service | None = None


class TooMany(Selection, tag="429", tag_field="fault"):
    """429; ``retry_after`` seconds in the header when it is not negative."""

    service: Service | None = "api"
    retry_after: int = -1


class ServerError(Selection, tag="5xx", tag_field="fault"):
    """A failure of the service, as JSON or as the page of a proxy; with ``done`` the call was carried out."""

    status: int = 503
    html: bool = False
    done: bool = False


class Slow(Selection, tag="slow", tag_field="fault"):
    """Wait before the answer, and send bodies of objects at no more than ``bytes_per_second`` (0: freely)."""

    seconds: float = 0.0
    bytes_per_second: int = 0


class Drop(Selection, tag="drop", tag_field="fault"):
    """Break the connection in the answer; the call was carried out when ``point`` is after.

    ``after_bytes`` of the true answer's body go out first, where it has been carried out.
    """

    point: Literal["before", "after"] = "after"
    after_bytes: int = 0


class TruncatedDownload(Selection, tag="truncated-download", tag_field="fault"):
    """End an object's body after ``after_bytes``; ``silent`` announces the shorter length, as a bad proxy does."""

    service: Service | None = "storage"
    after_bytes: int = 64
    silent: bool = False


class ChangedDownload(Selection, tag="changed-download", tag_field="fault"):
    """Change the byte ``at`` of what is sent of an object, under the headers of the true one, as bad memory does."""

    service: Service | None = "storage"
    at: int = 0


class CutUpload(Selection, tag="cut-upload", tag_field="fault"):
    """Break the connection when ``after_bytes`` of what a client sends to the registry have arrived."""

    service: Service | None = "registry"
    after_bytes: int = 1


class ExpiredCredential(Selection, tag="expired-credential", tag_field="fault"):
    """The consumer key is no longer valid; of the storage and the registry: the token or the signed URL."""

    service: Service | None = "api"


class NotGranted(Selection, tag="not-granted", tag_field="fault"):
    """The consumer key's rules do not cover the selected calls."""

    service: Service | None = "api"


class ClockSkew(Selection, tag="clock-skew", tag_field="fault"):
    """The API's clock is ``seconds`` off; with ``lying`` only ``/auth/time`` is, and reading it again is no help."""

    service: Service | None = "api"
    seconds: int = 3600
    lying: bool = False


class QuotaFault(Standing, tag="quota", tag_field="fault"):
    """The project may use no more than ``cpu`` CPUs."""

    cpu: int = 0


Cause = Literal["image", "architecture", "probe", "memory", "crash", "quota", "platform"]


class AppFailed(Counted, tag="app-failed", tag_field="fault"):
    """Apps (of this ``label``, ``key=value``, if given) end in ``state`` instead of reaching RUNNING.

    With a ``cause`` they end as such apps do: its state, its message (unless one is given), and its lines of a log.
    ``log`` are lines that the app writes besides.
    """

    label: str = ""
    state: Literal["FAILED", "ERROR"] = "FAILED"
    message: str = ""
    cause: Cause | None = None
    log: tuple[str, ...] = ()


class AppStuck(Counted, tag="app-stuck", tag_field="fault"):
    """Apps (of this ``label``, if given) that have not run yet stay SCALING, as many looks as ``times`` says."""

    label: str = ""


class ServingGone(Standing, tag="serving-gone", tag_field="fault"):
    """ML Serving has been removed: its paths are unknown."""


class Drift(Counted, tag="drift", tag_field="fault"):
    """Apps (of this ``label``, if given) answer ``/eval`` wrongly."""

    mode: Literal["scale", "swap", "nan"] = "scale"
    label: str = ""


class RegistryDown(Standing, tag="registry-down", tag_field="fault"):
    """The registry does not answer."""


class Hold(Selection, tag="hold", tag_field="fault"):
    """Stop at a point of one request until it is released or ``seconds`` have gone by.

    ``touch`` is a file made when the point is reached; ``kill`` is a process whose whole group gets SIGKILL then.
    Points: ``before`` (received, nothing done; a caller that goes away leaves nothing behind), ``during`` (after
    ``after_bytes`` of an object's body), ``after`` (done, not answered), ``answered`` (the answer has gone out).
    """

    times: int = 1
    point: Literal["before", "during", "after", "answered"] = "before"
    touch: str = ""
    kill: int = 0
    seconds: float = 30.0
    after_bytes: int = 1


Fault = (
    TooMany
    | ServerError
    | Slow
    | Drop
    | TruncatedDownload
    | ChangedDownload
    | CutUpload
    | ExpiredCredential
    | NotGranted
    | ClockSkew
    | QuotaFault
    | AppFailed
    | AppStuck
    | ServingGone
    | Drift
    | RegistryDown
    | Hold
)


def read_fault(data: object) -> Fault:
    """A fault from its arguments with ``fault`` as its name.

    Raises:
        SandboxError: The name or an argument is not known.
    """
    try:
        fault: Fault = msgspec.convert(data, type=Fault)
        if isinstance(fault, Selection):
            re.compile(fault.path_regex)
    except (msgspec.ValidationError, re.error) as problem:
        message = f"the sandbox does not know this fault: {problem}"
        raise SandboxError(message) from None
    return fault


_C = TypeVar("_C", bound=Counted)
_S = TypeVar("_S", bound=Standing)


class _Active:
    def __init__(self, fault: Fault) -> None:
        self.fault = fault
        self.seen = 0
        self.struck = 0
        self.released = threading.Event()


class FaultBook:
    """The faults that are on."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._active: dict[str, _Active] = {}
        self._fired: Counter[str] = Counter()
        self._count = 0

    def add(self, fault: Fault) -> str:
        """Turn a fault on and return its id."""
        with self._lock:
            self._count += 1
            name = f"{fault.__struct_config__.tag}-{self._count}"
            self._active[name] = _Active(fault)
            return name

    def lift(self, name: str | None = None) -> int:
        """Turn one fault off, or all; holds let go. Returns how many."""
        with self._lock:
            names = [key for key in self._active if name in {None, key}]
            for key in names:
                self._active.pop(key).released.set()
            return len(names)

    def names(self) -> dict[str, dict[str, int]]:
        """The faults that are on, with how often each was met and struck."""
        with self._lock:
            return {key: {"seen": item.seen, "struck": item.struck} for key, item in self._active.items()}

    def fired(self) -> dict[str, int]:
        """How often each fault has struck since the start or the last reset, whether it is on or has been lifted."""
        with self._lock:
            return dict(self._fired)

    def forget(self) -> None:
        """Turn all faults off, and begin to count anew."""
        self.lift()
        with self._lock:
            self._fired.clear()

    def met(self, kind: type[Standing]) -> None:
        """Count that a state of the world has made a difference to somebody."""
        with self._lock:
            for item in self._active.values():
                if isinstance(item.fault, kind):
                    item.seen += 1
                    item.struck += 1
                    self._fired[str(kind.__struct_config__.tag)] += 1

    def strike(self, kind: type[_C], selects: Callable[[_C], bool]) -> tuple[_C, threading.Event] | None:
        """The first fault of a kind that is selected and due, counted, with the event of its release."""
        with self._lock:
            for item in self._active.values():
                fault = item.fault
                if not isinstance(fault, kind) or not selects(fault):
                    continue
                item.seen += 1
                if item.seen >= fault.nth and (fault.times == 0 or item.struck < fault.times):
                    item.struck += 1
                    self._fired[str(fault.__struct_config__.tag)] += 1
                    return fault, item.released
        return None

    def on_now(self, kind: type[_C], selects: Callable[[_C], bool]) -> list[_C]:
        """The faults of a kind that are on and selected, without counting."""
        with self._lock:
            return [
                item.fault for item in self._active.values() if isinstance(item.fault, kind) and selects(item.fault)
            ]

    def standing(self, kind: type[_S]) -> list[_S]:
        """The faults of a kind that are states of the world rather than answers to requests."""
        with self._lock:
            return [item.fault for item in self._active.values() if isinstance(item.fault, kind)]


def on(service: Service, method: str, path: str) -> Callable[[Selection], bool]:
    """Selects by what a request is."""

    def selects(fault: Selection) -> bool:
        return (
            (fault.service == service or (fault.service is None and service != "registry"))
            and fault.method.upper() in {"", method}
            and re.search(fault.path_regex, path) is not None
        )

    return selects


def touch(file: str) -> None:
    """Make the file by which a test sees that a point has been reached."""
    if file:
        Path(file).touch()
