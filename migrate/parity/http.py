"""Asking an endpoint over HTTP: the old one, the new one, or an image on this machine; they speak the same."""

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import quote

import msgspec
import tenacity
from msgspec import Struct

from migrate.core.errors import RemoteError
from migrate.core.secret import Secret
from migrate.core.text import type_again
from migrate.core.values import Sample
from migrate.machine.patience import ENDPOINT_RETRY

if TYPE_CHECKING:
    import requests


class Answer(Struct, frozen=True, kw_only=True):
    """What an endpoint answered: HTTP status, the JSON object in the body (None where there is none), the text."""

    status: int
    body: dict[str, Any] | None
    text: str


Call = Callable[[Sample], Answer]
"""Asks one endpoint: the sample's request in, its answer out."""
Send = Callable[[str, str, Mapping[str, str], bytes], tuple[int, Mapping[str, str], bytes]]
"""Sends method, path, headers and body to a server of several models; its answer is status, headers and body."""
_TRY_AGAIN: Final = frozenset({429, 502, 503, 504})
_HEADERS: Final = {"Content-Type": "application/json", "Accept": "application/json"}


class _BusyError(Exception):
    """The endpoint, or something in front of it, asks to try again."""

    def __init__(self, answer: Answer) -> None:
        self.answer = answer
        super().__init__(answer.status)


def http_caller(url: str, token: Secret | None, *, timeout: float) -> Call:
    """A caller of ``POST {url}/eval``.

    A request is repeated when the network breaks or a gateway says to try again: evaluating changes nothing.

    Args:
        url: The endpoint, without trailing slash.
        token: Sent as bearer token.
        timeout: Seconds to connect and between bytes.

    Returns:
        The caller; it raises RemoteError when the endpoint cannot be reached.
    """
    session = _session(token)

    def call(sample: Sample) -> Answer:
        body = msgspec.json.encode(sample.request)
        return _ask(
            url,
            lambda: session.post(f"{url}/eval", data=body, headers=_HEADERS, timeout=timeout, allow_redirects=False),
        )

    return call


def describe_at(url: str, token: Secret | None, *, timeout: float) -> dict[str, Any]:
    """The answer of ``GET {url}/describe``.

    Raises:
        RemoteError: It cannot be reached, or answers anything but a JSON object.
    """
    session = _session(token)
    answer = _ask(url, lambda: session.get(f"{url}/describe", timeout=timeout, allow_redirects=False))
    if answer.status != 200 or answer.body is None:
        raise RemoteError(
            f"{url}/describe answered HTTP {answer.status} and no description.",
            code="no-description",
            next_step="Check that the URL is a model's, and that the token may read it.",
        )
    return answer.body


def caller_through(send: Send, model_id: str) -> Call:
    """A caller of a model's ``/eval``; what ``send`` raises passes."""
    path = f"/{quote(model_id, safe='')}/eval"

    def call(sample: Sample) -> Answer:
        status, _, content = send("POST", path, _HEADERS, msgspec.json.encode(sample.request))
        return _answer(status, content)

    return call


def describe_through(send: Send, model_id: str) -> dict[str, Any]:
    """What a model answers on ``/describe``; empty where that is no description. What ``send`` raises passes."""
    status, _, content = send("GET", f"/{quote(model_id, safe='')}/describe", {}, b"")
    answer = _answer(status, content)
    return answer.body or {} if answer.status == 200 else {}


def _session(token: Secret | None) -> "requests.Session":
    import requests  # noqa: PLC0415 - costs more than the rest of the command's start

    session = requests.Session()
    if token is not None:
        # an auth object, not a header: requests would replace the header by a ~/.netrc entry of the host
        session.auth = _Bearer(token)
    return session


class _Bearer:
    def __init__(self, token: Secret) -> None:
        self._token = token

    def __call__(self, request: "requests.PreparedRequest") -> "requests.PreparedRequest":
        request.headers["Authorization"] = f"Bearer {self._token.reveal()}"
        return request


def _ask(url: str, send: Callable[[], "requests.Response"]) -> Answer:
    import requests  # noqa: PLC0415

    def once() -> Answer:
        response = send()
        answer = _answer(response.status_code, response.content)
        if answer.status in _TRY_AGAIN:
            raise _BusyError(answer)
        return answer

    try:
        return tenacity.Retrying(
            retry=tenacity.retry_if_exception_type((requests.ConnectionError, requests.Timeout, _BusyError)),
            stop=tenacity.stop_after_attempt(ENDPOINT_RETRY.attempts),
            wait=tenacity.wait_random_exponential(
                multiplier=ENDPOINT_RETRY.first_wait, max=ENDPOINT_RETRY.longest_wait
            ),
            reraise=True,
        )(once)
    except _BusyError as error:
        return error.answer
    except requests.RequestException as error:
        raise RemoteError(
            f"{url} does not answer: {type(error).__name__}.",
            code="network",
            next_step=type_again("Check the network and that the endpoint runs"),
        ) from error


def _answer(status: int, content: bytes) -> Answer:
    try:
        body = msgspec.json.decode(content)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        body = None
    return Answer(
        status=status,
        body=body if isinstance(body, dict) else None,
        text=content[:2000].decode("utf-8", "replace"),
    )
