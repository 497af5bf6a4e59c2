"""What doctor says of an account, on the sandbox: each right that is missing by its name, and nothing is changed."""

from pathlib import Path

import pytest

from migrate.core.checkup import Check, wrong
from migrate.core.errors import ConfigurationError
from migrate.core.options.access import DoctorOptions
from migrate.migration.doctor.account import account_checks, credentials_check, rights_check
from migrate.ovhcloud.calls import PURPOSES
from migrate.ovhcloud.config import read_credentials
from migrate.ovhcloud.permissions import actions_for, calls_for, rules_for
from migrate.sandbox import control
from tests.clouds import key_with, logged, open_cloud
from tests.service_accounts import environ_of, open_oauth, tls

__all__ = ["tls"]


def examined(sandbox: Path, folder: Path, **changes: str) -> dict[str, Check]:
    environ = {"HOME": "/nonexistent", **control.env(sandbox), **changes}
    with open_cloud(sandbox, folder, **changes) as cloud:
        checks, _ = account_checks(cloud.session, DoctorOptions(), environ)
    return {check.name: check for check in checks}


def rights(sandbox: Path, folder: Path, key: str) -> Check:
    """The rights alone."""
    environ = {"HOME": "/nonexistent", **control.env(sandbox)}
    with open_cloud(sandbox, folder, OVH_CONSUMER_KEY=key) as cloud:
        try:
            return rights_check(cloud, DoctorOptions(), environ)
        except ConfigurationError as error:
            return wrong("rights", error)


def test_a_key_with_the_printed_rules_lacks_nothing_and_each_rule_that_is_taken_away_is_named(
    sandbox: Path, tmp_path: Path
) -> None:
    project = control.env(sandbox)["OVH_CLOUD_PROJECT_SERVICE"]
    rules = rules_for(calls_for(PURPOSES), project)
    for spared in rules:
        key = key_with(sandbox, *((rule.method, rule.path) for rule in rules if rule != spared))
        check = rights(sandbox, tmp_path, key)
        assert check.state != "ok"
        assert str(spared) in check.text
        assert check.next_step


@pytest.mark.slow
def test_whatever_rule_is_taken_away_doctor_looks_at_the_rest_and_writes_nothing(sandbox: Path, tmp_path: Path) -> None:
    project = control.env(sandbox)["OVH_CLOUD_PROJECT_SERVICE"]
    rules = rules_for(calls_for(PURPOSES), project)
    whole = key_with(sandbox, *((rule.method, rule.path) for rule in rules))
    assert examined(sandbox, tmp_path, OVH_CONSUMER_KEY=whole)["rights"].state == "ok"
    begun = len(logged(sandbox))
    keys = 0
    for spared in rules:
        key = key_with(sandbox, *((rule.method, rule.path) for rule in rules if rule != spared))
        keys += 1
        found = examined(sandbox, tmp_path, OVH_CONSUMER_KEY=key)
        told = [check for check in found.values() if check.state != "ok" and str(spared) in check.text]
        assert told, f"{spared}: {found}"
        assert all(check.next_step for check in told)
    written = [line for line in logged(sandbox)[begun:] if line.method != "GET"]
    assert {line.operation for line in written} == {"/auth/credential"}  # by this test
    assert len(written) == keys


def test_a_right_that_is_not_always_needed_stops_no_run(sandbox: Path, tmp_path: Path) -> None:
    project = control.env(sandbox)["OVH_CLOUD_PROJECT_SERVICE"]
    rules = rules_for(calls_for(PURPOSES), project)
    some = [rule for rule in rules if "/ai/registry" not in rule.path]
    key = key_with(sandbox, *((rule.method, rule.path) for rule in some))
    check = examined(sandbox, tmp_path, OVH_CONSUMER_KEY=key)["rights"]
    assert (check.state, check.exit_code) == ("warning", 0)
    assert len(check.details) == 4


def test_a_key_that_expired_is_told_once(sandbox: Path, tmp_path: Path) -> None:
    found = examined(sandbox, tmp_path, OVH_CONSUMER_KEY="0" * 32)
    assert found["credentials"].code == "expired-credential"
    assert found["credentials"].exit_code == 3
    assert set(found) == {"clock", "credentials"}


def test_another_project(sandbox: Path, tmp_path: Path) -> None:
    found = examined(sandbox, tmp_path, OVH_CLOUD_PROJECT_SERVICE="0" * 32)
    assert found["project"].code == "unknown-project"
    assert "authorization" not in found


def test_what_is_there(sandbox: Path, tmp_path: Path) -> None:
    found = examined(sandbox, tmp_path)
    assert [check.state for check in found.values()] == ["ok", "ok", "ok", "warning", "ok", "ok", "ok"]
    assert found["authorization"].fixable
    assert found["quota"].text == "64 of 64 CPUs are free"
    assert "GRA" in found["region"].text
    assert "2 containers" in found["storage"].text


def test_a_file_that_others_may_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    file = tmp_path / ".ovh.conf"
    file.write_text(
        "[default]\nendpoint=ovh-eu\n[ovh-eu]\napplication_key=0123\napplication_secret=4567\nconsumer_key=89ab\n"
    )
    environ = {"HOME": str(tmp_path)}
    file.chmod(0o640)
    check = credentials_check(read_credentials(environ), environ)
    assert (check.state, check.fixable) == ("warning", True)
    assert check.next_step == f"Type: chmod 600 {file}"
    file.chmod(0o600)
    assert credentials_check(read_credentials(environ), environ).state == "ok"


class TestServiceAccounts:
    """Reading is tried, and writing is not."""

    def checks(self, sandbox: Path, url: str, folder: Path) -> dict[str, Check]:
        cloud = open_oauth(sandbox, url, folder)
        with cloud.session:
            found, _ = account_checks(cloud.session, DoctorOptions(), environ_of(sandbox, url, folder))
        return {check.name: check for check in found}

    def test_what_may_be_read_is_known_and_what_may_be_written_is_not(
        self, sandbox: Path, tls: str, tmp_path: Path
    ) -> None:
        control.allow(sandbox, actions_for(calls_for(PURPOSES)))
        check = self.checks(sandbox, tls, tmp_path)["rights"]
        assert (check.state, check.exit_code) == ("unknown", 0)
        assert "cannot be asked without writing" in check.text
        assert "publicCloudProject:apiovh:ai/app/create" in check.details
        assert "publicCloudProject:apiovh:ai/app/get" not in check.details
        assert {line.operation.rpartition("/")[2] for line in logged(sandbox) if line.method != "GET"} <= {"access"}

    @pytest.mark.parametrize("missing", ["ai/app/get", "storage/get", "user/get", "storage/access/create"])
    def test_a_right_to_read_that_is_missing_is_named(
        self, sandbox: Path, tls: str, tmp_path: Path, missing: str
    ) -> None:
        action = f"publicCloudProject:apiovh:{missing}"
        control.allow(sandbox, set(actions_for(calls_for(PURPOSES))) - {action})
        check = self.checks(sandbox, tls, tmp_path)["rights"]
        assert (check.state, check.code, check.exit_code) == ("wrong", "not-granted", 3)
        assert action in check.text
        assert "migrate permissions --as iam" in check.next_step
