"""What a bundle says: each field is named here, and passes through the redactor; what is not named is not in it."""

import platform
import sqlite3
from collections.abc import Iterable, Iterator, Mapping
from importlib import metadata
from typing import Final, get_args

from msgspec import Struct

from migrate import __version__
from migrate.core.codes.blame import CAUSES, cause_of
from migrate.core.codes.catalogue import CODES
from migrate.core.errors import MigrateError
from migrate.core.events import Step
from migrate.core.options.tree import COMMANDS, VARIABLES
from migrate.core.values import App, Inspection, ModelRecord, Outcome, OutcomeKind, Parity, ProofLevel, Verdict
from migrate.migration.journal.journal import Journal
from migrate.migration.journal.ledger import KINDS
from migrate.migration.journal.subjects import model_subject
from migrate.migration.journey.outcomes import evidence_of
from migrate.migration.telling.bundle.known import units_of
from migrate.migration.telling.bundle.redaction import Redactor
from migrate.migration.telling.bundle.vocabulary import FORMATS
from migrate.migration.telling.timeline import failed
from migrate.ovhcloud.apps import State
from migrate.ovhcloud.call_log import Call, Command, tag_of
from migrate.ovhcloud.config import ENDPOINT_URLS

_STEPS: Final = frozenset(get_args(Step)) | {"log", "rehearsal-proof"}
_COMMANDS: Final = frozenset(kind.about.name for kind in COMMANDS)
_STATES: Final = frozenset(state.value for state in State)
_PACKAGES: Final = ("ovh", "docker", "requests", "msgspec", "obstore", "uv", "rich", "typer")
_METHODS: Final = frozenset({"GET", "POST", "PUT", "DELETE"})
_LAST_LINES: Final = 50
_LAST_CALLS: Final = 2000
_LAST_EVENTS: Final = 500


class Facts(Struct, frozen=True, kw_only=True):
    """What was asked for a bundle.

    Attributes:
        journal: The journal.
        commands: The calls that are kept of it.
        environ: Whose names alone are told, of the variables that this tool reads.
    """

    journal: Journal
    commands: tuple[Command, ...]
    environ: Mapping[str, str]


def versions(facts: Facts, redactor: Redactor) -> Iterator[str]:
    """The releases that were at work, and what kind of machine this is."""
    yield f"release    {__version__}"
    try:
        yield f"journal    last written by {redactor.version(facts.journal.fact('release'))}"
    except MigrateError:
        yield "journal    does not say which release wrote it"
    yield f"python     {redactor.version(platform.python_version())}, SQLite {redactor.version(sqlite3.sqlite_version)}"
    kernel = ".".join(platform.release().split(".")[:2])
    yield f"system     {redactor.word(platform.system(), {'Linux', 'Darwin'})} {redactor.version(kernel)}"
    yield f"processor  {redactor.word(platform.machine(), {'x86_64', 'aarch64', 'arm64'})}"
    for name in _PACKAGES:
        try:
            yield f"{name:<10} {redactor.version(metadata.version(name))}"
        except metadata.PackageNotFoundError:
            yield f"{name:<10} not installed"
    known = {variable.name for variable in VARIABLES if not variable.name.endswith("*")} - {"HOME"}
    yield f"set        {', '.join(sorted(known & set(facts.environ))) or 'no variable that this tool reads'}"
    try:
        endpoint = facts.journal.fact("endpoint")
        shown = endpoint if endpoint in ENDPOINT_URLS else redactor.name("endpoint", endpoint)
        yield f"endpoint   {shown}, {redactor.name('project', facts.journal.fact('project'))}"
    except MigrateError:
        redactor.leave_out("unread")


def summary(facts: Facts, redactor: Redactor) -> Iterator[str]:
    """Each model: how it ended, whose that is, and the evidence."""
    for name, state in facts.journal.models().items():
        shown = redactor.name("model", name)
        try:
            outcome = state.outcome
        except MigrateError as error:
            redactor.leave_out("unread")
            yield f"{shown}: its outcome cannot be read ({error.code})"
            continue
        if outcome is None:
            yield f"{shown}: not run yet"
            continue
        yield from _outcome(shown, outcome, redactor)
        yield from (f"  {line}" for line in _source(state_record(state, redactor), redactor))
        yield from (f"  evidence   {line}" for line in _evidence(facts.journal, name, redactor))
        tags = {tag_of(subject) for subject in units_of(facts.journal, name)}
        yield from (f"  call       {_call(call, redactor)}" for call in _failures(facts.commands, tags))
        yield ""


