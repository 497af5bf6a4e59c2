"""What a consumer key may do is known before anything is built."""

from pathlib import Path

import pytest

from migrate.core.errors import ConfigurationError
from migrate.core.options.sources import RunOptions
from migrate.migration.run.workspace import open_workspace
from migrate.migration.run_source import run_source
from migrate.ovhcloud.calls import PURPOSES
from migrate.ovhcloud.permissions import actions_for, calls_for
from migrate.ovhcloud.rights import TO_RUN_APPS, TO_USE_SHARED_REGISTRY, demand_rights
from migrate.ovhcloud.session import Cloud
from migrate.sandbox import control
from tests.clouds import key_with, logged, open_cloud
from tests.migration.runs import NAMESPACE, NO_ENGINE, agree
from tests.service_accounts import open_oauth, tls

__all__ = ["tls"]

ALL = (*TO_RUN_APPS, *TO_USE_SHARED_REGISTRY)


def test_a_key_that_may_only_read_is_told_everything_that_it_lacks(sandbox: Path, tmp_path: Path) -> None:
    key = key_with(sandbox, ("GET", "/*"))
    with open_cloud(sandbox, tmp_path, OVH_CONSUMER_KEY=key) as cloud, pytest.raises(ConfigurationError) as error:
        demand_rights(cloud, ALL)
    assert error.value.code == "not-granted"
    for call in ALL:
        assert f"{call.method} {call.template}" in error.value.what


@pytest.mark.parametrize("paths", [("/cloud/project/*",), ("/*",)])
def test_a_key_for_the_project_lacks_nothing(sandbox: Path, tmp_path: Path, paths: tuple[str, ...]) -> None:
    rules = [(method, path) for method in ("GET", "POST", "PUT", "DELETE") for path in paths]
    key = key_with(sandbox, *rules, ("GET", "/auth/currentCredential"))
    with open_cloud(sandbox, tmp_path, OVH_CONSUMER_KEY=key) as cloud:
        demand_rights(cloud, ALL)


def test_who_may_not_ask_is_not_stopped(sandbox: Path, tmp_path: Path) -> None:
    key = key_with(sandbox, ("GET", "/cloud/project/*"))
    with open_cloud(sandbox, tmp_path, OVH_CONSUMER_KEY=key) as cloud:
        demand_rights(cloud, ALL)


def test_a_run_ends_before_it_asks_or_builds(sandbox: Path, tmp_path: Path) -> None:
    key = key_with(sandbox, ("GET", "/*"))

    def never(_: object) -> None:
        pytest.fail("a person is asked for what cannot be done")

    with open_cloud(sandbox, tmp_path, OVH_CONSUMER_KEY=key) as cloud, pytest.raises(ConfigurationError) as error:
        run_source(
            RunOptions(source=NAMESPACE),
            cloud=cloud,
            workspace=open_workspace(tmp_path / "workspace"),
            environ=NO_ENGINE,
            emit=lambda _: None,
            confirm=never,
        )
    assert error.value.code == "not-granted"


def test_a_key_that_may_do_all_runs_on(cloud: Cloud, tmp_path: Path) -> None:
    demand_rights(cloud, ALL)
    result = run_source(
        RunOptions(source=NAMESPACE, models=("iris",)),
        cloud=cloud,
        workspace=open_workspace(tmp_path / "workspace"),
        environ=NO_ENGINE,
        emit=lambda _: None,
        confirm=agree,
    )
    assert result.exit_code == 7  # there is no engine


WRITES = {
    "publicCloudProject:apiovh:ai/app/create",
    "publicCloudProject:apiovh:ai/token/create",
    "publicCloudProject:apiovh:user/create",
}


@pytest.mark.parametrize("missing", sorted(WRITES))
def test_a_service_account_is_refused_before_anything_is_built(
    sandbox: Path, tls: str, tmp_path: Path, missing: str
) -> None:
    control.allow(sandbox, set(actions_for(calls_for(PURPOSES))) - {missing})
    cloud = open_oauth(sandbox, tls, tmp_path)

    def never(_: object) -> None:
        pytest.fail("a person is asked for what cannot be done")

    with cloud.session, pytest.raises(ConfigurationError) as error:
        run_source(
            RunOptions(source=NAMESPACE),
            cloud=cloud,
            workspace=open_workspace(tmp_path / "workspace"),
            environ=NO_ENGINE,
            emit=lambda _: None,
            confirm=never,
        )
    assert error.value.code == "not-granted"
    assert missing in error.value.what
    assert not any(other in error.value.what for other in WRITES - {missing})
    api = [line for line in logged(sandbox) if line.service == "api"]
    made = [line for line in api if line.method != "GET" and line.status < 300]
    assert {line.operation.rpartition("/")[2] for line in made} <= {"publicUrl", "access"}  # models are looked at
    assert list((tmp_path / "workspace").rglob("contexts")) == []


def test_a_service_account_that_may_do_all_makes_nothing_by_asking(sandbox: Path, tls: str, tmp_path: Path) -> None:
    cloud = open_oauth(sandbox, tls, tmp_path)
    with cloud.session:
        demand_rights(cloud, ALL)
    assert all(line.status == 400 for line in logged(sandbox) if line.method == "POST")
