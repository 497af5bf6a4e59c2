"""What goes wrong with the download of one object: in words, and how often it is tried again."""

import random
from collections.abc import Callable
from typing import Final

from migrate.core.errors import Interrupted, MigrateError, NeedsYouError, RemoteError
from migrate.core.text import printable, type_again
from migrate.machine import patience
from migrate.ovhcloud.objects import unavailable, worth_another_try
from migrate.ovhcloud.stored import ObjectRefused

TRIES: Final = 40
_WITHOUT_PROGRESS: Final = patience.DOWNLOAD_RETRY.attempts
CHANGED: Final = "object-changed"
"""The code of the error that says that an object is another one than when its download began."""


class Broken(Exception):  # noqa: N818 - a signal of this room, never seen outside
    """This try ended early; ``error`` is what the last one raises, and at most ``tries`` more are worth it."""

    def __init__(self, error: MigrateError, *, wait: float = 0.0, tries: int = TRIES) -> None:
        super().__init__(error.what)
        self.error = error
        self.wait = wait
        self.tries = tries


class Tries:
    """How often one thing is tried: without end as long as each try moves on, up to ``TRIES`` in all."""

    def __init__(self, stop: Callable[[float], bool]) -> None:
        self._stop = stop
        self._left = TRIES
        self._idle = _WITHOUT_PROGRESS

    def wait(self, broken: Broken, *, moved: bool) -> None:
        """Wait before the next try.

        Args:
            broken: How the last one ended.
            moved: Whether it brought anything.

        Raises:
            MigrateError: No more tries are worth it.
            Interrupted: The stop was asked for.
        """
        self._left = min(self._left - 1, broken.tries)
        self._idle = _WITHOUT_PROGRESS if moved else self._idle - 1
        if not self._left or not self._idle:
            raise broken.error from broken.__cause__
        doubled = patience.DOWNLOAD_RETRY.first_wait * 2.0 ** (_WITHOUT_PROGRESS - self._idle)
        wait = max(broken.wait, doubled * random.uniform(0.5, 1.5))  # noqa: S311 - jitter, no secret
        if self._stop(min(wait, patience.DOWNLOAD_RETRY.longest_wait)):
            raise Interrupted from None


def refused(name: str, refusal: ObjectRefused) -> Exception:
    """What to raise where the store answered a request for an object with something other than its bytes."""
    if refusal.status == 404:
        return RemoteError(
            f"The object {printable(name)!r} is no longer in the container, or it has expired and the storage still "
            "lists it, or it links to what is not there.",
            code="object-gone",
            next_step=type_again("Upload it again, or delete it if the model does not need it"),
        )
    if not worth_another_try(refusal):
        manifest = "Compare its manifest (multipart-manifest=get) with the segments that are there, and upload what is "
        return NeedsYouError(
            f"The object {printable(name)!r} cannot be read: {refusal.reason}.",
            code="object-unreadable",
            next_step=type_again(
                f"{manifest}missing, or the whole again"
                if refusal.status == 409
                else "Upload it again, or delete it if the model does not need it"
            ),
        )
    return Broken(unavailable(name, refusal), wait=refusal.wait)


def changed(name: str, why: str) -> RemoteError:
    """The object is another one than when its download began."""
    return RemoteError(
        f"The object {printable(name)!r} changed while it was downloaded: {why}.",
        code="object-changed",
        next_step=type_again("Wait until nobody writes to the container"),
    )


def changed_again(where: str) -> RemoteError:
    """The files of a model changed, and changed again while they were downloaded anew."""
    return RemoteError(
        f"The files at {printable(where, 400)} changed while they were downloaded, twice.",
        code="object-changed",
        next_step=type_again("Wait until nobody writes to the container"),
    )


def corrupt(name: str) -> RemoteError:
    """The bytes are not those that the store's checksum was made of."""
    return RemoteError(
        f"The download of {printable(name)!r} does not have the MD5 that the store says.",
        code="corrupt-download",
        next_step=type_again(note="if it stays so, the object is damaged and must be uploaded anew"),
    )


def encoded(name: str, words: str) -> NeedsYouError:
    """The object was stored with a coding that is not undone here."""
    return NeedsYouError(
        f"The object {printable(name)!r} is stored with the Content-Encoding {printable(words, 40)}, which is not "
        "undone here.",
        code="encoded-object",
        next_step=type_again("Upload it again without one"),
    )


def damaged(name: str) -> NeedsYouError:
    """The object says that it is compressed, and does not unpack."""
    return NeedsYouError(
        f"The object {printable(name)!r} is stored as compressed (Content-Encoding), and does not unpack: it is "
        "damaged.",
        code="object-unreadable",
        next_step=type_again("Upload it again"),
    )


def short(name: str, have: int, expected: int, *, large: bool) -> RemoteError:
    """The store ended the object early, several times; ``large`` objects are made of segments."""
    if large:
        return RemoteError(
            f"The storage ends {printable(name)!r} after {have} of its {expected} bytes, several times. It is a large "
            "object: one of its segments may be missing.",
            code="truncated-download",
            next_step=type_again(
                "Compare the object's manifest (multipart-manifest=get) with the segments that are there; upload what "
                "is missing",
                note="where nothing is, it goes on where it stopped",
            ),
        )
    return RemoteError(
        f"The storage returned {have} of the {expected} bytes of {printable(name)!r}, several times.",
        code="truncated-download",
        next_step=type_again(note="it goes on where it stopped"),
    )
