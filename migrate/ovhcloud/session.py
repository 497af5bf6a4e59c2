"""The session: the `ovh` client with timeouts, retries, a shared rate and errors that say what to do."""

import hashlib
import threading
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, TypeVar

import msgspec
import requests
import tenacity
from msgspec import Struct

from migrate.core.errors import ConfigurationError, Interrupted, MigrateError, RemoteError
from migrate.core.mending import Ask, Request, nobody
from migrate.core.text import type_again
from migrate.machine.patience import API_RETRY, WONDERED_AT, Retry, retry_after
from migrate.ovhcloud.bucket import Bucket
from migrate.ovhcloud.call_log import CallLog
from migrate.ovhcloud.calls import TIME, Call
from migrate.ovhcloud.client import Caller, make_client
from migrate.ovhcloud.config import Credentials
from migrate.ovhcloud.failures import (
    RETRIED,
    Refusal,
    error_for,
    no_connection,
    proxy_login,
    read_refusal,
    shortest,
)
from migrate.ovhcloud.paths import target
from migrate.ovhcloud.renewal import MENDABLE, Keys, from_configuration, refuse

T = TypeVar("T")


class _Again(Exception):  # noqa: N818 - a signal of this module, never seen outside
    """A try failed in a way that another may mend; ``error`` is what the last one raises.

    ``limited`` is whether the rate of requests was too high, which passes with the minute.
    """

    def __init__(self, error: MigrateError, *, retry_after: float | None = None, limited: bool = False) -> None:
        super().__init__(error.what)
        self.error = error
        self.retry_after = retry_after
        self.limited = limited


