"""Waiting: one loop, and one table of how long everything is waited for, and why just so long.

Seconds, all of them. What a person may choose has its default beside its option; the server and the sandbox, which
import nothing of this package, keep their own.
"""

import contextlib
import email.utils
import os
import time
from collections.abc import Callable
from typing import Final, TypeVar

from msgspec import Struct

T = TypeVar("T")


class Patience(Struct, frozen=True, kw_only=True):
    """How long something is waited for: pauses double from ``first`` to ``longest`` (None: ``poll_seconds()``)."""

    seconds: float
    first: float
    longest: float | None = None


class Retry(Struct, frozen=True, kw_only=True):
    """How often a request is tried, and the backoff between two tries, doubled each time, with jitter."""

    attempts: int
    first_wait: float
    longest_wait: float
    limited_wait: float = 0.0
    """Where all tries met a limit of requests a minute, the wait before one more; 0: there is none more."""


def wait_until(
    look: Callable[[], T],
    enough: Callable[[T], bool],
    patience: Patience,
    *,
    pause: Callable[[float], object] = time.sleep,
) -> T:
    """Look again and again until what is seen is enough, or patience is at its end.

    Args:
        look: What is asked.
        enough: Whether its answer ends the waiting.
        patience: For how long, and how often.
        pause: Sleeps; what it raises ends the waiting.

    Returns:
        What was seen last, which the caller asks whether it is enough: there is always one look, and one at the end.
    """
    deadline = time.monotonic() + patience.seconds
    longest = poll_seconds() if patience.longest is None else patience.longest
    seconds = min(patience.first, longest)
    while not enough(found := look()):
        left = deadline - time.monotonic()
        if left <= 0:
            break
        pause(min(seconds, left))
        seconds = min(2 * seconds, longest)
    return found


def poll_seconds() -> float:
    """Seconds between two polls of the cloud: ``MIGRATE_POLL_SECONDS`` (0.2 to 300), by default 10."""
    try:
        return min(300.0, max(0.2, float(os.environ["MIGRATE_POLL_SECONDS"])))
    except (KeyError, ValueError):
        return POLL


def retry_after(header: str | None) -> float | None:
    """Seconds from a Retry-After header (a number or an HTTP date), at most 90; None without a readable one."""
    if not header:
        return None
    with contextlib.suppress(ValueError):
        return min(max(0.0, float(header)), LONGEST_RETRY_AFTER)
    with contextlib.suppress(ValueError, TypeError):
        return min(max(0.0, email.utils.parsedate_to_datetime(header).timestamp() - time.time()), LONGEST_RETRY_AFTER)
    return None


# The cloud.

POLL: Final = 10.0
"""Between two polls: under an undocumented rate, ten seconds or slower is what the contract's digest advises."""

DEMO_POLL: Final = 1.0
"""The same in the demo, whose sandbox starts apps at once; quicker polls would use up the rate that it allows."""

READY_TIMEOUT: Final = 900.0
"""Until an app answers: 1 GB of image takes under 10 minutes (contract: AI Deploy images)."""

APP_STOP: Final = Patience(seconds=300.0, first=0.5)
"""Until an app that was told to stop rests: its replicas have their grace, one after the other."""

APP_DELETION: Final = Patience(seconds=180.0, first=0.5)
"""Until an app that was deleted is gone; nobody waits for it but who counts what is left."""

APP_AFTER_ALL: Final = Patience(seconds=4.0, first=2.0, longest=2.0)
"""Until the listing shows an app that a request made whose answer was lost: three looks."""

USER_READY: Final = Patience(seconds=120.0, first=0.5)
"""Until a new user can log in to the registry."""

KEY_VALIDATION: Final = Patience(seconds=900.0, first=1.0, longest=3.0)
"""Until a person has confirmed a new key in the browser: they log in there, perhaps with a second factor."""

API_TIMEOUT: Final = (10.0, 60.0)
"""To connect to OVHcloud's API or its storage, and between two bytes of an answer."""

API_RETRY: Final = Retry(attempts=6, first_wait=0.5, longest_wait=15.0, limited_wait=60.0)
"""Of a call of the API: about half a minute, in which a gateway that restarts is back; limits are by the minute."""

WONDERED_AT: Final = 3.0
"""From here on a person wonders why nothing happens, and is told."""

LONGEST_RETRY_AFTER: Final = 90.0
"""The longest that a service may ask to wait: whoever asks for more is down, and a person should know."""

