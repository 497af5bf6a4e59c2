from pathlib import Path

import pytest

from migrate.core.errors import ConfigurationError
from migrate.ovhcloud.config import check_endpoint, read_credentials, read_project

KEYS = {"OVH_APPLICATION_KEY": "app-key", "OVH_APPLICATION_SECRET": "app-secret", "OVH_CONSUMER_KEY": "consumer-key"}


@pytest.fixture(autouse=True)
def nowhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A working directory and a home without any ovh.conf."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_reads_keys_from_the_environment(tmp_path: Path) -> None:
    found = read_credentials({"HOME": str(tmp_path), "OVH_ENDPOINT": "ovh-eu", **KEYS})
    assert (found.endpoint, found.url, found.endpoint_name) == ("ovh-eu", "https://eu.api.ovh.com/1.0", "ovh-eu")
    assert found.application_key == "app-key"
    assert found.application_secret is not None
    assert found.application_secret.reveal() == "app-secret"
    assert "app-secret" not in repr(found)


def test_files_are_read_in_the_clients_order(tmp_path: Path) -> None:
    home = tmp_path / "home"
    home.mkdir()
    (home / ".ovh.conf").write_text(
        "[default]\nendpoint=ovh-ca\n[ovh-ca]\napplication_key=home\napplication_secret=secret-home\nconsumer_key=ck-home\n"
    )
    Path("ovh.conf").write_text("[ovh-ca]\napplication_key=here\n")
    found = read_credentials({"HOME": str(home)})
    assert (found.endpoint, found.application_key) == ("ovh-ca", "here")
    assert read_credentials({"HOME": str(home), "OVH_APPLICATION_KEY": "env"}).application_key == "env"


def test_an_oauth2_client_stands_alone(tmp_path: Path) -> None:
    environ = {
        "HOME": str(tmp_path),
        "OVH_ENDPOINT": "ovh-eu",
        "OVH_CLIENT_ID": "id",
        "OVH_CLIENT_SECRET": "oauth-secret",
    }
    assert read_credentials(environ).client_id == "id"
    with pytest.raises(ConfigurationError, match="Both application keys") as both:
        read_credentials({**environ, **KEYS})
    assert both.value.code == "bad-configuration"
    with pytest.raises(ConfigurationError, match="https only") as plain:
        read_credentials({**environ, "OVH_ENDPOINT": "http://127.0.0.1:1/1.0"})
    assert plain.value.code == "bad-endpoint"


@pytest.mark.parametrize(
    ("environ", "code"),
    [
        ({}, "no-credentials"),
        ({"OVH_ENDPOINT": "ovh-eu"}, "no-credentials"),
        ({"OVH_ENDPOINT": "ovh-eu", "OVH_APPLICATION_KEY": "only"}, "no-credentials"),
        ({"OVH_ENDPOINT": "ovh-mars", **KEYS}, "bad-endpoint"),
        ({"OVH_ENDPOINT": "http://api.example.com/1.0", **KEYS}, "bad-endpoint"),
    ],
)
def test_says_what_is_missing(tmp_path: Path, environ: dict[str, str], code: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        read_credentials({"HOME": str(tmp_path), **environ})
    assert caught.value.code == code
    assert caught.value.next_step


def test_a_broken_file_is_named(tmp_path: Path) -> None:
    (tmp_path / ".ovh.conf").write_text("endpoint=ovh-eu\n")
    with pytest.raises(ConfigurationError, match=r"\.ovh\.conf cannot be read") as caught:
        read_credentials({"HOME": str(tmp_path), "OVH_ENDPOINT": "ovh-eu"})
    assert caught.value.code == "bad-configuration"


def test_an_endpoint_has_a_name_for_a_folder(tmp_path: Path) -> None:
    found = read_credentials({"HOME": str(tmp_path), "OVH_ENDPOINT": "http://127.0.0.1:4711/1.0/", **KEYS})
    assert found.url == "http://127.0.0.1:4711/1.0"
    assert found.endpoint_name.startswith("127-0-0-1-4711")
    check_endpoint("ovh-us")


def test_the_project_by_precedence() -> None:
    environ = {"OVH_CLOUD_PROJECT_SERVICE": "from-ovh", "MIGRATE_PROJECT": "from-migrate"}
    assert read_project("given", environ) == "given"
    assert read_project(None, environ) == "from-ovh"
    assert read_project(" ", {"MIGRATE_PROJECT": "from-migrate"}) == "from-migrate"
    assert read_project(None, {}) is None
