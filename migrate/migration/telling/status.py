"""Where a source stands: from its journal, and what AI Deploy says now."""

from collections.abc import Mapping
from contextlib import closing
from typing import Final

from migrate.apps import deploy
from migrate.core.errors import LocalError, MigrateError
from migrate.core.looking import AppState, Sources, SourceState, UnreadSource
from migrate.core.options.sources import Typed
from migrate.core.values import App
from migrate.migration.journal.journal import Journal
from migrate.migration.journal.ledger import Effect, readable
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
        apps, problem = (None, "") if offline else _ask(workspace, opened.journal, environ)
        return Sources(sources=(_state(opened, apps, problem),))
    finally:
        opened.journal.close()


def status_of_all(workspace: Workspace, *, project: str | None, environ: Mapping[str, str]) -> Sources:
    """The state of every source that has a journal here, of the project and the endpoint where one is named.

    AI Deploy is not asked. A journal that cannot be read hides no other.

    Raises:
        ConfigurationError: The configuration cannot be read.
    """
    asked = named(project, environ)
    states: list[SourceState] = []
    unread: list[UnreadSource] = []
    folders = workspace.sources()
    meant = [folder for folder in folders if asked.means(folder)]
    for folder in meant:
        try:
            journal = Journal.read(folder.journal)
            if journal is not None:
                with closing(journal):
                    states.append(_state(Opened(folder, journal), None, ""))
        except LocalError as error:
            unread.append(
                UnreadSource(journal=str(folder.journal), code=error.code, what=error.what, next_step=error.next_step)
            )
    others = [folder for folder in folders if not asked.means(folder)]
    return Sources(
        sources=tuple(states),
        unread=tuple(unread),
        asked_of=asked.words() if others else "",
        elsewhere=places(others) if others else "",
    )


def _ask(workspace: Workspace, journal: Journal, environ: Mapping[str, str]) -> tuple[dict[str, App] | None, str]:
    try:
        with open_cloud(workspace, project=journal.fact("project"), environ=environ) as cloud:
            return {app.id: app for app in deploy.listing(cloud)}, ""
    except MigrateError as error:
        return None, error.what


def _state(opened: Opened, apps: dict[str, App] | None, problem: str) -> SourceState:
    journal, models = opened.journal, opened.journal.models()
    runs = journal.runs()
    last = runs[-1] if runs else None
    existing = tuple(readable(effect) for effect in journal.effects.existing())
    return SourceState(
        source=journal.fact("source"),
        project=journal.fact("project"),
        run=journal.id,
        journal=str(opened.folder.journal),
        last=f"{last.command} {last.started}, {_ended(last.ended, last.exit_code)}" if last else "nothing yet",
        models=tuple(state.outcome for state in models.values() if state.outcome is not None),
        unknown=tuple(name for name, state in models.items() if state.outcome is None),
        apps=tuple(_app(journal, effect, apps) for effect in existing if effect.kind == "app"),
        left=tuple(f"{_NAMES[effect.kind]} {effect.name}" for effect in existing if effect.kind in _NAMES),
        asked=apps is not None,
        problem=problem,
    )


def _ended(ended: str | None, code: int | None) -> str:
    return "not ended, or killed" if ended is None else f"ended with {code}"


def _app(journal: Journal, effect: Effect, apps: dict[str, App] | None) -> AppState:
    unit = effect.units[0] if effect.units else effect.name
    stored = journal.get(unit, "deploy", App)
    app = (apps or {}).get(effect.external_id or "") or (stored.value if stored else None)
    served = effect.intent.get("models")
    state = None if apps is None else (apps[effect.external_id].state if effect.external_id in apps else "gone")
    return AppState(
        id=effect.external_id or "unknown",
        unit=unit,
        models=tuple(str(name) for name in served) if isinstance(served, list) else (),
        url=app.url if app else effect.text("url"),
        cpu=app.cpu if app else 0,
        replicas=app.replicas if app else 0,
        state=state,
    )
