"""Connections to a registry: what is sent, what comes back, and that there is no answer at all.

Proxies and authorities are those of the environment (``HTTPS_PROXY``, ``NO_PROXY``, ``REQUESTS_CA_BUNDLE``) and of the
registry's own folder (``certificates``). Cookies are dropped, as engines drop them: Harbor takes whoever returns its
cookie for a browser. No request is repeated here; who asks knows whether it may be.
"""

from __future__ import annotations

import contextlib
import ssl
from http.cookiejar import DefaultCookiePolicy
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urljoin, urlsplit, urlunsplit

import requests
from msgspec import Struct
from requests.adapters import HTTPAdapter
from urllib3.exceptions import HTTPError
from urllib3.util import Retry

from migrate.core.addresses import is_loopback, secure_url
from migrate.core.errors import LocalError
from migrate.core.text import printable, type_again
from migrate.images.registry.certificates import TrustingAdapter
from migrate.images.registry.sockets import Sockets
from migrate.machine.patience import REGISTRY_TIMEOUT

if TYPE_CHECKING:
    import socket
    from collections.abc import Iterable, Iterator, Mapping

AT_MOST: Final = 8 << 20  # bytes; a manifest or an image's configuration is a few kB
_HUB: Final = ("docker.io", "index.docker.io")
_NEVER: Final = Retry(total=0, redirect=False, raise_on_status=False)


class Incoming:
    """A body that is read as it comes; what breaks it is an ``OSError``."""

    def __init__(self, answer: requests.Response) -> None:
        self._answer = answer

    def read(self, size: int, /) -> bytes:
        """At most ``size`` bytes; none at the end."""
        try:
            found: bytes = self._answer.raw.read(size, decode_content=False)
        except HTTPError as error:
            raise ConnectionError(_reason(error)) from error
        return found

    def close(self) -> None:
        """Let go of the connection."""
        self._answer.close()


class Answer(Struct, frozen=True, kw_only=True):
    """What came back, and from which address; ``headers`` are found in any case.

    ``content`` is the whole body, unless it is a ``stream``.
    """

    url: str
    status: int
    headers: Mapping[str, str]
    content: bytes = b""
    stream: Incoming | None = None

    def header(self, name: str) -> str:
        """A header, or nothing."""
        return self.headers.get(name, "")


class NoAnswer(Exception):  # noqa: N818 - half of its catchers go on
    """No answer came: the connection was refused or broke, or nothing was said in time; the text says which.

    Attributes:
        certain: Trying again is of no use: the certificate is not trusted.
    """

    def __init__(self, why: str, *, certain: bool = False) -> None:
        super().__init__(why)
        self.certain = certain


