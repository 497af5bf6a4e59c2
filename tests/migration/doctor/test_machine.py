"""What doctor says of a machine and of what comes from elsewhere."""

from collections import namedtuple
from pathlib import Path

import pytest

from migrate.core.checkup import Check, Checkup
from migrate.core.errors import ConfigurationError, ExitCode, LocalError, MigrateError
from migrate.core.options.access import DoctorOptions
from migrate.images.runtime.wheels import check_index
from migrate.migration.doctor import machine
from migrate.migration.doctor.doctor import examine
from migrate.migration.doctor.machine import (
    certificates_check,
    disk_check,
    engine_check,
    processor_check,
    proxy_check,
)
from migrate.migration.doctor.supplies import base_check, managed_words, registry_check
from migrate.migration.run.workspace import Workspace
from migrate.ovhcloud.config import Credentials
from migrate.ovhcloud.session import Session
from migrate.sandbox import control
from tests.clouds import open_cloud

NOWHERE = {"DOCKER_HOST": "tcp://127.0.0.1:1"}
Usage = namedtuple("Usage", "total used free")


def test_an_engine_that_was_named_and_does_not_answer() -> None:
    check, engine = engine_check(DoctorOptions(), NOWHERE)
    assert engine is None
    assert (check.state, check.code, check.exit_code) == ("wrong", "engine-not-running", 7)
    assert engine_check(DoctorOptions(builder="none"), NOWHERE)[0].state in {"ok", "warning"}


def test_no_room_is_wrong_and_little_room_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    states = {}
    for free in (1_000, 3_000_000_000, 300_000_000_000):
        monkeypatch.setattr(machine.shutil, "disk_usage", lambda _, free=free: Usage(0, 0, free))
        check = disk_check(Workspace(tmp_path), None)
        states[free] = (check.state, check.code)
    assert list(states.values()) == [("wrong", "disk-full"), ("warning", ""), ("ok", "")]


def test_a_processor_that_only_emulates(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(machine.platform, "machine", lambda: "aarch64")
    monkeypatch.setattr(machine.cpu, "missing", lambda *_: "it emulates x86-64 on aarch64")
    check = processor_check(None)
    assert check.state in {"warning", "ok"}  # where there is no /proc/cpuinfo nothing is known


@pytest.mark.parametrize(
    ("environ", "state", "said"),
    [
        ({}, "ok", "none"),
        ({"HTTPS_PROXY": "http://name:word@proxy.example:3128"}, "ok", "proxy.example:3128, by HTTPS_PROXY"),
        ({"https_proxy": "proxy.example:3128"}, "ok", "proxy.example:3128, by https_proxy"),
        ({"HTTPS_PROXY": "http://"}, "wrong", "HTTPS_PROXY is no address of a proxy."),
        ({"HTTPS_PROXY": "http://[::1"}, "wrong", "HTTPS_PROXY is no address of a proxy."),
    ],
)
def test_a_proxy(environ: dict[str, str], state: str, said: str) -> None:
    check = proxy_check(environ)
    assert (check.state, check.text) == (state, said)


def test_certificates(tmp_path: Path) -> None:
    file = tmp_path / "ca.pem"
    assert certificates_check({}).state == "ok"
    missing = certificates_check({"SSL_CERT_FILE": str(file)})
    assert (missing.state, missing.text) == ("wrong", f"SSL_CERT_FILE is {file}: No such file or directory.")
    file.write_text("nothing")
    assert "it holds no certificates" in certificates_check({"REQUESTS_CA_BUNDLE": str(file)}).text


def test_an_index_that_does_not_answer() -> None:
    environ = {"UV_DEFAULT_INDEX": "http://name:word@127.0.0.1:1/simple", "UV_HTTP_RETRIES": "0", "UV_NO_CONFIG": "1"}
    with pytest.raises(LocalError) as caught:
        check_index(environ)
    assert caught.value.code == "wheels-failed"
    assert "127.0.0.1:1/simple" in caught.value.what
    assert "word" not in caught.value.what


def test_a_base_image_that_is_none(tmp_path: Path) -> None:
    with pytest.raises(MigrateError) as caught:
        base_check(None, DoctorOptions(base_image=f"oci:{tmp_path / 'none.tar'}"), {})
    assert caught.value.code == "base-unusable"


def test_a_registry_of_ones_own_that_does_not_answer() -> None:
    with pytest.raises(LocalError) as caught:
        registry_check(None, DoctorOptions(registry="127.0.0.1:1/models"), {"HOME": "/nonexistent"})
    assert caught.value.code == "registry-unreachable"


def test_a_user_without_a_password() -> None:
    with pytest.raises(ConfigurationError) as caught:
        registry_check(None, DoctorOptions(registry="127.0.0.1:1/models", registry_user="me"), {})
    assert caught.value.code == "no-registry-password"


def test_without_credentials_the_machine_is_looked_at_all_the_same(tmp_path: Path) -> None:
    def never(_: Credentials) -> Session:
        pytest.fail("there are no credentials")

    found = examine(
        DoctorOptions(base_image=f"oci:{tmp_path / 'none.tar'}"),
        workspace=Workspace(tmp_path),
        environ={
            "HOME": str(tmp_path),
            "OVH_ENDPOINT": "ovh-eu",
            "UV_DEFAULT_INDEX": "http://127.0.0.1:1/simple",
            "UV_HTTP_RETRIES": "0",
        },
        engine=(Check(name="engine", state="ok", text="none"), None),
        open_session=never,
    )
    checks = Checkup(checks=tuple(found))
    states = {check.name: check.state for check in checks.checks}
    assert states["credentials"] == "wrong"
    assert states["registry"] == "skipped"
    assert states["packages"] == "wrong"
    assert states["base image"] == "wrong"
    assert checks.exit_code == ExitCode.CONFIGURATION


def test_the_registries_of_the_project_are_named(sandbox: Path, tmp_path: Path) -> None:
    with open_cloud(sandbox, tmp_path) as cloud:
        assert managed_words(cloud) == "The project has no registry of its own"
        control.add_registry(sandbox, "models", "https://models.example.net/")
        one = "models (models.example.net, GRA, READY)"
        assert managed_words(cloud) == f"The project has 1 registry of its own: {one}"
        control.add_registry(sandbox, "models", "https://models.example.net")
        assert managed_words(cloud) == f"The project has 2 registries of its own: {one}; {one}"


def test_the_shared_registry_that_does_not_answer(sandbox: Path, tmp_path: Path) -> None:
    with open_cloud(sandbox, tmp_path) as cloud, pytest.raises(LocalError) as caught:
        registry_check(cloud, DoctorOptions(), {})  # this sandbox has none that runs
    assert caught.value.code == "registry-unreachable"
