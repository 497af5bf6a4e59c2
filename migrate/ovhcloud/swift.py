"""A container of Swift: listed and read through temporary URLs or a Swift token."""

import threading
from collections.abc import Iterator, Mapping
from typing import Final
from urllib.parse import quote

import msgspec
import requests
from msgspec import Struct

from migrate.core.errors import ConfigurationError, MigrateError
from migrate.core.text import printable
from migrate.machine.patience import API_TIMEOUT
from migrate.ovhcloud import storage
from migrate.ovhcloud.objects import ObjectStore, checked_url
from migrate.ovhcloud.session import Cloud
from migrate.ovhcloud.stored import UNASKED, ObjectRefused, Segment, StoredObject

FEW: Final = 20  # so many calls for listings and temporary URLs; then one token for Swift itself serves the rest
_BIG: Final = 100  # the API's listing has no marker, and where it stops is not documented


class _SwiftRow(Struct, frozen=True):
    name: str
    bytes: int = 0
    content_type: str = ""
    last_modified: str = ""
    slo_etag: str = ""


class _Segment(Struct, frozen=True):
    """A row of a manifest (OpenStack Swift, static large objects); one without a name has its bytes as ``data``."""

    name: str = ""
    bytes: int = 0
    hash: str = ""
    range: str = ""
    sub_slo: bool = False


class SwiftStore(ObjectStore):
    """One container.

    The first calls go through OVHcloud's API (a listing, a temporary URL for each object); with more than a few, one
    ``POST /storage/access`` opens Swift itself, which does not count against the API's rate.
    """

    def __init__(self, cloud: Cloud, *, container_id: str, container: str, region: str) -> None:
        super().__init__(container)
        self._cloud = cloud
        self._container_id = container_id
        self._region = region.upper()
        self._lock = threading.Lock()
        self._calls = 0
        self._access: storage.SwiftAccess | None = None
        self._urls: dict[str, str] = {}

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

    def segments(self, name: str) -> tuple[Segment, ...]:
        """The segments of a static large object, in their order.

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

        return tuple(
            Segment(
                path=row.name.removeprefix("/"),
                size=row.bytes,
                etag=row.hash,
                is_whole=bool(row.name) and not row.range and not row.sub_slo,
            )
            for row in self._tried(name, once)
        )

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
        url = checked_url(storage.temporary_url(self._cloud, self._container_id, name))
        with self._lock:
            self._urls[name] = url
        return self._send(method, url, headers), True, True

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
        return f"{checked_url(base)}/{quote(self._container, safe='')}", access.token.reveal()

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


def object_store(cloud: Cloud, *, container_id: str, container: str, region: str) -> SwiftStore:
    """The store of one container, one for all users of the session."""
    return cloud.session.shared(
        ("object-store", cloud.project, container_id),
        lambda: SwiftStore(cloud, container_id=container_id, container=container, region=region),
    )


def _quoted(name: str) -> str:
    return quote(name.encode("utf-8", "surrogatepass"), safe="/")