def state_record(state: object, redactor: Redactor) -> ModelRecord | None:
    """The record of a model, where it can be read."""
    try:
        record = state.record  # type: ignore[attr-defined]
    except MigrateError:
        redactor.leave_out("unread")
        return None
    return record if isinstance(record, ModelRecord) else None


def _outcome(shown: str, outcome: Outcome, redactor: Redactor) -> Iterator[str]:
    code = redactor.word(outcome.reason, CODES)
    yield f"{shown}: {redactor.word(outcome.outcome, get_args(OutcomeKind))}"
    if code:
        cause = cause_of(outcome.reason)
        yield f"  code       {code}"
        yield f"  whose      {cause}: {CAUSES[cause]}"
    if outcome.step:
        yield f"  step       {redactor.word(outcome.step, _STEPS)}"
    if outcome.exit_code:
        yield f"  exit code  {outcome.exit_code}"
    if meaning := CODES.get(outcome.reason):
        yield f"  meaning    {meaning.text}"
        yield f"  next       {meaning.next_step}"
    redactor.leave_out("text", bool(outcome.task))
    if outcome.text:
        yield f"  said       {redactor.text(outcome.text)}"
    if outcome.proof:
        yield f"  proof      {redactor.word(outcome.proof, get_args(ProofLevel))}"
    if outcome.app_id:
        yield f"  app        {redactor.name('app', outcome.app_id)}"
    if outcome.query_id and (query_id := redactor.query_id(outcome.query_id)):
        yield f"  query id   {query_id}"


def _source(record: ModelRecord | None, redactor: Redactor) -> Iterator[str]:
    if record is None:
        return
    place = type(record.location).__name__.removesuffix("Location").lower() if record.location else "nowhere"
    yield f"files      in a {place}, called {redactor.name('path', getattr(record.location, 'path', ''))}"
    said = " ".join(filter(None, (record.framework, record.recognised)))
    yield f"framework  {' '.join(redactor.word(word.lower(), FORMATS) for word in said.split()) or 'not said'}"


def _evidence(journal: Journal, model: str, redactor: Redactor) -> Iterator[str]:
    subject = model_subject(model)
    try:
        if (stored := journal.get(subject, "inspect", Inspection)) is not None:
            yield from _inspected(stored.value, redactor)
        for subject_of, step in ((subject, "rehearsal-proof"), (subject, "prove")):
            if (proof := journal.get(subject_of, step, Parity)) is not None:
                yield from _proof(step, proof.value, redactor)
        lines = evidence_of(journal, model)
        redactor.leave_out("long", max(0, len(lines) - _LAST_LINES))
        yield from (f"log: {redactor.text(line)}" for line in lines[-_LAST_LINES:])
    except MigrateError:
        redactor.leave_out("unread")


def _inspected(found: Inspection, redactor: Redactor) -> Iterator[str]:
    reason = f", {redactor.word(found.reason, CODES)}" if found.reason else ""
    runtime = f", for {redactor.word(found.runtime, FORMATS)}" if found.runtime else ""
    verdict = redactor.word(found.verdict, get_args(Verdict))
    yield f"inspect: {redactor.word(found.format, FORMATS)}, {verdict}{reason}{runtime}"
    if found.text:
        yield f"inspect: {redactor.text(found.text)}"
    for hazard in found.hazards:
        yield f"inspect: hazard {redactor.word(hazard.code, CODES)} in {redactor.name('path', hazard.path) or 'a file'}"
    for file in found.unsafe:
        yield f"inspect: {redactor.name('path', file.path)} runs code; {'allowed' if file.allowed else 'not allowed'}"


def _proof(step: str, proof: Parity, redactor: Redactor) -> Iterator[str]:
    verdict = "equal" if proof.passed else "different"
    level = redactor.word(proof.level, get_args(ProofLevel))
    worst = redactor.magnitude(proof.worst_difference) or "unknown"
    yield f"{step}: {verdict}, {level}, {proof.calls} calls, worst {worst}"
    for mismatch in proof.mismatches[:_LAST_LINES]:
        redactor.leave_out("value", 2)
        where = f" at {list(mismatch.index)}" if mismatch.index else ""
        tensor = redactor.name("tensor", mismatch.tensor) or "the answer"
        size = redactor.magnitude(mismatch.difference)
        yield (
            f"{step}: {tensor}{where} of {redactor.name('sample', mismatch.sample)} differs"
            + (f" by {size}" if size else f": {redactor.text(mismatch.text)}")
        )
    redactor.leave_out("long", max(0, len(proof.mismatches) - _LAST_LINES))