class Session:
    """Calls of OVHcloud's API, from any thread.

    ``stop`` may be set by the owner: calls that are waiting for their turn or for another try then raise
    Interrupted. Clear it to make the calls of a clean-up. ``before_effect`` is called before each request that changes
    something, and what it raises keeps the request from being sent.
    """

    def __init__(
        self,
        credentials: Credentials,
        bucket: Bucket,
        *,
        retry: Retry = API_RETRY,
        environ: Mapping[str, str] | None = None,
    ) -> None:
        self.endpoint_name = credentials.endpoint_name
        self.stop = threading.Event()
        self.tell: Callable[[str], object] = lambda _: None  # why nothing happens for a while, in a sentence
        self.before_effect: Callable[[], object] = lambda: None
        self._told_at = float("-inf")
        self.log = CallLog()
        self.ask: Ask = nobody  # a person, where a key stops working in the middle
        renew = refuse if environ is None else from_configuration(environ, self.asked)
        self._keys = Keys(credentials, renew, token_first=bool(credentials.client_id))
        self._bucket = bucket
        self._retry = retry
        self._local = threading.local()
        self._clients: list[Caller] = []
        self._lock = threading.Lock()
        self._clock_lock = threading.Lock()
        self._time_delta: int | None = None
        self._shared: dict[tuple[str, ...], Any] = {}

    def call(
        self,
        call: Call,
        *,
        params: Mapping[str, str] | None = None,
        query: Mapping[str, object] | None = None,
        body: object = None,
    ) -> Any:
        """Make one call and return the decoded JSON of its answer (None for an empty one).

        Args:
            call: One of ``calls.py``.
            params: The values of the parts of its path, not encoded.
            query: The query; lists are repeated, None is left out.
            body: What is sent as JSON, or None for no body.

        Raises:
            ConfigurationError: Wrong, expired or too narrow credentials, unknown project or object, clock skew.
                Credentials that worked and stop are read anew first, or a person is asked for others.
            NeedsYouError: ``quota-exceeded``.
            RemoteError: ``remote-unavailable``, ``rate-limited``, ``network``, ``conflict``, ``unexpected-answer``,
                or ``maybe-done`` where a POST may have been carried out.
            Interrupted: ``stop`` was set while waiting.
        """
        path = target(call.template, params or {}, query)
        while True:
            generation = self._keys.generation
            try:
                answer = self._clocked(call, path, body)
            except ConfigurationError as error:
                if error.code not in MENDABLE:
                    raise
                self._keys.replace(error, generation)  # it was refused, so nothing was carried out
            else:
                self._keys.took()
                return answer

    def _clocked(self, call: Call, path: str, body: object) -> Any:
        """Make a call, and once more with the service's clock read anew where it refused the time."""
        try:
            return self._retrying(call, path, body)
        except _ClockRefusal:
            self._time_delta = None
        try:
            return self._retrying(call, path, body)
        except _ClockRefusal as refused:
            raise error_for(refused.refusal) from None

    def shared(self, key: tuple[str, ...], make: Callable[[], T]) -> T:
        """What ``make`` returned the first time for this key: state that every user of the session has in common."""
        with self._lock:
            if key not in self._shared:
                self._shared[key] = make()
            found: T = self._shared[key]
            return found

    def asked(self, request: Request) -> str | None:
        """What the person answers whom ``ask`` asks at this moment."""
        return self.ask(request)

    @property
    def is_service_account(self) -> bool:
        """Whether it logs in by OAuth2, whose rights are IAM policies, and not by keys with rules."""
        return bool(self._keys.current.client_id)

    def clock_difference(self) -> int:
        """OVHcloud's clock less this machine's, in seconds.

        Raises:
            RemoteError: OVHcloud cannot be asked.
        """
        return _apart(self._retrying(TIME, TIME.template, None))

    def pause(self, seconds: float) -> None:
        """Sleep, unless ``stop`` is set: then raise Interrupted."""
        if seconds > 0 and self.stop.wait(seconds):
            raise Interrupted

    def _wait_for_limit(self, seconds: float) -> None:
        """Sleep for the rate of requests, and say so where a person would wonder, once for all threads that wait."""
        now = time.monotonic()
        if seconds >= WONDERED_AT and now - self._told_at >= WONDERED_AT:
            self._told_at = now + seconds
            self.tell(f"Waiting {seconds:.0f} s: OVHcloud limits how many requests a key may make in a minute.")
        self.pause(seconds)

    def close(self) -> None:
        """Close every pooled connection."""
        with self._lock:
            clients, self._clients = self._clients, []
        for client in clients:
            client.close()
        self.log.close()

    def __enter__(self) -> "Session":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _retrying(self, call: Call, path: str, body: object) -> Any:
        first = self._retry.first_wait
        backoff = tenacity.wait_exponential(multiplier=first, max=self._retry.longest_wait) + tenacity.wait_random(
            0, first
        )

        def wait(state: tenacity.RetryCallState) -> float:
            failure = state.outcome.exception() if state.outcome else None
            asked = failure.retry_after if isinstance(failure, _Again) else None
            return max(asked, backoff(state)) if asked is not None else backoff(state)

        retrying = tenacity.Retrying(
            retry=tenacity.retry_if_exception_type(_Again),
            stop=tenacity.stop_after_attempt(self._retry.attempts),
            wait=wait,
            sleep=self.pause,
            reraise=True,
        )
        try:
            return retrying(self._once, call, path, body)
        except _Again as failure:
            if not (failure.limited and self._retry.limited_wait):
                raise failure.error from failure.__cause__
        self._wait_for_limit(self._retry.limited_wait)
        try:
            return self._once(call, path, body)
        except _Again as failure:
            raise failure.error from failure.__cause__

    def _once(self, call: Call, path: str, body: object) -> Any:
        client, method, template, again = self._client(), call.method, call.template, call.repeatable
        if call.signed and self._keys.current.application_key:
            self._read_clock()
        self._wait_for_limit(self._bucket.reserve())
        if call.effect:
            self.before_effect()
        try:
            response = self.log.record(
                method, template, lambda: client.raw_call(method, path, body, need_auth=call.signed)
            )
        except requests.RequestException as error:
            raise _network_error(method, template, error, again=again) from error
        except Exception as error:
            if (failure := _client_error(error)) is None:
                raise
            raise failure from error
        query_id = response.headers.get("X-OVH-QUERYID")
        if 200 <= response.status_code < 300:
            return _decoded(method, template, response, query_id)
        refusal = read_refusal(method, template, response.status_code, response.content, query_id=query_id)
        if refusal.says_clock:
            raise _ClockRefusal(refusal)
        if refusal.status == 429:
            seconds = retry_after(response.headers.get("Retry-After"))
            self._bucket.drain(seconds or 0.0)  # other threads and processes of this key wait too
            raise _Again(error_for(refusal), retry_after=seconds, limited=True)
        if refusal.status in RETRIED and again:
            raise _Again(error_for(refusal), retry_after=retry_after(response.headers.get("Retry-After")))
        if refusal.status >= 500 and not again:
            raise _maybe_done(method, template, f"OVHcloud answered {refusal.status}", query_id)
        raise error_for(refusal)

    def _client(self) -> Caller:
        generation = self._keys.generation
        known: tuple[int, Caller] | None = getattr(self._local, "client", None)
        if known is not None and known[0] == generation:
            return known[1]
        client = make_client(self._keys.current, lambda: self._time_delta or 0)
        self._local.client = generation, client
        with self._lock:
            self._clients.append(client)
        return client

    def _read_clock(self) -> None:
        """Ask the server's time, once for all threads."""
        with self._clock_lock:
            if self._time_delta is not None:
                return
            self._time_delta = _apart(self._once(TIME, TIME.template, None))


