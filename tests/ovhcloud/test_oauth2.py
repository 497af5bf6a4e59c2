"""Service accounts: OAuth2, over https only."""

from pathlib import Path

import pytest

from migrate.core.errors import ConfigurationError, RemoteError
from migrate.ovhcloud import projects
from migrate.sandbox import control
from tests.clouds import calls
from tests.service_accounts import open_oauth, tls

__all__ = ["tls"]


def test_a_service_account_works_at_another_base_url(sandbox: Path, tls: str, tmp_path: Path) -> None:
    cloud = open_oauth(sandbox, tls, tmp_path)
    with cloud.session:
        assert projects.project(cloud).status == "ok"
        assert projects.project(cloud).status == "ok"
    assert calls(sandbox, "GET", "/cloud/project/{serviceName}") == 2
    assert calls(sandbox, "GET", "/auth/time") == 0  # nothing is signed


def test_a_token_that_was_revoked_is_made_anew(sandbox: Path, tls: str, tmp_path: Path) -> None:
    cloud = open_oauth(sandbox, tls, tmp_path)
    with cloud.session:
        assert projects.project(cloud).status == "ok"
        control.reset(sandbox)  # forgets every token
        assert projects.project(cloud).status == "ok"
    assert calls(sandbox, "GET", "/cloud/project/{serviceName}") == 2  # one was refused


def test_a_wrong_client_secret(sandbox: Path, tls: str, tmp_path: Path) -> None:
    cloud = open_oauth(sandbox, tls, tmp_path, secret="not-the-right-secret")
    with cloud.session, pytest.raises(ConfigurationError) as caught:
        projects.project(cloud)
    assert caught.value.code == "wrong-key"
    assert "not-the-right-secret" not in caught.value.what
    assert "OVH_CLIENT_SECRET" in caught.value.next_step


def test_a_certificate_that_nobody_signed(
    sandbox: Path, tls: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("REQUESTS_CA_BUNDLE")
    cloud = open_oauth(sandbox, tls, tmp_path)
    with cloud.session, pytest.raises(RemoteError) as caught:
        projects.project(cloud)
    assert caught.value.code == "network"
    assert "TLS" in caught.value.what
