import socket
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from ovh.client import ENDPOINTS

from migrate.core.errors import ConfigurationError, Interrupted, RemoteError
from migrate.machine.patience import Retry
from migrate.ovhcloud import apps, projects, serving, storage, tokens
from migrate.ovhcloud.calls import PROJECTS
from migrate.ovhcloud.config import ENDPOINT_URLS, read_credentials
from migrate.ovhcloud.session import Cloud, open_session
from migrate.sandbox import control
from tests.clouds import calls, logged, open_cloud
from tests.waiting import PATIENCE, wait_until


@pytest.fixture
def closed_port() -> Iterator[int]:
    """A port where nobody listens, and nobody can: it is taken by a socket that does not listen either."""
    with socket.socket() as holder:
        holder.bind(("127.0.0.1", 0))
        yield holder.getsockname()[1]


def make_token(cloud: Cloud) -> tokens.Token:
    return tokens.create(cloud, name="t", region="GRA", role="ai_training_read", label_selector="a=b")


def test_signed_calls_work_whatever_is_in_the_path(cloud: Cloud) -> None:
    assert projects.project(cloud).project_id == cloud.project
    with pytest.raises(ConfigurationError) as caught:
        serving.namespace(cloud, 'a/b ü%?#"\\')
    assert caught.value.code == "not-found"  # and not a wrong signature
    assert caught.value.query_id


def test_a_clock_that_is_wrong_from_the_start_is_not_noticed(sandbox: Path, cloud: Cloud) -> None:
    control.fail(sandbox, "clock-skew", seconds=-90_000)
    assert projects.project(cloud).status == "ok"
    assert calls(sandbox, "GET", "/auth/time") == 1


def test_a_clock_that_jumps_is_read_again_once(sandbox: Path, cloud: Cloud) -> None:
    projects.project(cloud)
    control.fail(sandbox, "clock-skew", seconds=7200)
    assert projects.project(cloud).status == "ok"
    assert calls(sandbox, "GET", "/auth/time") == 2


def test_a_clock_that_stays_wrong_is_an_error(sandbox: Path, cloud: Cloud) -> None:
    control.fail(sandbox, "clock-skew", seconds=3600, lying=True)
    with pytest.raises(ConfigurationError) as caught:
        projects.project(cloud)
    assert caught.value.code == "clock-skew"
    assert caught.value.query_id
    assert calls(sandbox, "GET", "/auth/time") == 2


def test_too_many_requests_wait_as_long_as_asked(sandbox: Path, cloud: Cloud) -> None:
    projects.project(cloud)
    control.fail(sandbox, "429", times=1, retry_after=1)
    started = time.monotonic()
    assert projects.project(cloud).status == "ok"
    assert time.monotonic() - started >= 1.0


def test_too_many_requests_for_too_long(sandbox: Path, cloud: Cloud) -> None:
    control.fail(sandbox, "429", path_regex="/cloud/")
    with pytest.raises(RemoteError) as caught:
        projects.project(cloud)
    assert caught.value.code == "rate-limited"
    assert caught.value.query_id
    assert calls(sandbox, "GET", "/cloud/project/{serviceName}") == 4


def test_a_refused_post_is_sent_again_because_nothing_was_done(sandbox: Path, cloud: Cloud) -> None:
    control.fail(sandbox, "429", method="POST", times=2)
    assert make_token(cloud).status.value
    assert len(tokens.tokens(cloud)) == 1


@pytest.mark.parametrize("html", [False, True])
def test_failures_of_the_service_are_tried_again(sandbox: Path, cloud: Cloud, *, html: bool) -> None:
    control.fail(sandbox, "5xx", method="GET", times=3, html=html, path_regex="/cloud/")
    assert projects.project(cloud).status == "ok"
    control.fail(sandbox, "5xx", method="GET", status=502, html=html, path_regex="/cloud/")
    with pytest.raises(RemoteError) as caught:
        projects.project(cloud)
    assert caught.value.code == "remote-unavailable"


def test_a_broken_connection_is_tried_again(sandbox: Path, cloud: Cloud) -> None:
    control.fail(sandbox, "drop", method="GET", times=2, path_regex="/cloud/")
    assert projects.project(cloud).status == "ok"
    control.fail(sandbox, "drop", method="GET", path_regex="/cloud/")
    with pytest.raises(RemoteError) as caught:
        projects.project(cloud)
    assert caught.value.code == "network"


@pytest.mark.parametrize("fault", [{"fault": "5xx", "done": True}, {"fault": "drop", "point": "after"}])
def test_a_post_that_was_carried_out_is_not_sent_twice(sandbox: Path, cloud: Cloud, fault: dict[str, object]) -> None:
    control.fail(sandbox, method="POST", times=1, **fault)  # type: ignore[arg-type]
    with pytest.raises(RemoteError) as caught:
        make_token(cloud)
    assert caught.value.code == "maybe-done"
    assert len(tokens.tokens(cloud)) == 1
    assert calls(sandbox, "POST", "/ai/token") == 1


def test_a_harmless_post_is_sent_again(sandbox: Path, cloud: Cloud) -> None:
    control.fail(sandbox, "drop", method="POST", times=2)
    assert storage.access(cloud).endpoints["GRA"].startswith("http://127.0.0.1:")


