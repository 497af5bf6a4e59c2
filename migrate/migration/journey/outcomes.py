"""How a model's journey ended and what shows why, and how a run did."""

from collections.abc import Iterable
from typing import Final

from msgspec import Struct
from msgspec.structs import replace

from migrate.apps.app import model_url
from migrate.core.errors import ExitCode, Interrupted, MigrateError, NeedsYouError
from migrate.core.values import App, ModelRecord, Outcome, Parity, Rehearsal
from migrate.migration.journal.journal import Journal
from migrate.migration.journal.subjects import model_subject

_NEEDS_YOU: Final = frozenset({ExitCode.NEEDS_YOU, ExitCode.REFUSED})
_NO_ENGINE: Final = "engine-not-running"
_LOG: Final = "log"


class Log(Struct, frozen=True):
    """The last lines that a model's server wrote before it failed here."""

    lines: tuple[str, ...]


def keep_evidence(journal: Journal, model: str, lines: tuple[str, ...]) -> None:
    """Writes the lines that show why a model is not done, in place of those of an earlier run; none takes them away."""
    if lines:
        journal.put(model_subject(model), _LOG, "", Log(lines))
    else:
        journal.forget(model_subject(model), _LOG)


def evidence_of(journal: Journal, model: str) -> tuple[str, ...]:
    """The same lines again."""
    stored = journal.get(model_subject(model), _LOG, Log)
    return stored.value.lines if stored is not None else ()


def done(record: ModelRecord, app: App, rehearsal: Rehearsal, proof: Parity, slim: str = "") -> Outcome:
    """The model answers on AI Deploy and that is proven."""
    return Outcome(
        model=record.id,
        outcome="done",
        old_url=record.old_url,
        new_url=model_url(app, record.id),
        app_id=app.id,
        proof=proof.level,
        worst_difference=proof.worst_difference,
        cold_start=rehearsal.cold_start,
        slim=slim,
        not_rehearsed=rehearsal.not_here,
    )


def ended(
    record: ModelRecord, error: BaseException, *, again: str, app: App | None = None, app_id: str | None = None
) -> Outcome:
    """The model's journey ended early.

    Args:
        record: The model.
        error: Why: an expected failure, an interruption, or a bug.
        again: The command that goes on.
        app: The app, where it was reached.
        app_id: The id of the app that exists, reached or not.
    """
    start = Outcome(
        model=record.id,
        outcome="failed",
        old_url=record.old_url,
        new_url=model_url(app, record.id) if app else None,
        app_id=app.id if app else app_id,
    )
    match error:
        case MigrateError():
            needs_you = isinstance(error, NeedsYouError) or error.exit_code in _NEEDS_YOU
            return replace(
                start,
                outcome="needs-you" if needs_you else "failed",
                reason=error.code,
                text=error.what,
                task=error.next_step or f"Type: {again}",
                query_id=error.query_id,
                step=error.step,
                exit_code=int(error.exit_code),
            )
        case Interrupted():
            return replace(
                start,
                outcome="skipped",
                reason="interrupted",
                text="The run was stopped while its app was starting, or was proven; the app exists and is billed."
                if start.app_id
                else "The run was stopped before it had an app.",
                task=f"Type: {again}",
                exit_code=int(ExitCode.INTERRUPTED),
            )
        case _:
            return replace(
                start,
                outcome="failed",
                reason="bug",
                text=f"This tool failed: {type(error).__name__}.",
                task="Report the traceback below.",
                exit_code=int(ExitCode.BUG),
            )


def exit_code(outcomes: Iterable[Outcome], *, interrupted: bool) -> ExitCode:
    """The exit code of a run (decisions: Exit codes): several different causes give 4."""
    if interrupted:
        return ExitCode.INTERRUPTED
    outcomes = tuple(outcomes)
    codes = {outcome.exit_code for outcome in outcomes if outcome.exit_code}
    if ExitCode.BUG in codes:
        return ExitCode.BUG
    if any(outcome.reason == _NO_ENGINE for outcome in outcomes):
        return ExitCode.LOCAL  # whatever others need: until an engine runs no model gets anywhere
    if not codes:
        return ExitCode.DONE
    return ExitCode(codes.pop()) if len(codes) == 1 else ExitCode.NEEDS_YOU
