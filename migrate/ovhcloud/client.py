"""The `ovh` client, told what it does not know: other base URLs, a clock shared by threads, OAuth2 timeouts."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Protocol, cast
from urllib.parse import urlsplit

from migrate.core.errors import ConfigurationError
from migrate.machine.patience import API_TIMEOUT
from migrate.ovhcloud.config import ENDPOINT_URLS, Credentials, check_endpoint

if TYPE_CHECKING:
    import requests


class Caller(Protocol):
    """What the session uses of the `ovh` client."""

    def raw_call(self, method: str, path: str, data: object = None, need_auth: bool = True) -> "requests.Response":
        """Sign and send one request."""

    def close(self) -> None:
        """Close the pooled connections."""


def make_client(credentials: Credentials, time_delta: Callable[[], int]) -> Caller:
    """A client for one thread; ``time_delta`` gives the server's clock less this machine's, in seconds.

    Raises:
        ConfigurationError: ``bad-endpoint`` or ``bad-configuration``.
    """
    from ovh.client import Client  # noqa: PLC0415 - `--help` must not pay for it
    from ovh.exceptions import InvalidConfiguration  # noqa: PLC0415

    class ClockedClient(Client):
        """The `ovh` client with the session's clock instead of one of its own."""

        @property
        def time_delta(self) -> int:
            return time_delta()

        def close(self) -> None:
            """Close the pooled connections."""
            self._session.close()

    check_endpoint(credentials.endpoint)
    _enter_endpoint(credentials)
    secret, consumer, oauth = credentials.application_secret, credentials.consumer_key, credentials.client_secret
    try:
        client = ClockedClient(  # type: ignore[no-untyped-call]
            endpoint=credentials.endpoint,
            application_key=credentials.application_key,
            application_secret=secret.reveal() if secret else None,
            consumer_key=consumer.reveal() if consumer else None,
            client_id=credentials.client_id,
            client_secret=oauth.reveal() if oauth else None,
            timeout=API_TIMEOUT,
        )
    except InvalidConfiguration as error:
        raise ConfigurationError(
            f"The `ovh` client refuses the configuration: {error}.", code="bad-configuration"
        ) from error
    if credentials.client_id and oauth:
        client._oauth2 = _timed_oauth2(credentials.client_id, oauth.reveal(), token_url(credentials.url))
    return cast("Caller", client)


def _enter_endpoint(credentials: Credentials) -> None:
    """Add a base URL to the tables of the `ovh` client, which otherwise raises InvalidRegion for it."""
    if credentials.endpoint in ENDPOINT_URLS:
        return
    import ovh.client  # noqa: PLC0415

    ovh.client.ENDPOINTS[credentials.endpoint] = credentials.url
    if credentials.client_id:
        ovh.client.OAUTH2_TOKEN_URLS[credentials.endpoint] = token_url(credentials.url)


def token_url(url: str) -> str:
    """Where a service account gets its token for an API.

    Args:
        url: The base URL of the API.
    """
    import ovh.client  # noqa: PLC0415

    by_url = {known: ovh.client.OAUTH2_TOKEN_URLS.get(name) for name, known in ENDPOINT_URLS.items()}
    return by_url.get(url) or f"https://{urlsplit(url).netloc}/auth/oauth2/token"


def _timed_oauth2(client_id: str, client_secret: str, token_url: str) -> Any:
    """The client's OAuth2 flow with a timeout on the token request, which it sends without one."""
    from ovh.oauth2 import OAuth2, RefreshOAuth2Session  # noqa: PLC0415

    class Timed(RefreshOAuth2Session):
        """Every request has a timeout."""

        def request(self, *args: Any, **kwargs: Any) -> Any:
            kwargs["timeout"] = kwargs.get("timeout") or API_TIMEOUT
            return super().request(*args, **kwargs)  # type: ignore[no-untyped-call]

    class TimedOAuth2(OAuth2):
        """One session, made with its token at the first call."""

        @property
        def session(self) -> Any:
            if self._session is None:
                from oauthlib.oauth2 import (  # type: ignore[import-untyped]  # noqa: PLC0415
                    BackendApplicationClient,
                )

                secrets = {"client_id": client_id, "client_secret": client_secret}
                session = Timed(  # type: ignore[no-untyped-call]
                    token_url=token_url,
                    client=BackendApplicationClient(client_id=client_id, scope=["all"]),
                    token_updater=self.token_updater,
                    auto_refresh_kwargs=secrets,
                )
                session.fetch_token(token_url=token_url, **secrets)  # type: ignore[no-untyped-call]
                self._session = session
            return self._session

    return TimedOAuth2(client_id, client_secret, token_url)  # type: ignore[no-untyped-call]
