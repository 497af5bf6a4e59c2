"""Models of folders, read as build, export and serve read them."""

import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from migrate.core.events import Event
from migrate.core.options.folders import BuildOptions
from migrate.migration.journey.models import Inspected
from migrate.migration.run.folder_run import FolderRun, folder_run
from migrate.migration.run.workspace import Workspace
from migrate.migration.run_folder import read_folder


@contextmanager
def run_of_folder(folder: Path, workspace: Path, **options: Any) -> Iterator[tuple[FolderRun, list[Event]]]:
    """A run over a folder, and what it shows."""
    events: list[Event] = []
    with folder_run(
        BuildOptions(folder=folder, **({"tag": "models:test"} | options)),
        workspace=Workspace(workspace),
        emit=events.append,
        stop=threading.Event(),
        environ=os.environ,
    ) as run:
        yield run, events


def read(folder: Path, workspace: Path, **options: Any) -> tuple[tuple[Inspected, ...], list[Event]]:
    """The models of a folder that is loaded \"here\", and what was shown."""
    with run_of_folder(folder, workspace, **options) as (run, events):
        return read_folder(run, loading="here"), events