def _apart(seconds: object) -> int:
    """The service's clock, as it answered it, less this machine's."""
    if not isinstance(seconds, int):
        raise RemoteError("OVHcloud answers its time in a form that is no number.", code="unexpected-answer")
    return seconds - int(time.time())


class _ClockRefusal(Exception):  # noqa: N818 - a signal of this module, never seen outside
    """The service refused the timestamp of the signature."""

    def __init__(self, refusal: Refusal) -> None:
        super().__init__(refusal.message)
        self.refusal = refusal


class Cloud(Struct, frozen=True):
    """A session and the Public Cloud project that it works in: what every service function takes."""

    session: Session
    project: str

    def call(
        self,
        call: Call,
        *,
        params: Mapping[str, str] | None = None,
        query: Mapping[str, object] | None = None,
        body: object = None,
    ) -> Any:
        """As ``Session.call``, with ``serviceName`` filled in."""
        return self.session.call(call, params={"serviceName": self.project, **(params or {})}, query=query, body=body)


def open_session(
    credentials: Credentials,
    *,
    state_folder: Path,
    retry: Retry = API_RETRY,
    environ: Mapping[str, str] | None = None,
) -> Session:
    """A session whose rate is shared, through ``state_folder``, with every process that uses the same key.

    Args:
        credentials: What it signs with.
        state_folder: Where the rate is written.
        retry: How often a call is tried.
        environ: Where the credentials were read from, to read them again when they stop working; None for nowhere.
    """
    consumer = credentials.consumer_key.reveal() if credentials.consumer_key else ""
    identity = f"{credentials.url}\n{credentials.application_key}\n{consumer}\n{credentials.client_id}"
    name = hashlib.sha256(identity.encode()).hexdigest()[:32]
    return Session(credentials, Bucket(state_folder / f"rate-{name}.json"), retry=retry, environ=environ)


def _decoded(method: str, template: str, response: requests.Response, query_id: str | None) -> Any:
    if response.status_code == 204 or not response.content.strip():
        return None
    try:
        return msgspec.json.decode(response.content)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise RemoteError(
            f"OVHcloud answered {method} {template} with something that is not JSON.",
            code="unexpected-answer",
            next_step=type_again(
                "See whether a proxy stands between", note="if it stays so, give the query id to OVHcloud's support"
            ),
            query_id=query_id,
        ) from error


def _network_error(method: str, template: str, error: requests.RequestException, *, again: bool) -> Exception:
    if (refused := proxy_login(error)) is not None:
        return refused
    never_sent = isinstance(error, requests.ConnectTimeout | requests.exceptions.SSLError) or no_connection(error)
    if not again and not never_sent:
        return _maybe_done(method, template, "The connection broke", None)
    if isinstance(error, requests.exceptions.SSLError):
        return RemoteError(
            f"The TLS connection to OVHcloud's API failed: {shortest(error)}.",
            code="network",
            next_step="Check the machine's certificates (REQUESTS_CA_BUNDLE) and proxy.",
        )
    return _Again(
        RemoteError(
            f"OVHcloud's API cannot be reached for {method} {template}: {shortest(error)}.",
            code="network",
            next_step=type_again("Check the network (and HTTPS_PROXY, where one is needed)"),
        )
    )


def _maybe_done(method: str, template: str, why: str, query_id: str | None) -> RemoteError:
    return RemoteError(
        f"{why} after {method} {template} was sent, so it may have been carried out.",
        code="maybe-done",
        next_step=type_again(note="it looks for what exists before it makes anything"),
        query_id=query_id,
    )


def _client_error(error: Exception) -> MigrateError | None:
    """What an error that the `ovh` client raises by itself means; None for any other, which is a bug."""
    from ovh.exceptions import APIError  # noqa: PLC0415

    if not isinstance(error, APIError):
        return None
    return ConfigurationError(
        f"OVHcloud's login refuses the credentials: {error}.",
        code="wrong-key",
        next_step="Check OVH_CLIENT_ID and OVH_CLIENT_SECRET, and that the service account belongs to this platform.",
    )


def convert(value: object, kind: type[T], what: str) -> T:
    """``value``, decoded JSON, as a record (or a tuple of records) of the given type; unknown fields are ignored.

    Raises:
        RemoteError: ``unexpected-answer`` when the answer is not what the contract says.
    """
    try:
        return msgspec.convert(value, kind)
    except msgspec.ValidationError as error:
        raise RemoteError(
            f"OVHcloud's answer about {what} is not what its API describes: {error}.",
            code="unexpected-answer",
            next_step="Update this tool; if it is the newest version, report this line.",
        ) from error
