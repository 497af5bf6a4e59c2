"""A proxy that refuses the login: told as that, and asked once."""

import socket
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests

from migrate.core.errors import ConfigurationError, ExitCode
from migrate.ovhcloud.calls import PROJECTS
from migrate.ovhcloud.config import read_credentials
from migrate.ovhcloud.objects import worth_another_try
from migrate.ovhcloud.session import open_session
from tests.clouds import QUICK


@pytest.fixture
def refused(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    """The hosts that the proxy was asked for, which refuses everybody."""
    asked: list[str] = []
    listener = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        while True:
            try:
                client, _ = listener.accept()
            except OSError:
                return
            with client:
                asked.append(client.recv(1 << 16).decode().split()[1])
                client.sendall(b"HTTP/1.1 407 Log in\r\nProxy-Authenticate: Basic\r\nContent-Length: 0\r\n\r\n")

    threading.Thread(target=serve, daemon=True).start()
    for name in ("HTTPS_PROXY", "https_proxy"):
        monkeypatch.setenv(name, f"http://jane:wrong@127.0.0.1:{listener.getsockname()[1]}")
    for name in ("NO_PROXY", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
    yield asked
    listener.shutdown(socket.SHUT_RDWR)
    listener.close()


def test_the_api_is_not_asked_again(refused: list[str], tmp_path: Path) -> None:
    environ = {
        "HOME": "/nonexistent",
        "OVH_ENDPOINT": "https://api.example/1.0",
        "OVH_APPLICATION_KEY": "key",
        "OVH_APPLICATION_SECRET": "secret-of-application",
        "OVH_CONSUMER_KEY": "consumer-key",
    }
    with (
        open_session(read_credentials(environ), state_folder=tmp_path / "state", retry=QUICK) as session,
        pytest.raises(ConfigurationError, match="The proxy refuses the name or the password") as caught,
    ):
        session.call(PROJECTS)
    assert (caught.value.code, caught.value.exit_code) == ("proxy-login", ExitCode.CONFIGURATION)
    assert refused == ["api.example:443"]


@pytest.mark.usefixtures("refused")
def test_storage_is_not_tried_again() -> None:
    with pytest.raises(requests.exceptions.ProxyError) as caught:
        requests.get("https://storage.example", timeout=10)
    assert not worth_another_try(caught.value)
    assert worth_another_try(requests.exceptions.ProxyError("Cannot connect to proxy."))
