"""The result of a run as a value: everything that its last screen, or the last JSON line, says."""

import shlex
from pathlib import Path
from typing import Final

import msgspec
from msgspec.structs import replace

from migrate.core.errors import ExitCode
from migrate.core.events import Result
from migrate.core.text import printable
from migrate.core.values import App, Outcome, Recording
from migrate.migration.journal.bill import BilledApp, billed_app, models_of
from migrate.migration.journal.ledger import Effect
from migrate.migration.journal.subjects import is_packed, model_subject, unit_subject
from migrate.migration.run import permissions
from migrate.migration.run.cloud_run import Run

_INLINE: Final = 300  # characters of a sample request that fit into a line to copy
_NAMED: Final = 5  # models in a sentence
_SMALL: Final = 2_000_000  # bytes of a recording that is read to find a sample


def make_result(run: Run, found: tuple[Outcome, ...], code: ExitCode) -> Result:
    """The result of ``run``."""
    typed, effects = run.options.typed, run.journal.effects
    apps = [billed_app(effect, _app(run, effect)) for effect in effects.existing("app")]
    files = {effect.name: effect.text("file") for effect in effects.existing("token") if effect.text("file")}
    data: dict[str, object] = {
        "source": run.listing.source,
        "project": run.cloud.project,
        "run": run.journal.id,
        "journal": str(run.folder.journal),
        "apps": [
            {"id": app.id, "url": app.url, "cpu": app.cpu, "replicas": app.replicas, "models": app.models}
            for app in apps
        ],
        "tokens": files,
        "status": typed.status(),
    }
    if run.options.ticket:
        data["ticket"] = run.options.ticket
    if allowed := [fact for outcome in found for fact in _allowed(run, outcome.model)]:
        data["allowed_unsafe"] = allowed
        names = (
            f"{printable(fact['path'], 80)} of {printable(fact['model'], 60)} ({fact['option']})" for fact in allowed
        )
        data["allowed_text"] = f"to run code when they are loaded: {', '.join(names)}"
    if files:
        data["tokens_text"] = _tokens(run, effects.existing("token"))
    if apps:
        data["billed_text"] = _billed(apps, found)
    if effects.existing():
        data["undo"] = typed.undo()
    if code is not ExitCode.DONE:
        data["again"] = run.options.again()
        bad = next((outcome.model for outcome in found if outcome.outcome not in {"done", "skipped"}), None)
        if bad is not None:
            data["why"] = typed.why(bad)
    if (curl := _curl(run, found, files)) is not None:
        data["curl"] = curl
    return Result(command="run", exit_code=int(code), models=found, data=data)


def _billed(apps: list[BilledApp], found: tuple[Outcome, ...]) -> str:
    """What everything that exists costs, whatever became of its models."""
    sure = [app for app in apps if app.id is not None]
    parts = []
    if sure:
        cpus = sum(app.cpus for app in sure)
        parts.append(
            f"{len(sure)} app{'s' if len(sure) > 1 else ''} with {cpus} CPU{'s' if cpus != 1 else ''} in all, "
            "by the minute, also without calls, until undone"
        )
    served = {model for app in sure for model in app.models}
    if early := [outcome.model for outcome in found if outcome.outcome != "done" and outcome.model in served]:
        parts.append(f"that includes what is not migrated yet: {_named(early)}")
    if kept := [app for app in sure if app.failed]:
        names = ", ".join(f"{app.id} of {_named(list(app.models))}" for app in kept)
        parts.append(f"kept although AI Deploy could not run it (--keep-failed): {names}")
    if shared := [app for app in sure if app.shared]:
        names = ", ".join(f"{app.id} of {_named(list(app.models))}" for app in shared)
        parts.append(f"made by another machine, which undoes it: {names}")
    if maybe := [model for app in apps if app.id is None for model in app.models]:
        parts.append(f"an app of {_named(maybe)} may exist besides, for the answer to the request was lost")
    return "; ".join(parts)


def _tokens(run: Run, effects: tuple[Effect, ...]) -> str:
    text = f"{run.folder.tokens}/  one file an app, which only you can read"
    lost = [effect for effect in effects if effect.text("file") and not Path(effect.text("file")).exists()]
    models = [model for effect in lost for model in _served(run, effect.name)[:1]]
    if not models:
        return text
    chosen = run.options.models  # a run of more models would make apps that nobody asked for
    if chosen and not any(is_packed(effect.name) for effect in lost):
        chosen = tuple(models)
    again = replace(run.options, models=chosen).command()
    again += "".join(f" --new-token {shlex.quote(model)}" for model in models)
    return f"{text}; not there any more: that of {_named(models)}; a new one, which ends the old: {again}"


def _served(run: Run, unit: str) -> tuple[str, ...]:
    effect = run.journal.effects.find("app", unit)
    return billed_app(effect, None).models if effect is not None else ()


def _named(models: list[str]) -> str:
    shown = ", ".join(printable(model, 60) for model in models[:_NAMED])
    return f"{shown} and {len(models) - _NAMED} more" if len(models) > _NAMED else shown


def _allowed(run: Run, model: str) -> list[dict[str, str]]:
    return permissions.facts(model, run.found[model]) if model in run.found else []


def _app(run: Run, effect: Effect) -> App | None:
    if effect.external_id is None or not effect.units:
        return None
    stored = run.journal.usable(effect.units[0], "deploy", App)
    return stored.value if stored is not None else None


def _curl(run: Run, found: tuple[Outcome, ...], files: dict[str, str]) -> str | None:
    """A call that answers, for the model whose recorded sample is the shortest."""
    best: tuple[str, Outcome] | None = None
    for outcome in found:
        if outcome.outcome != "done":
            continue
        stored = run.journal.usable(model_subject(outcome.model), "record", Recording)
        if stored is None or len(stored.json) > _SMALL:
            continue
        for sample in stored.value.samples:
            if sample.generated and sample.status == 200:
                text = msgspec.json.encode(sample.request).decode()
                if best is None or len(text) < len(best[0]):
                    best = text, outcome
    if best is None:
        return None
    text, outcome = best
    token = next((file for unit, file in files.items() if _serves(run, unit, outcome.model)), None)
    if token is None:
        return None
    body = text
    if len(text) > _INLINE:
        path = Path(run.folder.path) / "sample.json"
        path.write_text(text, encoding="utf-8")
        body = f"@{path}"
    words = ["curl", "-H", f"@{token}", "-H", "Content-Type: application/json", "-d", body, f"{outcome.new_url}/eval"]
    return shlex.join(words)


def _serves(run: Run, unit: str, model: str) -> bool:
    if unit == unit_subject(model):
        return True
    effect = run.journal.effects.find("app", unit)
    return effect is not None and is_packed(unit) and model in models_of(effect)
