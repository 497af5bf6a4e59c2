"""What happened to one model in the order of time: runs, steps, effects on the outside world, and calls of the API."""

from collections.abc import Collection, Iterable
from typing import Final

from migrate.core.looking import Moment
from migrate.migration.journal.journal import Happened, Journal
from migrate.migration.journal.ledger import readable
from migrate.ovhcloud.call_log import Call, Command, tag_of

MOST: Final = 200  # of a journal that was written to for years, the end


def timeline(
    journal: Journal, model: str, subjects: Collection[str], commands: Iterable[Command]
) -> tuple[Moment, ...]:
    """The moments of a model, oldest first.

    Args:
        journal: The journal.
        model: The model's id.
        subjects: What the journal calls the model and its units.
        commands: The calls that are kept of this journal.

    Raises:
        LocalError: The journal, or what it holds of the model, cannot be read.
    """
    moments: list[Moment] = []
    for run in journal.runs():
        moments.append(Moment(at=run.started, run=run.id, text=f"{run.command} begins"))
        if run.ended is not None:
            moments.append(Moment(at=run.ended, run=run.id, text=f"it ends with {run.exit_code}"))
    moments += [_event(event) for event in journal.events(model)]
    for effect in journal.effects.all():
        if set(effect.units).isdisjoint(subjects):
            continue
        known = readable(effect)
        name = f"{known.kind} {known.external_id or known.name}"
        moments.append(Moment(at=known.done_at or known.intended_at, run=known.run, text=f"made {name}"))
        if known.gone_at is not None:
            moments.append(Moment(at=known.gone_at, text=f"gone: {name}"))
    tags = frozenset(map(tag_of, subjects))
    for command in commands:
        moments += [
            Moment(
                at=call.at,
                run=command.run,
                text=f"{call.method} {call.path}: {call.status or call.failure}",
                step=call.step,
                query_id=call.query_id,
            )
            for call in command.calls
            if call.subject in tags and tells(call)
        ]
    return tuple(sorted(moments, key=lambda moment: moment.at)[-MOST:])


def tells(call: Call) -> bool:
    """Whether a call is one to be told: it changed something, or failed."""
    return call.method != "GET" or failed(call)


def failed(call: Call) -> bool:
    """Whether a call had no answer, or a refusal."""
    return call.status is None or call.status >= 400


def query_ids(commands: Iterable[Command], subjects: Collection[str]) -> tuple[str, ...]:
    """The query ids of the calls for a model that failed in the last command, newest first."""
    tags = frozenset(map(tag_of, subjects))
    last = list(commands)[-1:]
    return tuple(
        call.query_id
        for command in last
        for call in reversed(command.calls)
        if call.subject in tags and failed(call) and call.query_id
    )


def _event(happened: Happened) -> Moment:
    event = happened.event
    outcome = event.get("outcome")
    step = str(event.get("step") or "")
    query_id = ""
    if isinstance(outcome, dict):
        text = f"{outcome.get('outcome')} {outcome.get('reason', '')} {outcome.get('text', '')}"
        step, query_id = str(outcome.get("step") or ""), str(outcome.get("query_id") or "")
    else:
        text = str(event.get("text") or f"{step} {event.get('detail', '')}")
    return Moment(at=happened.at, run=happened.run, text=text.strip(), step=step, query_id=query_id)
