"""The objects of one place (a Swift container, or an S3 bucket), listed and read by byte ranges over HTTP."""

import contextlib
import threading
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TypeVar

import msgspec
import requests
import tenacity

from migrate.core.addresses import secure_url
from migrate.core.errors import RemoteError
from migrate.core.text import printable, type_again
from migrate.machine.patience import API_TIMEOUT, STORAGE_RETRY
from migrate.ovhcloud.failures import proxy_login
from migrate.ovhcloud.stored import (
    ObjectFacts,
    ObjectRefused,
    OtherBytesError,
    StoredObject,
    UnreadableObjectError,
    facts_of,
    stored_bytes,
)

T = TypeVar("T")


class ObjectStore(ABC):
    """One container or bucket, shared by every thread of a session."""

    def __init__(self, container: str) -> None:
        self._container = container
        self._listing: tuple[str, tuple[StoredObject, ...]] | None = None
        self._facts: dict[str, ObjectFacts] = {}
        self._local = threading.local()

    @property
    def container(self) -> str:
        """The name of the container or bucket."""
        return self._container

    @abstractmethod
    def list(self, prefix: str, *, expected: int | None = None) -> tuple[StoredObject, ...]:
        """Every object whose name starts with ``prefix``; ``expected`` is the number of all where it is known."""

    def remember(self, prefix: str, objects: Sequence[StoredObject]) -> None:
        """Keep a listing for whoever looks at the same objects next."""
        self._listing = prefix, tuple(objects)

    def take_listing(self) -> tuple[str, tuple[StoredObject, ...]] | None:
        """The listing that was kept, with its prefix: once, so that nobody takes an old one for what lies there now."""
        kept, self._listing = self._listing, None
        return kept

    @abstractmethod
    def many(self, count: int) -> None:
        """Say that ``count`` objects are about to be read, for stores that have a cheaper road for many."""

    @abstractmethod
    def segments(self, name: str) -> tuple[str, ...]:
        """The segments of a static large object, as ``container/name``."""

    @abstractmethod
    def _asked(self, method: str, name: str, headers: Mapping[str, str]) -> requests.Response:
        """The answer to a GET or HEAD of an object, whose right was renewed where the first one was refused."""

    @contextlib.contextmanager
    def open(self, name: str, headers: Mapping[str, str] | None = None) -> Iterator[requests.Response]:
        """GET an object as a stream; status 200, 206 or 416.

        Raises:
            ObjectRefused: Any other status, after the right to read was renewed.
            requests.RequestException: The connection failed.
        """
        with self._asked("GET", name, headers or {}) as response:
            if response.status_code not in {200, 206, 416}:
                self._facts.pop(name, None)  # of a version that may be gone
                raise ObjectRefused(response.status_code, response.headers.get("Retry-After"))
            if response.status_code != 416:
                self._facts[name] = facts_of(response)
            yield response

    def read(self, name: str, offset: int, length: int) -> bytes:
        """Bytes of an object as they are stored; fewer at its end. The whole is never read, also without ranges.

        Raises:
            UnreadableObjectError: The store does not give this object.
            RemoteError: ``storage-unavailable``.
        """
        wanted = {"Range": f"bytes={offset}-{offset + length - 1}"}

        def once() -> bytes:
            with self.open(name, wanted) as response:
                if response.status_code == 416:
                    return b""
                skip = offset if response.status_code == 200 else 0
                return _take(response, skip, length)

        return self._tried(name, once)

    def stretch(self, name: str, offset: int, length: int, known: ObjectFacts) -> bytes:
        """A range of one version of an object, of exactly that length.

        The version is told by the ETag of the answer itself: it is that of the bytes behind it, whether or not a store
        heeds ``If-Match``.

        Args:
            name: The object.
            offset: The first byte.
            length: How many; not 0, and not beyond the end.
            known: What was said of that version.

        Raises:
            OtherBytesError: It is another version now, or the store sends no ranges.
            UnreadableObjectError: The store does not give this object.
            RemoteError: ``storage-unavailable``.
        """
        wanted = {"Range": f"bytes={offset}-{offset + length - 1}"}

        def once() -> bytes:
            with self.open(name, wanted) as response:
                now = facts_of(response)
                if response.status_code == 416 or _differ(now, known):
                    raise OtherBytesError("it changed while it was looked at")
                if response.status_code == 200 and (offset or length != now.size):
                    raise OtherBytesError("the storage sends the whole of it where a part is asked for")
                data = _take(response, 0, length)
            if len(data) != length:
                message = f"{len(data)} of {length} bytes"
                raise requests.ConnectionError(message)
            return data

        return self._tried(name, once)

    def facts(self, name: str) -> ObjectFacts:
        """What the store says of an object: in the last answer with bytes of it, or else when asked now.

        Raises:
            UnreadableObjectError: The store does not give this object.
            RemoteError: ``storage-unavailable``.
        """
        known = self._facts.get(name)
        return self.facts_now(name) if known is None else known

    def facts_now(self, name: str) -> ObjectFacts:
        """What the store says of an object when asked now.

        Raises:
            UnreadableObjectError: The store does not give this object.
            RemoteError: ``storage-unavailable``.
        """
        known = self._facts[name] = self._tried(name, lambda: self._facts_now(name))
        return known

    def _facts_now(self, name: str) -> ObjectFacts:
        with self._asked("HEAD", name, {}) as response:
            if response.status_code != 200:
                raise ObjectRefused(response.status_code, response.headers.get("Retry-After"))
            return facts_of(response)

    def _send(self, method: str, url: str, headers: Mapping[str, str]) -> requests.Response:
        sent = {"Accept-Encoding": "identity", **headers}
        return self._http().request(method, url, headers=sent, timeout=API_TIMEOUT, stream=True)

    def _tried(self, name: str, once: Callable[[], T]) -> T:
        """Try a read of the store a few times; its answers need no care, for reading changes nothing."""
        backoff = tenacity.wait_exponential(multiplier=STORAGE_RETRY.first_wait, max=STORAGE_RETRY.longest_wait)
        jitter = tenacity.wait_random(0, STORAGE_RETRY.first_wait)

        def wait(state: tenacity.RetryCallState) -> float:
            error = state.outcome.exception() if state.outcome else None
            asked = error.wait if isinstance(error, ObjectRefused) else 0.0
            return max(asked, backoff(state) + jitter(state))

        retrying = tenacity.Retrying(
            retry=tenacity.retry_if_exception(worth_another_try),
            stop=tenacity.stop_after_attempt(STORAGE_RETRY.attempts),
            wait=wait,
            reraise=True,
        )
        try:
            return retrying(once)
        except ObjectRefused as error:
            if name == self._container:
                raise unavailable(name, error) from error
            raise UnreadableObjectError(name, error) from error
        except (requests.RequestException, msgspec.DecodeError) as error:
            raise proxy_login(error) or unavailable(name, error) from error

    def _http(self) -> requests.Session:
        session: requests.Session | None = getattr(self._local, "session", None)
        if session is None:
            session = requests.Session()
            self._local.session = session
        return session


