"""Runs the demo: a sandbox, the journey of its sample namespace, and the way back."""

import os
import shlex
import sys
from pathlib import Path
from typing import Final

from migrate.cli.leaving import leave
from migrate.cli.moving import move
from migrate.cli.sandbox import default_folder
from migrate.cli.sandboxing import in_words, say
from migrate.core.errors import ExitCode
from migrate.core.secret import Secret
from migrate.migration.options import RunOptions, Typed
from migrate.sandbox import control
from migrate.sandbox.samples import read_index

EXPECTED: Final = ExitCode.NEEDS_YOU  # one of the sample models is truncated, to show what that looks like

_POLL_SECONDS: Final = "1"  # quicker polls would use up the rate that the API allows


def demonstrate(folder: Path | None, *, keep: bool, as_json: bool) -> ExitCode:
    """Moves the sample models.

    Returns:
        DONE when the run ended as it should: all moved but the truncated one. Anything else is passed on.

    Raises:
        MigrateError: The sandbox cannot start, or the run cannot begin.
    """
    place = folder or default_folder().with_name("demo")
    with in_words():
        control.start(place, progress=say)
        variables = control.env(place)
    environ = {**os.environ, **variables, "MIGRATE_POLL_SECONDS": _POLL_SECONDS}
    os.environ.update(variables, MIGRATE_POLL_SECONDS=_POLL_SECONDS)
    workspace = place / "workspace"
    typed = Typed(read_index().namespace.id, ("--workspace", str(workspace)))
    code = ExitCode.INTERRUPTED
    try:
        code = move(
            RunOptions(typed=typed, old_token=Secret(variables["MIGRATE_OLD_TOKEN"])),
            project=None,
            workspace=workspace,
            as_json=as_json,
            dry_run=False,
            yes=True,
            authorize=True,
            environ=environ,
        )
    finally:
        if keep:
            _say_kept(place)
        else:
            _take_down(place, typed, workspace, environ, as_json=as_json)
    return ExitCode.DONE if code is EXPECTED else code


def _say_kept(place: Path) -> None:
    option = shlex.join(["--folder", str(place)])
    sys.stderr.write(
        f'\nThe sandbox and its apps run on. Before the commands above: eval "$(migrate sandbox env {option})"\n'
        f"End it: migrate sandbox stop {option}\n"
    )


def _take_down(place: Path, typed: Typed, workspace: Path, environ: dict[str, str], *, as_json: bool) -> None:
    sys.stderr.write("\nTaking everything down again (--keep leaves it running).\n")
    try:
        leave(typed, models=(), yes=True, project=None, workspace=workspace, as_json=as_json, environ=environ)
    finally:
        with in_words():
            control.stop(place)
