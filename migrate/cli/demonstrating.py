"""Runs the demo: a sandbox, the journey of its sample namespace, and the way back."""

import os
import shlex
import sys
from pathlib import Path
from typing import Final

import msgspec

from migrate.cli.leaving import show_undone, take_away
from migrate.cli.moving import carry_out
from migrate.cli.sandbox import default_folder
from migrate.cli.sandboxing import in_words, say
from migrate.console.final import show_final
from migrate.console.jsonlines import JsonLines
from migrate.console.outlet import screen
from migrate.core.errors import ExitCode, UsageError
from migrate.core.events import Result
from migrate.core.secret import Secret
from migrate.migration.options import RunOptions, Typed
from migrate.migration.undo import Undone
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
    undone: Undone | None = None
    try:
        result = carry_out(
            RunOptions(typed=typed, old_token=Secret(variables["MIGRATE_OLD_TOKEN"])),
            project=None,
            workspace=workspace,
            as_json=as_json,
            yes=True,
            authorize=True,
            environ=environ,
        )
        if not as_json:
            show_final(screen(), result)
    finally:
        if not keep:
            undone = _take_down(place, typed, workspace, environ, as_json=as_json)
    code = ExitCode.DONE if _as_expected(result) else ExitCode(result.exit_code)
    if undone is not None and undone.failed:
        code = ExitCode.REMOTE
    if as_json:
        data = result.data | {"undone": msgspec.to_builtins(undone)}
        JsonLines(sys.stdout)(Result(command="demo", exit_code=int(code), models=result.models, data=data))
    elif keep:
        _say_kept(place)
    return code


def _as_expected(result: Result) -> bool:
    """Whether just those models need a person that ML Serving could not build either."""
    broken = {str(model["id"]) for model in read_index().models if model["versionStatus"] == "build-error"}
    stopped = {outcome.model for outcome in result.models if outcome.outcome != "done"}
    return result.exit_code == EXPECTED and stopped == broken


def _say_kept(place: Path) -> None:
    option = shlex.join(["--folder", str(place)])
    sys.stderr.write(
        f'\nThe sandbox and its apps run on. Before the commands above: eval "$(migrate sandbox env {option})"\n'
        f"End it: migrate sandbox stop {option}\n"
    )


def _take_down(place: Path, typed: Typed, workspace: Path, environ: dict[str, str], *, as_json: bool) -> Undone | None:
    if not as_json:
        sys.stdout.write("\nTaking all of it down again (--keep leaves it running):\n")
        sys.stdout.flush()
    try:
        undone = take_away(
            typed, models=(), yes=True, project=None, workspace=workspace, as_json=as_json, environ=environ
        )
    except UsageError:
        return None  # the run never came to a journal; what stopped it is being told
    else:
        if not as_json:
            show_undone(undone, typed)
        return undone
    finally:
        with in_words():
            control.stop(place)
