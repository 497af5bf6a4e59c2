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
from migrate.core.errors import ConfigurationError, RemoteError
from migrate.core.text import printable, type_again
from migrate.machine.patience import API_TIMEOUT, STORAGE_RETRY
from migrate.ovhcloud import storage
from migrate.ovhcloud.failures import RETRIED
from migrate.ovhcloud.session import Cloud

T = TypeVar("T")

FEW: Final = 20  # so many calls for listings and temporary URLs; then one token for Swift itself serves the rest
_BIG: Final = 100  # the API's listing has no marker, and where it stops is not documented


class StoredObject(Struct, frozen=True, kw_only=True):
    """An object as listed; ``sealed`` objects lie in a cold archive and cannot be read.

    ``last_modified`` is UTC to the second, for that much the API and Swift say in the same way.
    """

    name: str
    size: int
    last_modified: str = ""
    content_type: str = ""
    sealed: bool = False


class ObjectRefused(Exception):  # noqa: N818 - a signal to the downloader, which decides what it means
    """The store answered a GET of an object with something other than its bytes."""

    def __init__(self, status: int, retry_after: str | None) -> None:
        super().__init__(str(status))
        self.status = status
        self.retry_after = retry_after


class _SwiftRow(Struct, frozen=True):
    name: str
    bytes: int = 0
    content_type: str = ""
    last_modified: str = ""


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
        self._local = threading.local()

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
            ObjectRefused: Any other status, after the right to read was renewed once.
            requests.RequestException: The connection failed.
        """
        wanted = {"Accept-Encoding": "identity", **(headers or {})}
        response = self._get(name, wanted)
        if response.status_code in {401, 403}:
            response.close()
            self._forget(name)
            response = self._get(name, wanted)
        with response:
            if response.status_code not in {200, 206, 416}:
                raise ObjectRefused(response.status_code, response.headers.get("Retry-After"))
            yield response

    def read(self, name: str, offset: int, length: int) -> bytes:
        """Bytes of an object; fewer at its end. The whole is never read, also where Range is ignored.

        Raises:
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

    def _get(self, name: str, headers: Mapping[str, str]) -> requests.Response:
        url, right = self._target(name)
        return self._http().get(url, headers={**headers, **right}, timeout=API_TIMEOUT, stream=True)

    def _target(self, name: str) -> tuple[str, dict[str, str]]:
        with self._lock:
            known = self._urls.get(name)
        if known:
            return known, {}
        if self._many():
            url, token = self._swift()
            return f"{url}/{quote(name.encode('utf-8', 'surrogatepass'), safe='/')}", {"X-Auth-Token": token}
        url = _checked(storage.temporary_url(self._cloud, self._container_id, name))
        with self._lock:
            self._urls[name] = url
        return url, {}

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
                    name=row.name, size=row.bytes, last_modified=row.last_modified[:19], content_type=row.content_type
                )
            if rows[-1].name == marker:
                return
            marker = rows[-1].name

    def _page(self, prefix: str, marker: str) -> tuple[_SwiftRow, ...]:
        query = {"format": "json", "prefix": prefix, "marker": marker}
        url, token = self._swift()
        with self._http().get(url, params=query, headers={"X-Auth-Token": token}, timeout=API_TIMEOUT) as response:
            if response.status_code in {401, 403}:
                with self._lock:
                    self._access = None
            if response.status_code not in {200, 204}:
                raise ObjectRefused(response.status_code, response.headers.get("Retry-After"))
            return msgspec.json.decode(response.content or b"[]", type=tuple[_SwiftRow, ...])

    def _tried(self, name: str, once: Callable[[], T]) -> T:
        """Try a read of the store a few times; its answers need no care, for reading changes nothing."""
        retrying = tenacity.Retrying(
            retry=tenacity.retry_if_exception(worth_another_try),
            stop=tenacity.stop_after_attempt(STORAGE_RETRY.attempts),
            wait=tenacity.wait_exponential(multiplier=STORAGE_RETRY.first_wait, max=STORAGE_RETRY.longest_wait)
            + tenacity.wait_random(0, STORAGE_RETRY.first_wait),
            reraise=True,
        )
        try:
            return retrying(once)
        except (requests.RequestException, ObjectRefused, msgspec.DecodeError) as error:
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
        return error.status in {401, 403, 498, *RETRIED}  # 498 is Swift's own "too many requests"
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
    for chunk in response.iter_content(16 * 1024):
        data += chunk
        if len(data) >= skip + length:
            break
    return bytes(data[skip : skip + length])


def _checked(url: str) -> str:
    """An URL that carries a right, over https (http on loopback only)."""
    if not secure_url(url):
        raise RemoteError("The object storage's address is not https, so no right is sent to it.", code="insecure-url")
    return url
