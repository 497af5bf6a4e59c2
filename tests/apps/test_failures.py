"""Why an app does not come up: the cause, the platform's sentence, the end of the log, and what to do."""

import threading
from pathlib import Path

import pytest

from migrate.apps import deploy
from migrate.apps.failures import FAILURES, ended
from migrate.apps.watching import Watcher
from migrate.core.codes.catalogue import CODES
from migrate.core.errors import ExitCode, MigrateError, RemoteError
from migrate.ovhcloud import apps
from migrate.ovhcloud.projects import authorize
from migrate.ovhcloud.session import Cloud
from migrate.sandbox import control
from tests.apps.test_deploy import IMAGE, make_plan

CAUSES = {
    "image": ("app-image", ExitCode.NEEDS_YOU, "registry"),
    "architecture": ("app-architecture", ExitCode.NEEDS_YOU, "linux/amd64"),
    "probe": ("app-probe", ExitCode.NEEDS_YOU, "/health/ready"),
    "memory": ("app-memory", ExitCode.NEEDS_YOU, "--cpus"),
    "crash": ("app-failed", ExitCode.NEEDS_YOU, "log above"),
    "quota": ("quota-exceeded", ExitCode.NEEDS_YOU, "Quotas"),
    "platform": ("app-error", ExitCode.REMOTE, "--region"),
}


def failed(cloud: Cloud, timeout: float = 60.0) -> MigrateError:
    """How waiting for a new app ends."""
    authorize(cloud)
    made = deploy.create(cloud, make_plan(), IMAGE)
    with pytest.raises(MigrateError) as caught:
        Watcher(cloud, interval=0.05).wait_running(
            made.id, timeout=timeout, on_state=lambda _: None, stop=threading.Event()
        )
    assert made.id in caught.value.what
    return caught.value


@pytest.mark.parametrize("cause", CAUSES)
def test_each_cause_is_told_with_the_log_and_what_to_do(sandbox: Path, cloud: Cloud, cause: str) -> None:
    control.fail(sandbox, "app-failed", cause=cause, log=["loading \x1b[2Jiris", "Traceback: no such file"])
    error = failed(cloud)
    code, exit_code, step = CAUSES[cause]
    assert (error.code, error.exit_code) == (code, exit_code)
    assert "  Traceback: no such file" in error.what.splitlines()
    assert "\x1b" not in error.what + "".join(error.evidence)
    assert error.evidence[1] == "Traceback: no such file"
    assert step in error.next_step
    assert "type the same command again" in error.next_step.lower()
    assert error.code in FAILURES
    assert error.code in CODES


def test_a_sentence_that_says_nothing_leaves_the_log(cloud: Cloud, sandbox: Path) -> None:
    control.fail(sandbox, "app-failed", message="x", log=["exec /usr/bin/python3: exec format error"])
    assert failed(cloud).code == "app-architecture"
    control.release(sandbox)
    control.fail(sandbox, "app-failed", message="x", log=["the model asks for a quota of probes to pull"])
    assert failed(cloud).code == "app-failed"


@pytest.mark.parametrize(
    ("sentence", "code"),
    [
        ("Back-off pulling image registry.test/iris:1: ErrImagePull", "app-image"),
        ("failed to resolve reference: pull access denied, repository does not exist", "app-image"),
        ("no matching manifest for linux/amd64 in the manifest list entries", "app-architecture"),
        ("Readiness probe failed: HTTP probe failed with statuscode: 503", "app-probe"),
        ("OOMKilled", "app-memory"),
        ("User CPU quota exceeded", "quota-exceeded"),
        ("Something else", "app-failed"),
    ],
)
def test_the_words_of_engines_and_of_kubernetes_are_known(cloud: Cloud, sentence: str, code: str) -> None:
    info = apps.Info(code="APP_FAILED", message=sentence)
    record = apps.App(id="a", spec=apps.AppSpec(image="i"), status=apps.AppStatus(state="FAILED", info=info))
    error = ended(cloud, record)
    assert error.code == code
    assert error.what.endswith("; AI Deploy has no log of it.")


@pytest.mark.parametrize("word", ["APP_INTERRUPTED_BY_PLATFORM", "APP_CREATE_ERROR"])
def test_what_the_platform_did_is_not_the_models_fault(cloud: Cloud, word: str) -> None:
    info = apps.Info(code=word, message="the probe was interrupted")
    record = apps.App(id="a", spec=apps.AppSpec(image="i"), status=apps.AppStatus(state="FAILED", info=info))
    assert isinstance(ended(cloud, record), RemoteError)


def test_an_app_that_is_late_says_where_it_stands(sandbox: Path, cloud: Cloud) -> None:
    control.fail(sandbox, "app-stuck")
    error = failed(cloud, timeout=1.0)
    assert error.code == "app-timeout"
    assert "SCALING" in error.what
    assert "probe has not passed" in error.what
    assert error.next_step.endswith("it goes on waiting for the same app.")
