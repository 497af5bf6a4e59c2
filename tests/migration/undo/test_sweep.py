"""Undo removes the containers that killed runs left on the engine, and no others."""

import os
import platform
import subprocess
from collections.abc import Iterator
from pathlib import Path

import docker
import pytest

from migrate.images.base.image import ensure_base
from migrate.images.engine.connection import connect
from migrate.images.engine.containers import PROCESS_LABEL
from migrate.migration.undo.undo import sweep_killed
from migrate.ovhcloud.session import Cloud
from tests.migration.runs import run_of

pytestmark = pytest.mark.engine


@pytest.fixture
def left() -> Iterator[tuple[docker.DockerClient, str]]:
    """A container of a process that has ended."""
    engine = connect(os.environ)
    base = ensure_base(engine, None, lambda _text: None).reference
    engine.close()
    with subprocess.Popen(["true"]) as ended:
        pass
    client = docker.from_env()
    label = {PROCESS_LABEL: f"{platform.node()}:{ended.pid}"}
    made = client.containers.create(base, ["true"], labels=label)
    yield client, str(made.id)
    for container in client.containers.list(all=True, filters={"id": made.id}, ignore_removed=True):
        container.remove(force=True)
    client.close()


def test_after_a_kill(cloud: Cloud, tmp_path: Path, left: tuple[docker.DockerClient, str]) -> None:
    client, identity = left
    with run_of(cloud, tmp_path) as (run, _):  # never ended
        run.journal.begin("undo")
        sweep_killed(run.journal, os.environ, run.workspace.store)
    assert client.containers.list(all=True, filters={"id": identity}, ignore_removed=True) == []


def test_no_engine_is_asked_where_every_run_has_ended(cloud: Cloud, tmp_path: Path) -> None:
    with run_of(cloud, tmp_path) as (run, _):
        run.journal.end(0)
        run.journal.begin("undo")
        sweep_killed(run.journal, {"DOCKER_HOST": "not an address"}, run.workspace.store)


def test_an_engine_that_does_not_answer_keeps_nobody_from_undoing(cloud: Cloud, tmp_path: Path) -> None:
    with run_of(cloud, tmp_path) as (run, _):
        run.journal.begin("undo")
        sweep_killed(run.journal, {"DOCKER_HOST": "tcp://127.0.0.1:1"}, run.workspace.store)
