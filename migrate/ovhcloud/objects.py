"""The objects of one container: listed, and read by byte ranges, through temporary URLs or a Swift token."""

import contextlib
import threading
from collections.abc import Callable, Iterator, Mapping
from typing import Final, TypeVar
from urllib.parse import quote

import msgspec
import requests
import tenacity
from msgspec import Struct

from migrate.core.addresses import secure_url
from migrate.core.errors import ConfigurationError, MigrateError, RemoteError
from migrate.core.text import printable, type_again
from migrate.machine.patience import API_TIMEOUT, STORAGE_RETRY
from migrate.ovhcloud import storage
from migrate.ovhcloud.session import Cloud
from migrate.ovhcloud.stored import (
    UNASKED,
    ObjectFacts,
    ObjectRefused,
    StoredObject,
    UnreadableObjectError,
    facts_of,
    stored_bytes,
)

T = TypeVar("T")

FEW: Final = 20  # so many calls for listings and temporary URLs; then one token for Swift itself serves the rest
_BIG: Final = 100  # the API's listing has no marker, and where it stops is not documented


class _SwiftRow(Struct, frozen=True):
    name: str
    bytes: int = 0
    content_type: str = ""
    last_modified: str = ""
    slo_etag: str = ""


class _Segment(Struct, frozen=True):
    name: str


class ObjectStore:
    """One container, shared by every thread of a session.

    The first calls go through OVHcloud's API (a listing, a temporary URL for each object); with more than a few, one
    ``POST /storage/access`` opens Swift itself, which does not count against the API's rate.
    """

    def __init__(self, cloud: Cloud, *, container_id: str, container: str, region: str) -> None:
        self._cloud = cloud
        self._container_id = container_id
        self._container = container
        self._region = region.upper()
        self._lock = threading.Lock()
        self._calls = 0
        self._access: storage.SwiftAccess | None = None
        self._urls: dict[str, str] = {}
        self._facts: dict[str, ObjectFacts] = {}
        self._local = threading.local()

    @property
    def container(self) -> str:
        """The container's name."""
        return self._container

    def list(self, prefix: str, *, expected: int | None = None) -> tuple[StoredObject, ...]:
        """Every object whose name starts with ``prefix``; ``expected`` is the container's size where it is known."""
        if (expected or 0) < _BIG and not self._many():
            found = storage.objects(self._cloud, self._container_id, prefix)
            if len(found) < _BIG:
                return tuple(
                    StoredObject(
                        name=item.name,
                        size=item.size,
                        last_modified=item.last_modified[:19],
                        content_type=item.content_type,
                        sealed=item.retrieval_state in {"sealed", "unsealing"},
                    )
                    for item in found
                )
        return tuple(self._swift_listing(prefix))

    def many(self, count: int) -> None:
        """Say that ``count`` objects are about to be read, so that Swift is opened at once where that is cheaper."""
        if count > FEW:
            with self._lock:
                self._calls += FEW

    @contextlib.contextmanager
    def open(self, name: str, headers: Mapping[str, str] | None = None) -> Iterator[requests.Response]:
        """GET an object as a stream; status 200, 206 or 416.

        Raises:
            ObjectRefused: Any other status, after the right to read was renewed once, by the other road too.
            requests.RequestException: The connection failed.
        """
        with self._asked("GET", name, headers or {}) as response:
            if response.status_code not in {200, 206, 416}:
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

    def facts(self, name: str) -> ObjectFacts:
        """What the store says of an object: in the last answer with bytes of it, or else when asked now.

        Raises:
            UnreadableObjectError: The store does not give this object.
            RemoteError: ``storage-unavailable``.
        """

        def once() -> ObjectFacts:
            with self._asked("HEAD", name, {}) as response:
                if response.status_code != 200:
                    raise ObjectRefused(response.status_code, response.headers.get("Retry-After"))
                return facts_of(response)

        known = self._facts.get(name)
        if known is None:
            known = self._facts[name] = self._tried(name, once)
        return known

    def segments(self, name: str) -> tuple[str, ...]:
        """The segments of a static large object, as ``container/name``.

        A temporary URL gives the content and never the manifest, so this takes a token.

        Raises:
            UnreadableObjectError: The store does not give the manifest.
            RemoteError: ``storage-unavailable``, or there is no token.
        """

        def once() -> tuple[_Segment, ...]:
            url, token = self._swift()
            query = {"multipart-manifest": "get"}
            right = {"X-Auth-Token": token}
            with self._http().get(f"{url}/{_quoted(name)}", params=query, headers=right, timeout=API_TIMEOUT) as answer:
                if answer.status_code != 200:
                    raise ObjectRefused(answer.status_code, answer.headers.get("Retry-After"))
                return msgspec.json.decode(answer.content, type=tuple[_Segment, ...])

        return tuple(item.name.removeprefix("/") for item in self._tried(name, once))

    def _asked(self, method: str, name: str, headers: Mapping[str, str]) -> requests.Response:
        """Ask by the road at hand; where that is refused, with a new right, and then by a token.

        A temporary URL that was signed with a container's own key does not reach segments and targets of links that
        lie in another container: Swift answers 401, or 409 for a static large object.
        """
        if {".", ".."} & set(name.split("/")):
            raise ObjectRefused(UNASKED, None)  # the client would ask for another object
        response, by_url, fresh = self._ask(method, name, headers)
        if response.status_code in {401, 403} and not fresh:
            response.close()
            self._forget(name)
            response, by_url, _ = self._ask(method, name, headers)
        if by_url and response.status_code in {401, 403, 409}:
            try:
                url, token = self._swift()
            except MigrateError:
                return response  # the first refusal says more
            response.close()
            with self._lock:
                self._calls += FEW
            response = self._send(method, f"{url}/{_quoted(name)}", {**headers, "X-Auth-Token": token})
        return response

    def _ask(self, method: str, name: str, headers: Mapping[str, str]) -> tuple[requests.Response, bool, bool]:
        """An answer, whether it came by a temporary URL, and whether the right to it is new."""
        with self._lock:
            url, opened = self._urls.get(name), self._access is not None
        if url:
            return self._send(method, url, headers), True, False
        if self._many():
            url, token = self._swift()
            return self._send(method, f"{url}/{_quoted(name)}", {**headers, "X-Auth-Token": token}), False, not opened
        url = _checked(storage.temporary_url(self._cloud, self._container_id, name))
        with self._lock:
            self._urls[name] = url
        return self._send(method, url, headers), True, True

    def _send(self, method: str, url: str, headers: Mapping[str, str]) -> requests.Response:
        sent = {"Accept-Encoding": "identity", **headers}
        return self._http().request(method, url, headers=sent, timeout=API_TIMEOUT, stream=True)

    def _many(self) -> bool:
        """Count one more call through the API; whether Swift itself is to be used instead."""
        with self._lock:
            self._calls += 1
            return self._calls > FEW

    def _swift(self) -> tuple[str, str]:
        with self._lock:
            if self._access is None:
                self._access = storage.access(self._cloud)
            access = self._access
        base = access.endpoints.get(self._region)
        if base is None:
            raise ConfigurationError(
                f"The project has no object storage in {printable(self._region)}; it has some in "
                f"{', '.join(sorted(access.endpoints)) or 'no region'}.",
                code="unknown-region",
                next_step="Type `migrate list` to see the containers with their regions.",
            )
        return f"{_checked(base)}/{quote(self._container, safe='')}", access.token.reveal()

    def _forget(self, name: str) -> None:
        """The right to read was refused: the next try asks for a new one."""
        with self._lock:
            if self._urls.pop(name, None) is None:
                self._access = None

    def _swift_listing(self, prefix: str) -> Iterator[StoredObject]:
        marker = ""
        while rows := self._tried(self._container, lambda: self._page(prefix, marker)):  # noqa: B023 - called at once
            for row in rows:
                yield StoredObject(
                    name=row.name,
                    size=row.bytes,
                    last_modified=row.last_modified[:19],
                    content_type=row.content_type,
                    large=bool(row.slo_etag),
                )
            if rows[-1].name == marker:
                return
            marker = rows[-1].name

    def _page(self, prefix: str, marker: str) -> tuple[_SwiftRow, ...]:
        query = {"format": "json", "prefix": prefix, "marker": marker}
        for last in (False, True):
            url, token = self._swift()
            with self._http().get(url, params=query, headers={"X-Auth-Token": token}, timeout=API_TIMEOUT) as response:
                if response.status_code in {200, 204}:
                    return msgspec.json.decode(response.content or b"[]", type=tuple[_SwiftRow, ...])
                with self._lock:
                    self._access = None if response.status_code in {401, 403} else self._access
                if last or response.status_code not in {401, 403}:
                    raise ObjectRefused(response.status_code, response.headers.get("Retry-After"))
        return ()

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
            raise unavailable(name, error) from error

    def _http(self) -> requests.Session:
        session: requests.Session | None = getattr(self._local, "session", None)
        if session is None:
            session = requests.Session()
            self._local.session = session
        return session