def test_nobody_listens(sandbox: Path, tmp_path: Path, closed_port: int) -> None:
    with open_cloud(sandbox, tmp_path, OVH_ENDPOINT=f"http://127.0.0.1:{closed_port}/1.0") as cloud:
        with pytest.raises(RemoteError) as caught:
            projects.project(cloud)
        assert caught.value.code == "network"
        assert "refused" in caught.value.what.lower()
        with pytest.raises(RemoteError) as posted:
            make_token(cloud)
        assert posted.value.code == "network"  # never sent, so not "maybe done"


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"OVH_APPLICATION_KEY": "0123456789abcdef"}, "wrong-key"),
        ({"OVH_APPLICATION_SECRET": "not-the-right-one"}, "wrong-key"),
        ({"OVH_CONSUMER_KEY": "not-the-right-one"}, "expired-credential"),
        ({"OVH_CLOUD_PROJECT_SERVICE": "0" * 32}, "unknown-project"),
    ],
)
def test_wrong_credentials_and_projects(sandbox: Path, tmp_path: Path, change: dict[str, str], code: str) -> None:
    with open_cloud(sandbox, tmp_path, **change) as cloud, pytest.raises(ConfigurationError) as caught:
        projects.project(cloud)
    assert caught.value.code == code
    assert caught.value.next_step
    assert caught.value.query_id


def test_credentials_that_expire_or_are_too_narrow(sandbox: Path, cloud: Cloud) -> None:
    control.fail(sandbox, "not-granted", path_regex="/ai/app", times=1)
    with pytest.raises(ConfigurationError) as narrow:
        apps.apps(cloud)
    assert narrow.value.code == "not-granted"
    assert "publicCloudProject:apiovh:ai/app/get" in narrow.value.what
    assert "GET /cloud/project/PROJECT/ai/app" in narrow.value.next_step
    control.fail(sandbox, "expired-credential")
    with pytest.raises(ConfigurationError) as expired:
        apps.apps(cloud)
    assert expired.value.code == "expired-credential"


def test_serving_gone_is_told_from_an_unknown_project(sandbox: Path, tmp_path: Path, cloud: Cloud) -> None:
    with open_cloud(sandbox, tmp_path, OVH_CLOUD_PROJECT_SERVICE="0" * 32) as other:
        with pytest.raises(ConfigurationError) as unknown:
            serving.namespaces(other)
        assert unknown.value.code == "unknown-project"
    control.fail(sandbox, "serving-gone")
    with pytest.raises(ConfigurationError) as gone:
        serving.namespaces(cloud)
    assert gone.value.code == "ml-serving-gone"


def test_a_stop_ends_the_waiting(sandbox: Path, cloud: Cloud) -> None:
    projects.project(cloud)
    before = len(logged(sandbox))
    control.fail(sandbox, "429", retry_after=90)
    with ThreadPoolExecutor(1) as pool:
        call = pool.submit(projects.project, cloud)
        wait_until(lambda: len(logged(sandbox)) > before, "nothing was asked")
        cloud.session.stop.set()
        with pytest.raises(Interrupted):
            call.result(timeout=PATIENCE)
    assert len(logged(sandbox)) == before + 1, "it asked no second time"


def test_many_threads_share_a_session(sandbox: Path, cloud: Cloud) -> None:
    failures: list[BaseException] = []

    def work() -> None:
        try:
            for _ in range(4):
                assert projects.project(cloud).status == "ok"
        except BaseException as error:  # noqa: BLE001 - handed to the test's own thread
            failures.append(error)

    threads = [threading.Thread(target=work) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=120)
    assert failures == []
    assert calls(sandbox, "GET", "/auth/time") == 1
    assert calls(sandbox, "GET", "/cloud/project/{serviceName}") == 24


def test_the_only_project_is_taken(cloud: Cloud) -> None:
    assert projects.choose_project(cloud.session, None) == cloud.project
    assert projects.choose_project(cloud.session, "given") == "given"


def test_secrets_stay_out_of_errors_and_state(sandbox: Path, tmp_path: Path) -> None:
    secret = control.env(sandbox)["OVH_APPLICATION_SECRET"]
    with open_cloud(sandbox, tmp_path) as cloud:
        projects.project(cloud)
        assert secret not in repr(cloud)
        for file in tmp_path.rglob("*"):
            assert not file.is_file() or secret.encode() not in file.read_bytes()


def test_an_endpoint_name_of_the_client_is_known(tmp_path: Path) -> None:
    environ = {
        "HOME": str(tmp_path),
        "OVH_ENDPOINT": "ovh-ca",
        "OVH_APPLICATION_KEY": "k",
        "OVH_APPLICATION_SECRET": "s",
        "OVH_CONSUMER_KEY": "c",
    }
    with open_session(read_credentials(environ), state_folder=tmp_path) as session:
        assert session.endpoint_name == "ovh-ca"


def test_our_table_of_endpoints_is_the_clients() -> None:
    assert {name: url for name, url in ENDPOINTS.items() if not name.startswith("http")} == ENDPOINT_URLS


def test_a_limit_that_lasts_is_waited_out_for_a_minute_and_told(sandbox: Path, tmp_path: Path) -> None:
    environ = {"HOME": "/nonexistent", **control.env(sandbox)}
    retry = Retry(attempts=2, first_wait=0.01, longest_wait=0.02, limited_wait=60.0)
    with open_session(read_credentials(environ), state_folder=tmp_path, retry=retry) as session:
        slept: list[float] = []
        told: list[str] = []
        session.pause = slept.append  # type: ignore[method-assign] - the clock
        session.tell = told.append
        control.fail(sandbox, "429", path_regex="/cloud/", times=2)
        assert session.call(PROJECTS)
        assert 60.0 in slept
        assert told == ["Waiting 60 s: OVHcloud limits how many requests a key may make in a minute."]
        control.fail(sandbox, "429", path_regex="/cloud/", times=3)
        with pytest.raises(RemoteError) as caught:
            session.call(PROJECTS)
        assert caught.value.code == "rate-limited"
