"""What happened to one model, from the journal alone: nobody is asked."""

import difflib
from collections.abc import Mapping
from contextlib import closing
from typing import Final, get_args

from msgspec.structs import replace

from migrate.core.codes.blame import cause_of
from migrate.core.errors import MigrateError, UsageError
from migrate.core.events import Step
from migrate.core.looking import StepDone, Story
from migrate.core.options.sources import Typed
from migrate.core.text import printable
from migrate.core.values import (
    Artifact,
    Documents,
    Inspection,
    ModelRecord,
    Parity,
    Recording,
    UnsafeFile,
)
from migrate.migration.journal.bill import models_of
from migrate.migration.journal.journal import Happened, Journal
from migrate.migration.journal.ledger import Effect, readable
from migrate.migration.journal.subjects import model_subject, unit_subject
from migrate.migration.journey.outcomes import evidence_of
from migrate.migration.run.journals import find_journal
from migrate.migration.run.workspace import Workspace
from migrate.migration.telling.timeline import query_ids, timeline
from migrate.ovhcloud.call_log import read_commands
from migrate.parity.replay import mismatch_text

_ORDER: Final = tuple(step for step in get_args(Step) if step not in {"list", "look", "runtime", "undo"})
_SHOWN: Final = 20


def why(typed: Typed, model: str, workspace: Workspace, *, environ: Mapping[str, str]) -> Story:
    """The story of a model.

    Raises:
        UsageError: Nothing is known of the source or of the model.
        LocalError: The journal, or what it holds of that model, cannot be read.
    """
    try:
        opened = find_journal(workspace, typed, environ=environ)
    except UsageError as error:
        raise _swapped(typed, model, workspace, environ) or error from error
    journal = opened.journal
    try:
        models = journal.models()
        if model not in models:
            near = difflib.get_close_matches(model, models, n=1)
            known = f"Did you mean {near[0]!r}?" if near else f"It has: {', '.join(list(models)[:10])}."
            raise UsageError(
                f"The journal of {typed.source} has no model {printable(model)!r}.",
                code="unknown-model",
                next_step=printable(known, 600),
            )
        state = models[model]
        units = _units(journal, model)
        commands = read_commands(workspace.calls, journal.id)
        events = journal.events(model)
        outcome = state.outcome
        return Story(
            model=model,
            source=journal.fact("source"),
            old_url=state.record.old_url,
            files=_files(state.record),
            outcome=outcome,
            whose=cause_of(outcome.reason) if outcome and outcome.reason else None,
            steps=_steps(journal, model, units),
            events=tuple(_event(event) for event in events[-_SHOWN:]),
            timeline=timeline(journal, model, units | {model_subject(model)}, commands),
            evidence=_evidence(journal, model),
            effects=tuple(_effect(readable(effect)) for effect in journal.effects.all() if set(effect.units) & units),
            query_ids=tuple(dict.fromkeys((*_query_ids(events), *query_ids(commands, units | {model_subject(model)})))),
            next_step=(outcome.task if outcome else "") or _next(typed, outcome is None),
        )
    finally:
        journal.close()


def _swapped(typed: Typed, model: str, workspace: Workspace, environ: Mapping[str, str]) -> UsageError | None:
    """The error for a source and a model that were typed in the wrong order; None where they were not."""
    other = replace(typed, source=model)
    try:
        opened = find_journal(workspace, other, environ=environ)
    except MigrateError:
        return None
    with closing(opened.journal) as journal:
        if typed.source not in journal.models():
            return None
    return UsageError(
        f"{printable(model, 300)} is a source, and {printable(typed.source, 300)} is a model of it.",
        code="unknown-model",
        next_step=f"Type: {other.why(typed.source)}",
    )


def _next(typed: Typed, unfinished: bool) -> str:
    return f"Type: {typed.run()}" if unfinished else ""