def runs(facts: Facts, redactor: Redactor) -> Iterator[str]:
    """Each command that wrote to the journal, and how it ended."""
    for run in facts.journal.runs():
        ended = f"ended {redactor.time(run.ended)} with {run.exit_code}" if run.ended else "not ended, or killed"
        command = redactor.word(run.command.partition(" ")[0], _COMMANDS)
        yield f"run {run.id}  {command}  began {redactor.time(run.started)}  {ended}"


def steps(facts: Facts, redactor: Redactor) -> Iterator[str]:
    """Each step that has a value, and when it got it; the values themselves are not told."""
    for name in facts.journal.models():
        shown = redactor.name("model", name)
        for subject in sorted(units_of(facts.journal, name)):
            for step, at in facts.journal.steps(subject).items():
                redactor.leave_out("value")
                app = _app(facts.journal, subject, step, redactor)
                yield f"{redactor.time(at)}  {shown}  {redactor.word(step, _STEPS)}{app}"


def _app(journal: Journal, subject: str, step: str, redactor: Redactor) -> str:
    if step != "deploy":
        return ""
    try:
        app = journal.get(subject, step, App)
        if app is None:
            return ""
        value = app.value
    except MigrateError:
        redactor.leave_out("unread")
        return ""
    state = redactor.word(value.state, _STATES)
    return f"  {redactor.name('app', value.id)}, {state}, {value.cpu} CPUs, {value.replicas} replicas"


def effects(facts: Facts, redactor: Redactor) -> Iterator[str]:
    """What was made outside, and what of it is gone."""
    for effect in facts.journal.effects.all():
        redactor.leave_out("value", len(effect.intent))
        kind = redactor.word(effect.kind, KINDS)
        name = redactor.name(effect.kind if effect.kind in KINDS else "effect", effect.external_id) or "no id known"
        made = (
            f"made {redactor.time(effect.done_at)}" if effect.done_at else f"asked {redactor.time(effect.intended_at)}"
        )
        gone = f"  gone {redactor.time(effect.gone_at)}" if effect.gone_at else ""
        more = "".join(f"  {field}" for field in ("shared", "failed", "former_image") if effect.intent.get(field))
        yield f"{kind}  {name}  run {effect.run}  {made}{gone}{more}"


def events(facts: Facts, redactor: Redactor) -> Iterator[str]:
    """The journal's last events, with the texts of notices redacted."""
    found = facts.journal.events()
    redactor.leave_out("long", max(0, len(found) - _LAST_EVENTS))
    for happened in found[-_LAST_EVENTS:]:
        event = happened.event
        outcome = event.get("outcome")
        parts = [redactor.time(happened.at), f"run {happened.run}" if happened.run is not None else ""]
        parts.append(redactor.name("model", happened.model))
        if isinstance(outcome, dict):
            parts.append(redactor.word(_text(outcome.get("outcome")), get_args(OutcomeKind)))
            parts.append(redactor.word(_text(outcome.get("reason")), CODES))
            parts.append(redactor.word(_text(outcome.get("step")), _STEPS))
            parts.append(redactor.query_id(_text(outcome.get("query_id"))))
            parts.append(redactor.text(_text(outcome.get("text"))))
        else:
            parts.append(redactor.word(_text(event.get("step")), _STEPS))
            parts.append(redactor.text(_text(event.get("text"))))
            redactor.leave_out("text", bool(event.get("detail")))
        yield "  ".join(part for part in parts if part)


def calls(facts: Facts, redactor: Redactor) -> Iterator[str]:
    """The last calls of OVHcloud's API, with their query ids."""
    models = {
        tag_of(subject): redactor.name("model", name)
        for name in facts.journal.models()
        for subject in units_of(facts.journal, name)
    }
    for command in facts.commands:
        yield f"run {command.run}  release {redactor.version(command.release)}  {redactor.time(command.at)}"
        redactor.leave_out("long", max(0, len(command.calls) - _LAST_CALLS))
        for call in command.calls[-_LAST_CALLS:]:
            yield "  ".join(part for part in (f"  {_call(call, redactor)}", models.get(call.subject, "")) if part)


def _failures(commands: Iterable[Command], tags: set[str]) -> Iterator[Call]:
    for command in list(commands)[-1:]:
        yield from [call for call in command.calls if call.subject in tags and failed(call)][-_LAST_LINES:]


def _call(call: Call, redactor: Redactor) -> str:
    end = str(call.status) if call.status is not None and 100 <= call.status <= 599 else "no answer"
    parts = [
        redactor.time(call.at),
        redactor.word(call.method, _METHODS),
        redactor.path(call.path),
        end,
        redactor.text(call.failure),
        f"{max(0.0, call.seconds):.3f} s",
        redactor.query_id(call.query_id),
        redactor.word(call.step, _STEPS),
    ]
    return "  ".join(part for part in parts if part)


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""
