import threading
import time
from pathlib import Path
from types import SimpleNamespace

import pytest

from migrate.apps import deploy, watching
from migrate.apps.app import GONE
from migrate.apps.watching import Watcher, ended
from migrate.contract import Contract, contract
from migrate.core.errors import Interrupted, NeedsYouError, RemoteError
from migrate.core.values import AppRequest, AutomaticScaling, FixedScaling, PushedImage
from migrate.machine.patience import Patience
from migrate.ovhcloud import apps
from migrate.ovhcloud.projects import authorize
from migrate.ovhcloud.session import Cloud
from migrate.sandbox import control
from tests.clouds import calls, open_cloud
from tests.waiting import wait_until

IMAGE = PushedImage(
    reference="registry.example.com/ml/iris:0123456789ab", digest="sha256:1", registry="registry.example.com"
)
NEVER = threading.Event()


def make_plan(key: str = "k1", **changes: object) -> AppRequest:
    fields: dict[str, object] = {
        "name": "iris",
        "region": "GRA",
        "flavor": "ai1-1-cpu",
        "cpu": 2,
        "scaling": FixedScaling(replicas=1),
        "labels": {"mls-key": key, "mls-run": "r1"},
    }
    return AppRequest(**(fields | changes))  # type: ignore[arg-type]


@pytest.fixture
def project(cloud: Cloud) -> Cloud:
    authorize(cloud)
    return cloud


def check(value: object, type_name: str, known: Contract) -> None:
    """Every field is one of the contract's model, none is read-only, and none that is required is missing."""
    model = known.models.get(type_name.removesuffix("[]"))
    if model is None or model.enum is not None:
        assert model is None or value in (model.enum or ())
        return
    for item in value if isinstance(value, list) else [value]:
        assert isinstance(item, dict)
        assert set(item) <= set(model.fields), type_name
        assert not [name for name in item if model.fields[name].read_only]
        assert {name for name, field in model.fields.items() if field.required} <= set(item)
        for name, inner in item.items():
            check(inner, model.fields[name].type, known)


@pytest.mark.parametrize(
    "scaling",
    [
        FixedScaling(replicas=3),
        AutomaticScaling(replicas_min=0, replicas_max=4, resource="RAM", average_usage_target=60),
    ],
)
def test_the_spec_has_the_contracts_fields(scaling: FixedScaling | AutomaticScaling) -> None:
    spec = deploy.app_spec(make_plan(scaling=scaling), IMAGE)
    check(spec, "cloud.project.ai.app.AppSpecInput", contract())
    assert spec["resources"] == {"flavor": "ai1-1-cpu", "cpu": 2}
    assert spec["unsecureHttp"] is False


def test_an_app_is_made_with_one_call_and_found_again(sandbox: Path, project: Cloud) -> None:
    made = deploy.create(project, make_plan(), IMAGE)
    assert calls(sandbox, "POST", "/ai/app") == 1
    assert (made.image, made.cpu, made.replicas, made.region) == (IMAGE.reference, 2, 1, "GRA")
    assert made.state == "QUEUED"  # null is answered at first
    deploy.create(project, make_plan("k2"), IMAGE)
    assert [app.id for app in deploy.find(project, "k1")] == [made.id]
    assert {app.labels["mls-key"] for app in deploy.listing(project)} == {"k1", "k2"}
    assert deploy.find(project, "k3") == ()


def test_apps_of_others_are_not_seen(project: Cloud) -> None:
    deploy.create(project, make_plan(labels={"team": "other"}), IMAGE)
    assert deploy.listing(project) == ()


def test_every_page_of_apps_is_read(sandbox: Path, tmp_path: Path, project: Cloud) -> None:
    for part in range(3):  # a session of its own each, for the rate of one is 55 calls a minute
        with open_cloud(sandbox, tmp_path / str(part)) as other:
            for number in range(35):
                deploy.create(other, make_plan(f"key-{part}-{number}"), IMAGE)
    before = calls(sandbox, "GET", "/ai/app")
    assert len({app.labels["mls-key"] for app in deploy.listing(project)}) == 105
    assert calls(sandbox, "GET", "/ai/app") - before <= 3


def test_a_creation_whose_answer_was_lost_is_found(sandbox: Path, project: Cloud) -> None:
    control.fail(sandbox, "drop", method="POST", point="after", times=1)
    with pytest.raises(RemoteError) as caught:
        deploy.create(project, make_plan(), IMAGE)
    assert caught.value.code == "maybe-done"
    assert len(deploy.find(project, "k1")) == 1
    assert calls(sandbox, "POST", "/ai/app") == 1


def test_an_app_that_fails_says_why(project: Cloud) -> None:
    made = deploy.create(project, make_plan(), IMAGE)
    states: list[str] = []
    with pytest.raises(NeedsYouError) as caught:
        Watcher(project, interval=0.05).wait_running(made.id, timeout=120, on_state=states.append, stop=NEVER)
    assert caught.value.code == "app-failed"
    assert "started without its runtime" in caught.value.what  # the platform's own words
    assert "APP_FAILED" in caught.value.what
    assert states[-1] == "FAILED"
    assert states == sorted(set(states), key=states.index)