def object_store(cloud: Cloud, *, container_id: str, container: str, region: str) -> ObjectStore:
    """The store of one container, one for all users of the session."""
    return cloud.session.shared(
        ("object-store", cloud.project, container_id),
        lambda: ObjectStore(cloud, container_id=container_id, container=container, region=region),
    )


def worth_another_try(error: BaseException) -> bool:
    """Whether a failed read may go well the next time."""
    if isinstance(error, ObjectRefused):
        return error.passing
    return isinstance(error, requests.RequestException | msgspec.DecodeError)


def unavailable(name: str, error: Exception) -> RemoteError:
    """The error for an object or container that cannot be read now."""
    why = f"it answered {error.status}" if isinstance(error, ObjectRefused) else f"{type(error).__name__}"
    return RemoteError(
        f"The object storage does not give {printable(name)!r}: {why}.",
        code="storage-unavailable",
        next_step=type_again("Wait a while", note="it goes on where it stopped"),
    )


def _take(response: requests.Response, skip: int, length: int) -> bytes:
    data = bytearray()
    for chunk in stored_bytes(response, 16 * 1024):
        data += chunk
        if len(data) >= skip + length:
            break
    return bytes(data[skip : skip + length])


def _quoted(name: str) -> str:
    return quote(name.encode("utf-8", "surrogatepass"), safe="/")


def _checked(url: str) -> str:
    """An URL that carries a right, over https (http on loopback only)."""
    if not secure_url(url):
        raise RemoteError("The object storage's address is not https, so no right is sent to it.", code="insecure-url")
    return url