def _units(journal: Journal, model: str) -> set[str]:
    units = {unit_subject(model)}
    for effect in journal.effects.all():
        if model in models_of(effect):
            units |= set(effect.units)
    return units


def _files(record: ModelRecord) -> str:
    return record.location.words if record.location else ""


def _steps(journal: Journal, model: str, units: set[str]) -> tuple[StepDone, ...]:
    found: dict[str, StepDone] = {}
    for subject in (*sorted(units), model_subject(model)):
        for step, at in journal.steps(subject).items():
            if step in _ORDER:
                found[step] = StepDone(step=step, at=at, text=_value(journal, subject, step))
    return tuple(found[step] for step in _ORDER if step in found)


def _value(journal: Journal, subject: str, step: str) -> str:
    match step:
        case "fetch":
            artifact = journal.get(subject, step, Artifact)
            return f"{artifact.value.size:,} bytes, {artifact.value.digest}" if artifact else ""
        case "inspect":
            inspection = journal.get(subject, step, Inspection)
            if inspection is None:
                return ""
            found = inspection.value
            return f"{found.format}: {found.verdict}" + (f" ({found.reason})" if found.reason else "")
        case "record":
            recording = journal.get(subject, step, Recording)
            return _recorded(recording.value) if recording else ""
        case "attest":
            documents = journal.get(subject, step, Documents)
            return f"{documents.value.sbom} {documents.value.provenance}" if documents else ""
        case "prove":
            parity = journal.get(subject, step, Parity)
            if parity is None:
                return ""
            verdict = "equal" if parity.value.passed else "different"
            return f"{parity.value.level}: {parity.value.calls} calls, {verdict}"
        case _:
            return ""


def _recorded(recording: Recording) -> str:
    return f"{recording.level}, {len(recording.samples)} samples, from {recording.origin}"


def _evidence(journal: Journal, model: str) -> tuple[str, ...]:
    subject = model_subject(model)
    lines: list[str] = []
    inspection = journal.get(subject, "inspect", Inspection)
    if inspection is not None:
        found = inspection.value
        lines += [f"{found.verdict}: {found.text}"] if found.text else []
        lines += [_word(file) for file in found.unsafe]
        lines += [f"{hazard.code}: {hazard.text}" for hazard in found.hazards]
        lines += found.notes
    lines += [f"the server's log: {line}" for line in evidence_of(journal, model)]
    for step, where in (("rehearsal-proof", "in the rehearsal"), ("prove", "on AI Deploy")):
        parity = journal.get(subject, step, Parity)
        if parity is not None:
            lines += [f"{where}: {mismatch_text(mismatch)}" for mismatch in parity.value.mismatches[:_SHOWN]]
    return tuple(lines)


def _word(file: UnsafeFile) -> str:
    state = "allowed by" if file.allowed else "runs code when it is loaded; allowed only with"
    return f"{printable(file.path)}: {state} {file.option}"


def _event(happened: Happened) -> str:
    event = happened.event
    outcome = event.get("outcome")
    if isinstance(outcome, dict):
        text = f"{outcome.get('outcome')} {outcome.get('reason', '')} {outcome.get('text', '')}"
    else:
        text = str(event.get("text") or f"{event.get('step')} {event.get('detail', '')}")
    return f"{happened.at}  run {happened.run}  {text.strip()}"


def _effect(effect: Effect) -> str:
    end = f"gone {effect.gone_at}" if effect.gone_at else ("exists" if effect.external_id else "may exist")
    return f"{effect.kind} {effect.external_id or effect.name}: made {effect.done_at or effect.intended_at}, {end}"


def _query_ids(events: tuple[Happened, ...]) -> tuple[str, ...]:
    ids: list[str] = []
    for happened in events:
        outcome = happened.event.get("outcome")
        if isinstance(outcome, dict) and outcome.get("query_id"):
            ids.append(str(outcome["query_id"]))
    return tuple(dict.fromkeys(ids))