def test_the_quota_is_named(sandbox: Path, project: Cloud, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MIGRATE_POLL_SECONDS", "0.2")
    control.fail(sandbox, "quota", cpu=1)
    made = deploy.create(project, make_plan(), IMAGE)
    with pytest.raises(NeedsYouError) as caught:
        Watcher(project).wait_running(made.id, timeout=120, on_state=lambda _: None, stop=NEVER)
    assert caught.value.code == "quota-exceeded"


def test_the_platforms_own_error_may_pass(project: Cloud) -> None:
    info = apps.Info(code="APP_ERROR", message="A node was lost.\x1b[2J")
    record = apps.App(id="a", spec=apps.AppSpec(image="i"), status=apps.AppStatus(state="ERROR", info=info))
    error = ended(project, record)
    assert isinstance(error, RemoteError)
    assert error.code == "app-error"
    assert "A node was lost" in error.what
    assert "\x1b" not in error.what


def test_an_app_that_is_stopped_or_gone(project: Cloud) -> None:
    made = deploy.create(project, make_plan(), IMAGE)
    apps.stop(project, made.id)
    with pytest.raises(NeedsYouError) as caught:
        Watcher(project, interval=0.05).wait_running(made.id, timeout=120, on_state=lambda _: None, stop=NEVER)
    assert caught.value.code in {"app-stopped", "app-failed"}
    with pytest.raises(RemoteError) as gone:
        Watcher(project, interval=0.05).wait_running(
            "00000000-0000-4000-8000-000000000000", timeout=120, on_state=lambda _: None, stop=NEVER
        )
    assert gone.value.code == "app-gone"


def test_waiting_ends_by_time_and_by_stop(project: Cloud) -> None:
    made = deploy.create(project, make_plan(), IMAGE)
    with pytest.raises(RemoteError) as caught:
        Watcher(project, interval=0.05).wait_running(made.id, timeout=-1, on_state=lambda _: None, stop=NEVER)
    assert caught.value.code == "app-timeout"
    stop = threading.Event()
    stop.set()
    with pytest.raises((Interrupted, NeedsYouError)):
        Watcher(project, interval=5).wait_running(made.id, timeout=120, on_state=lambda _: None, stop=stop)


def test_waiting_threads_share_the_listings(sandbox: Path, project: Cloud) -> None:
    made = [deploy.create(project, make_plan(f"k{number}"), IMAGE) for number in range(8)]
    watcher = Watcher(project, interval=1.0)
    before = calls(sandbox, "GET", "/ai/app")
    ends: list[str] = []

    def work(app_id: str) -> None:
        try:
            watcher.wait_running(app_id, timeout=120, on_state=lambda _: None, stop=NEVER)
        except NeedsYouError as error:
            ends.append(error.code)

    threads = [threading.Thread(target=work, args=(app.id,)) for app in made]
    started = time.monotonic()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=120)
    assert ends == ["app-failed"] * 8
    polls = (time.monotonic() - started) / 1.0 + 1
    assert calls(sandbox, "GET", "/ai/app") - before <= 8 + 3 * polls
    assert calls(sandbox, "GET", "/ai/app/{appId}") == 0


def test_deletion_is_waited_for_and_may_be_repeated(project: Cloud, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MIGRATE_POLL_SECONDS", "0.2")
    made = deploy.create(project, make_plan(), IMAGE)
    assert deploy.delete(project, made.id) is True
    assert [app for app in apps.apps(project) if app.state not in GONE] == []
    assert deploy.delete(project, made.id) is True
    assert deploy.delete(project, "00000000-0000-4000-8000-000000000000") is True


def test_an_app_that_was_just_made_is_not_asked_for_at_once(sandbox: Path, project: Cloud) -> None:
    made = deploy.create(project, make_plan(), IMAGE)
    states: list[str] = []
    stop = threading.Event()
    stop.set()
    with pytest.raises(Interrupted):
        Watcher(project).wait_running(made.id, timeout=120, on_state=states.append, stop=stop, told=made.state)
    assert states == [made.state]
    assert calls(sandbox, "GET", "/ai/app") == 0


def test_who_waits_looks_at_the_listings_of_others(project: Cloud) -> None:
    made = deploy.create(project, make_plan(), IMAGE)
    watcher = Watcher(project, interval=3600)
    ends: list[str] = []

    def work() -> None:
        try:
            watcher.wait_running(made.id, timeout=3600, on_state=lambda _: None, stop=NEVER, told=made.state)
        except NeedsYouError as error:
            ends.append(error.code)

    thread = threading.Thread(target=work, daemon=True)
    thread.start()
    wait_until(lambda: watcher.state(made.id) and not thread.is_alive(), "it does not see what another has listed")
    assert ends == ["app-failed"]


def test_a_listing_of_another_puts_the_next_look_off_by_half_an_interval(
    sandbox: Path, project: Cloud, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The clock is the test's: it moves where somebody waits."""
    made = deploy.create(project, make_plan(), IMAGE)
    now = 1000.0
    monkeypatch.setattr(watching, "time", SimpleNamespace(monotonic=lambda: now))
    watcher = Watcher(project, interval=10.0)
    asked: list[float] = []

    def pause(seconds: float) -> None:
        nonlocal now
        now += seconds
        if now > 1040:
            raise Interrupted
        if 1006 < now < 1006.3:
            watcher.state(made.id)

    def listed(_: apps.App) -> bool:
        if len(asked) < calls(sandbox, "GET", "/ai/app"):
            asked.append(now)
        return False

    patience = Patience(seconds=3600, first=10, longest=10)
    with pytest.raises(Interrupted):
        watcher._follow(made.id, listed, patience, pause, lambda _: None)
    assert [round(at - 1000) for at in asked] == [0, 6, 12, 22, 32]
