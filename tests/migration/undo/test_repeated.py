"""Undo that is stopped or killed at any request, and typed again: in the end nothing is left, and all was told."""

import contextlib
import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from migrate.apps import deploy as platform
from migrate.apps import tokens as api
from migrate.apps.registries import create_ai_user, find_registration, find_user, register
from migrate.core.errors import ExitCode
from migrate.core.options.sources import Typed
from migrate.core.secret import Secret
from migrate.core.values import Outcome
from migrate.images.engine.connection import engine_error
from migrate.migration.journal.journal import Journal
from migrate.migration.journey.steps.tokens import hand_over
from migrate.migration.run.cloud_run import Run
from migrate.migration.run.workspace import Workspace
from migrate.migration.undo.undo import plan_undo, undo
from migrate.ovhcloud import calls
from migrate.ovhcloud.projects import authorize
from migrate.ovhcloud.session import Cloud
from migrate.sandbox import control
from tests.migration.runs import IMAGE, app, record, run_of, unit
from tests.waiting import wait_until

IN_USE = "conflict: unable to delete 3f (must force) - image is being used by stopped container 7b"

MODELS = ("iris", "titanic")
USER = "migrate-registry-test"


@pytest.fixture(autouse=True)
def quick(sandbox: Path, cloud: Cloud, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MIGRATE_POLL_SECONDS", "0.2")
    authorize(cloud)
    control.fail(sandbox, "app-stuck")


def make_all(run: Run) -> None:
    """Everything that a run makes outside: two apps with tokens, a registration, a user, a pushed image."""
    effects, one = run.journal.effects, unit().subject
    run.journal.list_models([record(name) for name in MODELS])
    for name in MODELS:
        found = platform.create(run.cloud, run.plan(unit(name), "sha256:0"), IMAGE)
        intent: dict[str, object] = {"key": unit(name).key(run.cloud.project)}
        effect = effects.intend("app", unit(name).subject, intent, unit=unit(name).subject)
        effects.done(effect, found.id, models=[name])
        hand_over(run, unit(name), app(run, name))
    where: dict[str, object] = {"region": "GRA", "url": "registry.test"}
    registered = register(run.cloud, "GRA", "registry.test", "u", Secret("ours"))
    effects.done(effects.intend("registration", "GRA registry.test", where, unit=one), registered)
    user, _, _ = create_ai_user(run.cloud, USER)
    effects.done(effects.intend("user", USER, {}, unit=one), user)
    effects.done(effects.intend("pushed-image", IMAGE.reference, {}, unit=one), IMAGE.digest)


def left(cloud: Cloud) -> tuple[int, int, bool, bool]:
    """What is left outside: apps, tokens, the registration, the user."""
    return (
        len(platform.listing(cloud)),
        len(api.list_tokens(cloud)),
        find_registration(cloud, "GRA", "registry.test") is not None,
        find_user(cloud, USER) is not None,
    )


class Undo:
    """The command in a process of its own, over a journal in a workspace of its own."""

    def __init__(self, cloud: Cloud, sandbox: Path, folder: Path) -> None:
        self.workspace = folder / "workspace"
        source = Workspace(self.workspace).source(cloud.session.endpoint_name, cloud.project, "ns")
        source.path.mkdir(parents=True)
        with run_of(cloud, source.path) as (run, _):
            make_all(run)
        self.journal = source.journal
        self._environ = {
            **os.environ,
            **control.env(sandbox),
            "HOME": str(folder),
            "MIGRATE_WORKSPACE": str(self.workspace),
            "MIGRATE_POLL_SECONDS": "0.2",
            "DOCKER_HOST": "tcp://127.0.0.1:1",
        }

    @contextlib.contextmanager
    def started(self) -> Iterator[subprocess.Popen[str]]:
        """The process, which begins when a line is written to it."""
        words = [str(Path(sys.executable).with_name("migrate")), "undo", "ns", "--yes", "--json"]
        script = 'read -r line; exec "$@"'
        with subprocess.Popen(
            ["/bin/sh", "-c", script, "sh", *words],
            env=self._environ,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        ) as process:
            try:
                yield process
            finally:
                with contextlib.suppress(ProcessLookupError):
                    os.killpg(process.pid, signal.SIGKILL)

    def __call__(self) -> dict[str, object]:
        """Its result, after it has ended by itself."""
        with self.started() as process:
            out, err = process.communicate("\n", timeout=120)
        events: list[dict[str, object]] = [json.loads(line) for line in out.splitlines()]
        assert events, err
        assert events[-1]["event"] == "result", err
        assert events[-1]["exit_code"] == process.returncode
        return events[-1]


@pytest.fixture
def command(cloud: Cloud, sandbox: Path, tmp_path: Path) -> Undo:
    return Undo(cloud, sandbox, tmp_path)


def killed(command: Undo, sandbox: Path, tmp_path: Path, nth: int, point: str) -> None:
    """Undo, whose whole group gets SIGKILL at its nth deletion."""
    reached = tmp_path / "reached"
    with command.started() as process:
        fault = control.fail(
            sandbox, "hold", method="DELETE", nth=nth, point=point, touch=str(reached), kill=process.pid
        )
        process.communicate("\n", timeout=120)
    assert reached.exists(), "it ended before it came to the point"
    assert process.returncode == -signal.SIGKILL
    control.release(sandbox, fault)


def finished(command: Undo, cloud: Cloud) -> None:
    """Undo again leaves nothing, says why the rest stays, and the third one has nothing to do."""
    ended = command()
    assert ended["exit_code"] == 0
    assert left(cloud) == (0, 0, False, False)
    data = ended["data"]
    assert isinstance(data, dict)
    assert data["failed"] == []
    (stays,) = data["stay"]
    assert stays.startswith(f"pushed image {IMAGE.reference}: apps elsewhere may run it")
    again = command()["data"]
    assert isinstance(again, dict)
    assert (again["deleted"], again["failed"], again["stay"]) == ([], [], data["stay"])
    assert list((command.journal.parent / "tokens").iterdir()) == []
    journal = Journal.read(command.journal)
    assert journal is not None
    assert [effect.kind for effect in journal.effects.existing()] == ["pushed-image"]
    journal.close()


KILLS = [(nth, point) for nth in range(1, 7) for point in ("before", "after", "answered")]
QUICK = {(3, "answered")}


@pytest.mark.parametrize(
    ("nth", "point"),
    [pytest.param(*kill, marks=() if kill in QUICK else pytest.mark.slow) for kill in KILLS],
)
def test_killed_at_a_deletion_and_typed_again(
    command: Undo, cloud: Cloud, sandbox: Path, tmp_path: Path, nth: int, point: str
) -> None:
    killed(command, sandbox, tmp_path, nth, point)
    finished(command, cloud)


@pytest.mark.slow
def test_killed_again_and_again(command: Undo, cloud: Cloud, sandbox: Path, tmp_path: Path) -> None:
    for point in ("after", "before"):
        (tmp_path / "reached").unlink(missing_ok=True)
        killed(command, sandbox, tmp_path, 2, point)
    finished(command, cloud)


def test_ctrl_c_says_what_was_deleted_and_what_is_to_do(
    command: Undo, cloud: Cloud, sandbox: Path, tmp_path: Path
) -> None:
    reached = tmp_path / "reached"
    control.fail(sandbox, "hold", method="DELETE", nth=3, point="before", touch=str(reached), seconds=1.0)
    with command.started() as process:
        assert process.stdin is not None
        process.stdin.write("\n")
        process.stdin.flush()
        wait_until(reached.exists, "it did not come to the point")
        process.send_signal(signal.SIGINT)
        out, _ = process.communicate(timeout=120)
    assert process.returncode == ExitCode.INTERRUPTED
    result = json.loads(out.splitlines()[-1])
    data = result["data"]
    assert (result["exit_code"], len(data["deleted"])) == (ExitCode.INTERRUPTED, 2)
    # The third was under way: it is repeated, for nobody saw its end.
    assert len(data["to_do"]) == 4
    assert data["failed"] == []
    assert left(cloud)[1] == 0
    rest = command()["data"]
    assert isinstance(rest, dict)
    assert len(rest["deleted"]) == 4
    assert left(cloud) == (0, 0, False, False)


def test_an_app_that_is_being_deleted_is_no_failure(cloud: Cloud, tmp_path: Path, sandbox: Path) -> None:
    with run_of(cloud, tmp_path) as (run, _):
        make_all(run)
        ids = [found.id for found in platform.listing(cloud)]
        for app_id in ids:
            cloud.call(calls.DELETE_APP, params={"appId": app_id}, query={"force": True})
        done = undo(
            run.journal, plan_undo(run.journal, Typed("ns"), ()), cloud=cloud, remove_image=lambda _: "", emit=run.emit
        )
        assert done.failed == ()
        assert left(cloud) == (0, 0, False, False)
    assert sandbox.exists()


def test_an_app_of_another_machine_stays_and_that_is_said(cloud: Cloud, tmp_path: Path) -> None:
    with run_of(cloud, tmp_path, journal_name="other.sqlite") as (other, _):
        theirs = platform.create(cloud, other.plan(unit(), "sha256:0"), IMAGE)
        made_by = other.journal.id
    with run_of(cloud, tmp_path) as (run, _):
        run.journal.list_models([record()])
        effects = run.journal.effects
        intent: dict[str, object] = {"shared": True, "made_by": made_by, "models": ["iris"]}
        effects.done(effects.intend("app", unit().subject, intent, unit=unit().subject), theirs.id)
        hand_over(run, unit(), app(run))
        run.journal.finish(Outcome(model="iris", outcome="done", reason="", text="", app_id=theirs.id))
        for _ in range(2):
            plan = plan_undo(run.journal, Typed("ns"), ())
            done = undo(run.journal, plan, cloud=cloud, remove_image=lambda _: "", emit=run.emit)
            why = f"app {theirs.id}: another run ({made_by}) made it; undo it where it was made"
            assert (done.stay, done.failed) == ((why,), ())
        assert [found.id for found in platform.listing(cloud)] == [theirs.id]
        assert api.list_tokens(cloud) == ()
        outcome = run.journal.models()["iris"].outcome
        assert outcome is not None
        assert "the app is another's, and answers as before" in outcome.text


def test_an_image_that_cannot_be_removed_stays_and_that_is_said(cloud: Cloud, tmp_path: Path) -> None:
    with run_of(cloud, tmp_path) as (run, _):
        effects = run.journal.effects
        effects.done(effects.intend("image", "migrate/iris:1", {}, unit=unit().subject), "sha256:1")
        plan = plan_undo(run.journal, Typed("ns"), ())
        done = undo(run.journal, plan, cloud=cloud, remove_image=lambda _: "no engine answers", emit=run.emit)
        assert done.stay == ("local image migrate/iris:1: no engine answers",)
        assert (done.deleted, done.exit_code) == ((), 0)
        assert len(effects.existing("image")) == 1

        def used(_: str) -> str:
            raise engine_error(IN_USE)

        for kind in ("image", "runtime-image"):
            effects.done(effects.intend(kind, f"migrate/{kind}:2", {}, unit=unit().subject), "sha256:2")
        done = undo(run.journal, plan_undo(run.journal, Typed("ns"), ()), cloud=cloud, remove_image=used, emit=run.emit)
        assert len(done.failed) == 3
        assert IN_USE in done.failed[0]
        assert (done.deleted, done.stay, done.exit_code) == ((), (), ExitCode.LOCAL)
        assert len(effects.existing("image")) == 2
