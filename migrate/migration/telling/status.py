"""Where a source stands: from its journal, and what AI Deploy says now."""

from collections.abc import Mapping
from contextlib import closing
from typing import Final

from msgspec.structs import replace

from migrate.apps import deploy
from migrate.apps.app import ANSWERING, RESTARTED
from migrate.core.errors import LocalError, MigrateError
from migrate.core.looking import GONE, AppState, Sources, SourceState, UnreadSource
from migrate.core.names import KEY_LABEL, RUN_LABEL
from migrate.core.options.sources import Typed
from migrate.core.values import App, Outcome
from migrate.migration.journal.bill import billed_app, models_of
from migrate.migration.journal.journal import Journal
from migrate.migration.journal.ledger import Effect, readable
from migrate.migration.journal.subjects import is_packed, unit_id
from migrate.migration.run.journals import Opened, find_journal, named, places
from migrate.migration.run.opening import open_cloud
from migrate.migration.run.workspace import Workspace

_NAMES: Final = {
    "token": "access token",
    "proof-token": "token of a proof",
    "registration": "registration of a registry",
    "user": "registry user",
}


def status_of(typed: Typed, workspace: Workspace, *, environ: Mapping[str, str], offline: bool) -> Sources:
    """The state of one source.

    Raises:
        UsageError: Nothing is known of it.
        LocalError: Its journal, or something in it, cannot be read.
    """
    opened = find_journal(workspace, typed, environ=environ)
    try:
        apps, problem = (None, "") if offline else _ask(workspace, opened.journal.fact("project"), environ)
        return Sources(sources=(_state(opened, typed, apps, problem),))
    finally:
        opened.journal.close()


def status_of_all(workspace: Workspace, *, project: str | None, environ: Mapping[str, str], offline: bool) -> Sources:
    """The state of every source that has a journal here, of the project and the endpoint where one is named.

    A project is asked for its apps once. A journal that cannot be read hides no other.

    Raises:
        ConfigurationError: The configuration cannot be read.
    """
    wanted = named(project, environ)
    asked: dict[str, tuple[dict[str, App] | None, str]] = {}
    states: list[SourceState] = []
    unread: list[UnreadSource] = []
    folders = workspace.sources()
    for folder in folders:
        if not wanted.means(folder):
            continue
        try:
            journal = Journal.read(folder.journal)
            if journal is None:
                continue
            with closing(journal):
                owner = journal.fact("project")
                if owner not in asked:
                    asked[owner] = (None, "") if offline else _ask(workspace, owner, environ)
                typed = Typed(journal.fact("source"), owner)
                states.append(_state(Opened(folder, journal), typed, *asked[owner]))
        except LocalError as error:
            unread.append(
                UnreadSource(journal=str(folder.journal), code=error.code, what=error.what, next_step=error.next_step)
            )
    others = [folder for folder in folders if not wanted.means(folder)]
    return Sources(
        sources=tuple(states),
        unread=tuple(unread),
        asked_of=wanted.words() if others else "",
        elsewhere=places(others) if others else "",
    )


def _ask(workspace: Workspace, project: str, environ: Mapping[str, str]) -> tuple[dict[str, App] | None, str]:
    """The apps of a project by id, or None and why they cannot be had."""
    try:
        with open_cloud(workspace, project=project, environ=environ) as cloud:
            return {app.id: app for app in deploy.listing(cloud)}, ""
    except MigrateError as error:
        return None, error.what


def _state(opened: Opened, typed: Typed, apps: dict[str, App] | None, problem: str) -> SourceState:
    journal, models = opened.journal, opened.journal.models()
    runs = journal.runs()
    last = runs[-1] if runs else None
    existing = tuple(readable(effect) for effect in journal.effects.existing())
    found = tuple(_app(journal, effect, apps) for effect in existing if effect.kind == "app")
    return SourceState(
        source=journal.fact("source"),
        project=journal.fact("project"),
        run=journal.id,
        journal=str(opened.folder.journal),
        last=f"{last.command} {last.started}, {_ended(last.ended, last.exit_code)}" if last else "nothing yet",
        models=tuple(_as_it_stands(one, found, typed) for state in models.values() if (one := state.outcome)),
        unknown=tuple(name for name, state in models.items() if state.outcome is None),
        apps=found,
        left=tuple(f"{_NAMES[effect.kind]} {_shown(effect)}" for effect in existing if effect.kind in _NAMES),
        asked=apps is not None,
        problem=problem,
    )


def _shown(effect: Effect) -> str:
    """What an effect belongs to, or its name: subjects are words of the journal's own."""
    if effect.kind != "token":
        return effect.name
    names = ", ".join(models_of(effect)) or unit_id(effect.name)
    return f"of the packed app {names}" if is_packed(effect.name) else f"of {names}"


def _ended(ended: str | None, code: int | None) -> str:
    return "not ended, or killed" if ended is None else f"ended with {code}"


def _app(journal: Journal, effect: Effect, apps: dict[str, App] | None) -> AppState:
    stored = journal.get(effect.units[0] if effect.units else effect.name, "deploy", App)
    now = _listed(journal, effect, apps or {})
    found = billed_app(effect, now or (stored.value if stored and effect.external_id else None))
    return AppState(
        id=now.id if now else effect.external_id or "unknown",
        unit=found.unit,
        models=found.models,
        url=found.url,
        cpu=found.cpu,
        replicas=found.replicas,
        state=None if apps is None else (now.state if now else GONE),
    )


def _listed(journal: Journal, effect: Effect, apps: Mapping[str, App]) -> App | None:
    """The app as AI Deploy lists it; by its labels, where the answer to the request for it was lost."""
    if effect.external_id is not None:
        return apps.get(effect.external_id)
    labels = {RUN_LABEL: journal.id, KEY_LABEL: effect.text("key")}
    return next((app for app in apps.values() if labels.items() <= app.labels.items()), None)


def _as_it_stands(outcome: Outcome, apps: tuple[AppState, ...], typed: Typed) -> Outcome:
    """The outcome of a model, which is not migrated while its app is gone or rests."""
    app = next((app for app in apps if outcome.model in app.models), None)
    if outcome.outcome != "done" or app is None or app.state in {None, *ANSWERING}:
        return outcome
    match app.state:
        case "gone":
            text = f"The app {app.id} is gone: somebody deleted it. Another one has another URL."
            return replace(outcome, outcome="needs-you", reason="app-gone", text=text, task=f"Type: {typed.run()}")
        case state if state in RESTARTED:
            text = f"The app {app.id} does not answer: it is {state}."
            return replace(outcome, outcome="needs-you", reason="app-stopped", text=text, task=f"Type: {typed.run()}")
        case _:
            return outcome  # it is coming up
