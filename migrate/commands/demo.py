"""Runs the demo: a sandbox, the journeys of its sample namespaces, and the way back."""

import hashlib
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import msgspec
from msgspec import Struct

from migrate.commands.run import carry_out
from migrate.commands.sandbox import (
    BuilderName,
    check_installed,
    check_running,
    choose_builder,
    default_folder,
    in_words,
    say,
    use_it,
)
from migrate.commands.undo import take_away
from migrate.console.final import show_final
from migrate.console.jsonlines import JsonLines
from migrate.console.outlet import screen
from migrate.console.words import count, tally
from migrate.core.errors import ExitCode, LocalError, UsageError
from migrate.core.events import Result
from migrate.core.options.sandboxes import DemoOptions, StopOptions
from migrate.core.options.shared import ALLOW_UNSAFE
from migrate.core.options.sources import RunOptions, UndoOptions
from migrate.machine.patience import DEMO_POLL, DEMO_REHEARSAL
from migrate.migration.undo.undo import Undone
from migrate.sandbox import control
from migrate.sandbox.base.seam import SampleIndex
from migrate.sandbox.world.samples import FORMATS, ONNX, read_index, requests_folder, samples_folder

EXPECTED: Final = ExitCode.NEEDS_YOU  # each namespace has a model that needs a person, to show what that looks like


class Act(Struct, frozen=True, kw_only=True):
    """A sample namespace, and how it is moved; ``said`` is told a person before."""

    index: SampleIndex
    options: RunOptions
    said: str = ""


def demonstrate(options: DemoOptions) -> ExitCode:
    """Moves the sample models: those of ONNX, then (not if ``quick``) one of each other format.

    Returns:
        DONE when each run ended as it should: all moved but the models that were meant to need a person. Anything
        else is passed on.

    Raises:
        MigrateError: Nothing runs images here, the sandbox cannot start, or the run cannot begin.
    """
    check_installed()
    builder = choose_builder(options.builder)
    place, as_json = options.folder or default_folder().with_name("demo"), options.json
    with in_words():
        running = control.start(place, builder=builder, progress=say)
        variables = control.env(place)
    try:
        check_running(running)
    except LocalError:
        with in_words():
            control.stop(place)
        raise
    if not options.json and builder == "none":
        _say(f"apps run {running.apps_in}")
    environ = {**os.environ, **variables, "MIGRATE_POLL_SECONDS": f"{DEMO_POLL}"}
    os.environ.update(variables, MIGRATE_POLL_SECONDS=f"{DEMO_POLL}")
    workspace = place / "workspace"
    acts = _acts(workspace, options.builder, as_json=as_json)[: 1 if options.quick else None]
    results: list[Result] = []
    undone: list[Undone] = []
    try:
        for act in acts:
            if act.said and not as_json:
                _say(act.said)
            result = carry_out(act.options, environ)
            results.append(result)
            if not as_json:
                _say(tally(result.models))
            if not _as_expected(act, result):
                break
    finally:
        if not options.keep:
            undone = _take_down(place, acts, environ, as_json=as_json)
    code = _code(acts, results, undone)
    if as_json:
        JsonLines(sys.stdout)(_joined(acts, results, undone, code))
        return code
    show_final(screen(), *results)
    if options.keep:
        _say_kept(place)
    else:
        sys.stdout.write(f"\n{_taken_down(undone)}\n")
    return code


def _acts(workspace: Path, builder: BuilderName, *, as_json: bool) -> tuple[Act, Act]:
    def options(index: SampleIndex) -> RunOptions:
        return RunOptions(
            source=index.namespace.id, workspace=workspace, yes=True, authorize=True, builder=builder, as_json=as_json
        )

    onnx, formats = read_index(ONNX), read_index(FORMATS)
    allowed = [_digest(samples_folder(FORMATS) / name) for name in formats.pickles]
    names = " and ".join(formats.pickles)
    second = msgspec.structs.replace(
        options(formats),
        samples=requests_folder(FORMATS),
        allow_unsafe=tuple(allowed),
        rehearsal_timeout=DEMO_REHEARSAL,
    )
    said = (
        "now a model of each other format. Their answers are held against those of the training code "
        "(--samples), and where the old endpoint still answers, against that.\n"
        f"{names} are pickles, which are programs. Scripts of this project made them, so the demo allows these very "
        f"files:\n{''.join(f'  {ALLOW_UNSAFE.name} {digest}{chr(10)}' for digest in allowed)}"
    )
    return Act(index=onnx, options=options(onnx)), Act(index=formats, options=second, said=said)


def _digest(file: Path) -> str:
    return f"sha256:{hashlib.sha256(file.read_bytes()).hexdigest()}"


def _as_expected(act: Act, result: Result) -> bool:
    """Whether just those models need a person that ML Serving could not build either, or that have no files."""
    meant = {
        str(model["id"])
        for model in act.index.models
        if model["versionStatus"] == "build-error" or model["workflowTemplate"] == "preset-image"
    }
    stopped = {outcome.model for outcome in result.models if outcome.outcome != "done"}
    return result.exit_code == EXPECTED and stopped == meant


def _code(acts: Sequence[Act], results: Sequence[Result], undone: Sequence[Undone]) -> ExitCode:
    for act, result in zip(acts, results, strict=False):
        if not _as_expected(act, result):
            # A model that was meant to need a person and did not is a bug, whatever the run's own code.
            return ExitCode(result.exit_code) or ExitCode.BUG
    return ExitCode.REMOTE if any(undo.failed or undo.to_do for undo in undone) else ExitCode.DONE


def _joined(acts: Sequence[Act], results: Sequence[Result], undone: Sequence[Undone], code: ExitCode) -> Result:
    data = [
        {"namespace": act.index.namespace.id, "exit_code": result.exit_code, **result.data}
        for act, result in zip(acts, results, strict=False)
    ]
    return Result(
        command="demo",
        exit_code=int(code),
        models=tuple(outcome for result in results for outcome in result.models),
        data={"acts": data, "undone": msgspec.to_builtins(undone)},
    )


def _say_kept(place: Path) -> None:
    sys.stderr.write(
        f"\nThe sandbox and its apps run on. Before the commands above: {use_it(place)}\n"
        f"End it: {StopOptions(folder=place).command()}\n"
    )


def _say(text: str) -> None:
    sys.stderr.write("".join(f"demo: {line}\n" for line in text.splitlines()))
    sys.stderr.flush()


def _taken_down(undone: Sequence[Undone]) -> str:
    """What is left of the demo: nothing that is billed, if all went well."""
    failed = [text for one in undone for text in (*one.failed, *one.to_do)]
    if failed:
        return "\n".join(["Not taken down:", *(f"  {text}" for text in failed)])
    deleted = count(sum(len(one.deleted) for one in undone), "thing")
    return f"All of that was on this machine; {deleted} deleted again, nothing runs on (with --keep it would)."


def _take_down(place: Path, acts: Sequence[Act], environ: dict[str, str], *, as_json: bool) -> list[Undone]:
    if not as_json:
        _say("taking all of it down again; --keep leaves it running")
    done: list[Undone] = []
    try:
        for act in acts:
            source, workspace = act.options.source, act.options.workspace
            try:
                undone = take_away(UndoOptions(source=source, workspace=workspace, yes=True, as_json=as_json), environ)
            except UsageError:
                continue  # the run never came to a journal; what stopped it is being told
            done.append(undone)
    finally:
        with in_words():
            control.stop(place)
    return done
