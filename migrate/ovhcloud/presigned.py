"""A bucket that is read through presigned URLs, whoever lists it and signs them."""

import threading
from collections.abc import Callable, Iterable, Mapping
from typing import Final

import requests
from msgspec import Struct

from migrate.ovhcloud.objects import ObjectStore, checked_url
from migrate.ovhcloud.stored import UNASKED, ObjectFacts, ObjectRefused, Segment, StoredObject, facts_of

_REFUSED: Final = frozenset({400, 401, 403})  # 400 is Amazon's answer to an expired token


class SignedUrl(Struct, frozen=True):
    """An URL that anybody may GET until it expires, with these headers; its query is a right and must not be shown."""

    url: str
    headers: Mapping[str, str]


class PresignedStore(ObjectStore):
    """One bucket.

    Args:
        bucket: Its name.
        objects: Lists every object whose name starts with a prefix, and perhaps more.
        sign: Makes an URL for GET of an object.
        check: Passes the URLs that a right may be sent to; by default https, and http on loopback.
        mend: Whether what a fresh URL was refused for is mended by now, so that another one may do.
    """

    def __init__(
        self,
        bucket: str,
        objects: Callable[[str], Iterable[StoredObject]],
        sign: Callable[[str], SignedUrl],
        *,
        check: Callable[[str], str] = checked_url,
        mend: Callable[[str, requests.Response], bool] = lambda _url, _response: False,
    ) -> None:
        super().__init__(bucket)
        self._objects = objects
        self._sign = sign
        self._check = check
        self._mend = mend
        self._lock = threading.Lock()
        self._urls: dict[str, SignedUrl] = {}

    def list(self, prefix: str, *, expected: int | None = None) -> tuple[StoredObject, ...]:  # noqa: ARG002 - no use
        """Every object whose name starts with ``prefix``, and perhaps more."""
        return tuple(self._objects(prefix))

    def many(self, count: int) -> None:
        """Nothing: there is one road."""

    def segments(self, name: str) -> tuple[Segment, ...]:  # noqa: ARG002 - S3 has none
        """None: the parts of a multipart upload are no objects."""
        return ()

    def _asked(self, method: str, name: str, headers: Mapping[str, str]) -> requests.Response:
        if {".", ".."} & set(name.split("/")):
            raise ObjectRefused(UNASKED, None)  # the client would ask for another object
        with self._lock:
            known = self._urls.get(name)
        if known is not None:
            response = self._send(method, known.url, {**headers, **known.headers})
            if response.status_code not in _REFUSED:
                return response
            response.close()
        while True:
            made = self._sign(name)
            self._check(made.url)
            with self._lock:
                self._urls[name] = made
            response = self._send(method, made.url, {**headers, **made.headers})
            if response.status_code not in _REFUSED or not self._mend(made.url, response):
                return response
            response.close()

    def _facts_now(self, name: str) -> ObjectFacts:
        """Ask for one byte: a signature is for one method, and the URL is for GET."""
        with self._asked("GET", name, {"Range": "bytes=0-0"}) as response:
            if response.status_code == 416:
                return ObjectFacts(size=0, etag="", static=False, prefix="", encoding="")
            if response.status_code not in {200, 206}:
                raise ObjectRefused(response.status_code, response.headers.get("Retry-After"))
            return facts_of(response)