def worth_another_try(error: BaseException) -> bool:
    """Whether a failed read may go well the next time."""
    if isinstance(error, ObjectRefused):
        return error.passing
    return isinstance(error, requests.RequestException | msgspec.DecodeError) and proxy_login(error) is None


def unavailable(name: str, error: Exception) -> RemoteError:
    """The error for an object or container that cannot be read now."""
    why = f"it answered {error.status}" if isinstance(error, ObjectRefused) else f"{type(error).__name__}"
    return RemoteError(
        f"The object storage does not give {printable(name)!r}: {why}.",
        code="storage-unavailable",
        next_step=type_again("Wait a while", note="it goes on where it stopped"),
    )


def checked_url(url: str) -> str:
    """An URL that carries a right, over https (http on loopback only).

    Raises:
        RemoteError: ``insecure-url``.
    """
    if not secure_url(url):
        raise RemoteError("The object storage's address is not https, so no right is sent to it.", code="insecure-url")
    return url


def _differ(one: ObjectFacts, other: ObjectFacts) -> bool:
    """Whether two answers are of different versions, as far as both say what they are of."""
    etags = bool(one.etag and other.etag) and one.etag != other.etag
    return etags or (None not in {one.size, other.size} and one.size != other.size)


def _take(response: requests.Response, skip: int, length: int) -> bytes:
    data = bytearray()
    for chunk in stored_bytes(response, 16 * 1024):
        data += chunk
        if len(data) >= skip + length:
            break
    return bytes(data[skip : skip + length])