class Transport:
    """The connections to one registry, and to whom it sends on.

    Threads may share it.

    Args:
        registry: ``host[:port]``.

    Raises:
        LocalError: A certificate of the registry's folder cannot be read (``registry-failed``).
    """

    def __init__(self, registry: str) -> None:
        self._registry = registry
        self._sockets = Sockets()
        self._session = requests.Session()
        # A proxy of the environment has no business between this machine and itself.
        self._session.trust_env = not is_loopback(registry)
        self._session.headers["Accept-Encoding"] = "identity"  # layers and manifests are wanted as they are stored
        self._session.auth = _as_it_is  # a login for this host in ~/.netrc would take the place of a token
        self._session.cookies.set_policy(DefaultCookiePolicy(allowed_domains=()))
        plain, trusting = HTTPAdapter(max_retries=_NEVER), TrustingAdapter(registry, _NEVER)
        for scheme, adapter in (("http://", plain), ("https://", trusting)):
            self._sockets.watch(adapter)
            self._session.mount(scheme, adapter)
        host = "registry-1.docker.io" if registry in _HUB else registry
        # Engines speak http to registries on their own machine (engine/transfer.py); to any other, neither they nor
        # this client do.
        self.base: Final = f"{'http' if is_loopback(registry) else 'https'}://{host}/v2/"

    def exchange(
        self,
        method: str,
        url: str,
        *,
        headers: Mapping[str, str],
        body: Iterable[bytes | memoryview] | bytes | None = None,
        seconds: float = REGISTRY_TIMEOUT[1],
        streamed: bool = False,
        **more: Any,
    ) -> Answer:
        """One request and its answer. Redirects of GET are followed, without the login to another host.

        Args:
            method: Such as ``PUT``.
            url: Where to.
            headers: As they are sent.
            body: Its bytes; those with a ``len`` are announced by it, others sent in pieces as they come.
            seconds: How long an answer may keep silent.
            streamed: Leave the body of a good answer to be read from its ``stream``, which the caller closes.
            **more: ``params`` and ``data`` as ``requests`` has them.

        Raises:
            NoAnswer: None came.
            LocalError: The answer is far too long (``registry-failed``).
        """
        try:
            answer = self._session.request(
                method,
                url,
                headers=dict(headers),
                timeout=(REGISTRY_TIMEOUT[0], seconds),
                stream=True,
                allow_redirects=method == "GET",
                **({"data": body} if body is not None else more),
            )
            if streamed and answer.ok:
                stream = Incoming(answer)
                return Answer(url=answer.url, status=answer.status_code, headers=answer.headers, stream=stream)
            with answer:
                content = self._body(answer)
                return Answer(url=answer.url, status=answer.status_code, headers=answer.headers, content=content)
        except requests.RequestException as error:
            raise NoAnswer(printable(_reason(error), 200), certain=_is_certain(error)) from error

    def _body(self, answer: requests.Response) -> bytes:
        if answer.request.method == "HEAD":
            return b""
        pieces: list[bytes] = []
        for piece in answer.iter_content(1 << 16):
            pieces.append(piece)
            if len(pieces) << 16 > AT_MOST:
                raise LocalError(
                    f"The registry {self._registry} cannot be used: its answer is far too long.",
                    code="registry-failed",
                    next_step=type_again(note="if it stays so, ask who runs the registry"),
                )
        return b"".join(pieces)

    def is_own(self, url: str) -> bool:
        """Whether this is the registry itself, to which its login is sent: its scheme, host and port."""
        return _origin(url) == _origin(self.base)

    def followed(self, said: str, asked: str) -> str | None:
        """Where a ``Location`` leads, or None where nothing may be sent there, which is http to another machine.

        Behind a proxy that does not say which scheme clients use, a registry calls itself http; it stays https.

        Args:
            said: The header: a whole address or a part of one.
            asked: The address that was asked.
        """
        url = urljoin(asked, said)
        parts = urlsplit(url)
        if parts.scheme == "http" and self.base.startswith("https:") and parts.netloc == urlsplit(self.base).netloc:
            url = urlunsplit(parts._replace(scheme="https"))
        return url if secure_url(url) else None

    def break_off(self) -> None:
        """End what is going on in other threads, which then get no answer."""
        self._sockets.shut()

    @contextlib.contextmanager
    def watched(self) -> Iterator[list[socket.socket]]:
        """Inside, the list holds the socket of this thread's request once its head is sent."""
        with self._sockets.seen() as seen:
            yield seen


def _as_it_is(request: requests.PreparedRequest) -> requests.PreparedRequest:
    return request


def _origin(url: str) -> tuple[str, str, int]:
    parts = urlsplit(url)
    return parts.scheme, (parts.hostname or "").lower(), parts.port or (443 if parts.scheme == "https" else 80)


def _reason(error: BaseException) -> str:
    """The innermost words of an error: the outer ones repeat the address and objects' names."""
    while error.__context__ is not None:
        error = error.__context__
    return str(error) or type(error).__name__


def _is_certain(error: BaseException | None) -> bool:
    while error is not None:
        if isinstance(error, ssl.SSLCertVerificationError):
            return True
        error = error.__context__
    return False
