import base64
import json
from pathlib import Path

import pytest

from migrate.core.errors import ConfigurationError
from migrate.core.secret import Secret
from migrate.images.registry.credentials import RegistryCredentials, credentials_for


@pytest.fixture
def docker_config(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("DOCKER_CONFIG", str(tmp_path))
    monkeypatch.setenv("HOME", str(tmp_path))
    return tmp_path / "config.json"


def test_a_typed_user_takes_its_password_from_the_environment(docker_config: Path) -> None:
    environ = {"MIGRATE_REGISTRY_PASSWORD": "typed-password"}
    assert credentials_for("r.example.com", "me", environ) == RegistryCredentials(
        username="me", password=Secret("typed-password")
    )
    assert "typed-password" not in repr(credentials_for("r.example.com", "me", environ))


@pytest.mark.parametrize("environ", [{}, {"MIGRATE_REGISTRY_PASSWORD": ""}])
def test_a_user_without_a_password_names_the_variable(docker_config: Path, environ: dict[str, str]) -> None:
    with pytest.raises(ConfigurationError) as error:
        credentials_for("r.example.com", "me", environ)
    assert error.value.code == "no-registry-password"
    assert "MIGRATE_REGISTRY_PASSWORD" in error.value.next_step


def test_nobody_said_anything(docker_config: Path) -> None:
    assert credentials_for("r.example.com", None, {}) is None
    docker_config.write_text("{}")
    assert credentials_for("r.example.com", None, {}) is None


def test_dockers_own_login(docker_config: Path) -> None:
    entry = base64.b64encode(b"me:from:docker").decode()
    docker_config.write_text(json.dumps({"auths": {"r.example.com:5000": {"auth": entry}, "x.example.com": {}}}))
    found = credentials_for("r.example.com:5000", None, {})
    assert found == RegistryCredentials(username="me", password=Secret("from:docker"))
    assert credentials_for("r.example.com", None, {}) is None
    assert credentials_for("x.example.com", None, {}) is None


@pytest.mark.parametrize("variable", ["REGISTRY_AUTH_FILE", "XDG_RUNTIME_DIR", "HOME"])
def test_podmans_own_login_where_docker_has_none(docker_config: Path, tmp_path: Path, variable: str) -> None:
    places = {
        "REGISTRY_AUTH_FILE": tmp_path / "own.json",
        "XDG_RUNTIME_DIR": tmp_path / "containers/auth.json",
        "HOME": tmp_path / ".config/containers/auth.json",
    }
    file = places[variable]
    file.parent.mkdir(parents=True, exist_ok=True)
    entry = base64.b64encode(b"me:from:podman").decode()
    file.write_text(json.dumps({"auths": {"r.example.com": {"auth": entry}}}))
    environ = {variable: str(file if variable == "REGISTRY_AUTH_FILE" else tmp_path)}
    found = credentials_for("r.example.com", None, environ)
    assert found == RegistryCredentials(username="me", password=Secret("from:podman"))
    assert credentials_for("other.example.com", None, environ) is None
    docker_config.write_text(json.dumps({"auths": {"r.example.com": {"auth": base64.b64encode(b"me:d").decode()}}}))
    assert credentials_for("r.example.com", None, environ) == RegistryCredentials(username="me", password=Secret("d"))


def test_an_identity_token(docker_config: Path) -> None:
    docker_config.write_text(json.dumps({"auths": {"r.example.com": {"identitytoken": "refresh-token"}}}))
    found = credentials_for("r.example.com", None, {})
    assert found is not None
    assert found.is_token
    assert found.password.reveal() == "refresh-token"


def helper(folder: Path, name: str, text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    program = folder / f"docker-credential-{name}"
    program.write_text(f"#!/bin/sh\n{text}\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{folder}:/usr/bin:/bin")


def test_a_credential_helper_is_asked(docker_config: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    docker_config.write_text('{"credHelpers": {"r.example.com": "test"}}')
    answer = '{"ServerURL": "r.example.com", "Username": "me", "Secret": "from-helper"}'
    helper(docker_config.parent, "test", f"cat >/dev/null; echo '{answer}'", monkeypatch)
    found = credentials_for("r.example.com", None, {})
    assert found == RegistryCredentials(username="me", password=Secret("from-helper"))


def test_a_broken_helper_is_one_sentence(docker_config: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    docker_config.write_text('{"credsStore": "test"}')
    helper(docker_config.parent, "test", "cat >/dev/null; echo 'the keychain is locked'; exit 1", monkeypatch)
    with pytest.raises(ConfigurationError) as error:
        credentials_for("r.example.com", None, {})
    assert error.value.code == "docker-config"
    assert "keychain is locked" in error.value.what


def test_a_broken_configuration_is_one_sentence(docker_config: Path) -> None:
    docker_config.write_text('{"auths": {"r.example.com": 3}}')
    with pytest.raises(ConfigurationError) as error:
        credentials_for("r.example.com", None, {})
    assert error.value.code == "docker-config"


def test_a_broken_configuration_of_podman_is_named_as_its_own(docker_config: Path, tmp_path: Path) -> None:
    docker_config.write_text("{}")
    file = tmp_path / "auth.json"
    file.write_text('{"auths": {"r.example.com": 3}}')
    with pytest.raises(ConfigurationError, match="Podman's") as error:
        credentials_for("r.example.com", None, {"REGISTRY_AUTH_FILE": str(file)})
    assert str(file) in error.value.what
    assert "podman login" in error.value.next_step