STORAGE_RETRY: Final = Retry(attempts=5, first_wait=0.5, longest_wait=5.0)
"""Of a small read of the storage: about eight seconds, or as long as the storage asks for."""

DOWNLOAD_RETRY: Final = Retry(attempts=4, first_wait=0.3, longest_wait=20.0)
"""Of a download that gets no further; one that moves on is tried again without end."""

# Endpoints of models.

OLD_ANSWER: Final = 30.0
"""An answer of an old endpoint."""

NEW_ANSWER: Final = 60.0
"""An answer of a new app, which may be woken by it."""

ENDPOINT_RETRY: Final = Retry(attempts=4, first_wait=0.3, longest_wait=5.0)
"""Of a call to either, where the network breaks or a gateway says to try again."""

# The container engine and what runs in it.

ENGINE_PING: Final = 15
"""The first answer of an engine; also what one on a remote host takes over ssh."""

ENGINE_CALL: Final = 900
"""Without a byte of the engine: storing a layer of many GB prints nothing meanwhile."""

ENGINE_HINDSIGHT: Final = Patience(seconds=2.0, first=0.05, longest=0.05)
"""Until the engine knows of an end that the other side of a connection has seen."""

CONTAINER_PROBE: Final = 60
"""A container that prints one line about its image or processor."""

COMPILATION: Final = 600
"""Compiling all packages of a runtime in a container; TensorFlow's, emulated, take some minutes."""

DEMO_REHEARSAL: Final = 900.0
"""``--rehearsal-timeout`` of the demo: several large engines start side by side, perhaps on a busy laptop."""

REHEARSED_ANSWER: Final = 60.0
"""One answer of a rehearsed server."""

REHEARSED_PEAK: Final = 30.0
"""The word of what asks a rehearsed server about its memory, which reads one file."""

EXCHANGE_SLACK: Final = 5.0
"""That an answer through an engine may come late, after which what is in the container answers without end."""

EXCHANGE_FIRST: Final = 30.0
"""Until an engine takes the first byte for a program that it has started."""

SERVED_LOOK: Final = 5.0
"""One look at whether a server on this machine is ready."""

SERVED_END: Final = 30.0
"""Until a server on this machine, asked to end, has answered what it was asked before."""

# Registries of images.

REGISTRY_TIMEOUT: Final = (10, 60)
"""To connect to a registry, and between two bytes of an answer."""

REGISTRY_QUESTION: Final = Patience(seconds=2.0, first=0.3, longest=1.0)
"""Until a registry says what it has, or is reached for the first time: a person waits, and a wrong address stays so."""

REGISTRY_BUSY: Final = Patience(seconds=60.0, first=0.5, longest=10.0)
"""Until a registry that a push goes to is back, or no longer busy: a gateway restarts, limits go by the minute."""

REGISTRY_UPLOAD: Final = Retry(attempts=6, first_wait=0.5, longest_wait=15.0)
"""Of an upload that gets no further; one that moves on is tried again without end."""

REGISTRY_COMMIT: Final = 900.0
"""Until a registry has put a layer of many GB in its place, for which those on object storage copy it once more."""

REGISTRY_SPARE: Final = 2.0
"""Until a registry opens a second request for a chunk; whoever is slower is no registry, but a proxy that collects."""

REGISTRY_FAREWELL: Final = 5.0
"""Until a registry has heard that an upload is given up."""

REGISTRY_HINDSIGHT: Final = Patience(seconds=60.0, first=0.5, longest=5.0)
"""Until a registry shows a layer whose last answer was lost, which it may still be putting in its place."""

# This machine. Pauses between two looks are short enough for a person who pressed Ctrl-C.

LOCK_LOOK: Final = 0.2
"""Between two looks at a lock that somebody else holds."""

STOP_LOOK: Final = 0.25
"""Between two looks at whether to stop, while bytes are waited for."""

SIGNAL_LOOK: Final = 0.5
"""Between two looks at whether models are done; signals are handled in between."""

JOURNAL_TURN: Final = 30.0
"""Until another process lets go of the journal's file: a copy for a backup, a look by hand."""

# Machines that share a source.

LEASE_LIFETIME: Final = 60.0
"""Until a lease that nobody renews may be taken over: a laptop that sleeps a moment keeps it, a dead one is not waited
for long."""

LEASE_RENEWAL: Final = 10.0
"""Between two renewals: five may fail before the lease is lost."""

LEASE_WATCHED: Final = 25.0
"""Until a lease that looks dead is: the clocks of two machines need not agree, so two renewals are awaited."""
