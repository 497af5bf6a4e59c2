"""Asking an endpoint over HTTP: the old one or the new one, they speak the same."""

from typing import TYPE_CHECKING, Any, Final

import msgspec
import tenacity

from migrate.core.errors import RemoteError
from migrate.core.secret import Secret
from migrate.core.values import Sample
from migrate.machine.patience import ENDPOINT_RETRY
from migrate.parity.answer import Answer, Call

if TYPE_CHECKING:
    from collections.abc import Callable

    import requests

_TRY_AGAIN: Final = frozenset({429, 502, 503, 504})


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
        headers = {"Content-Type": "application/json", "Accept": "application/json"}
        return _ask(
            url, lambda: session.post(f"{url}/eval", data=body, headers=headers, timeout=timeout, allow_redirects=False)
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


def _ask(url: str, send: "Callable[[], requests.Response]") -> Answer:
    import requests  # noqa: PLC0415

    def once() -> Answer:
        answer = _answer(send())
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
            next_step="Check the network and that the endpoint runs, then run again.",
        ) from error


def _answer(response: "requests.Response") -> Answer:
    try:
        body = msgspec.json.decode(response.content)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        body = None
    return Answer(
        status=response.status_code,
        body=body if isinstance(body, dict) else None,
        text=response.content[:2000].decode("utf-8", "replace"),
    )
