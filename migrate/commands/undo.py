"""Runs an undo: says what will be deleted, asks, deletes, tells."""

import sys
from collections.abc import Mapping
from contextlib import closing
from typing import Final

import msgspec
from msgspec.structs import replace

from migrate.commands.terminal import agree, asking, stopping
from migrate.console.jsonlines import JsonLines
from migrate.console.outlet import open_outlet
from migrate.console.words import safe
from migrate.core.errors import ExitCode, Interrupted, MigrateError
from migrate.core.events import Notice, Result
from migrate.core.options.declaration import AS_JSON
from migrate.core.options.shared import YES
from migrate.core.options.sources import UndoOptions
from migrate.migration.journal.journal import Journal
from migrate.migration.journal.lock import WriterLock
from migrate.migration.run.journals import find_journal
from migrate.migration.run.leased import leased
from migrate.migration.run.opening import open_cloud
from migrate.migration.run.same_source import listed_before
from migrate.migration.run.workspace import open_workspace
from migrate.migration.undo.undo import Undoing, Undone, name_of, plan_undo, remove_images, sweep_killed
from migrate.migration.undo.undo import undo as delete_all

_SHOWN: Final = 5


def undo(options: UndoOptions, environ: Mapping[str, str]) -> ExitCode:
    """Undoes a source, or some of its models.

    Raises:
        MigrateError: Nothing is known of the source, or OVHcloud cannot be reached.
    """
    undone = take_away(options, environ)
    code = ExitCode(undone.exit_code)
    if options.json:
        JsonLines(sys.stdout)(Result(command="undo", exit_code=int(code), data=msgspec.to_builtins(undone)))
    else:
        show_undone(undone, options)
    return code


def take_away(options: UndoOptions, environ: Mapping[str, str]) -> Undone:
    """Undoes, and answers what was done, which is not shown yet.

    Raises:
        MigrateError: Nothing is known of the source, or OVHcloud cannot be reached.
    """
    place = open_workspace(options.workspace)
    found = find_journal(place, options.typed, environ=environ)
    found.journal.close()
    with (
        WriterLock(found.folder.lock, doing=f"undo {options.source}"),
        closing(Journal(found.folder.journal, write=True)) as journal,
    ):
        undoing, project = plan_undo(journal, options.typed, options.models), journal.fact("project")
        if undoing.delete and not options.yes:
            _ask(undoing, where(journal.fact("source"), project))
        number = journal.begin("undo")
        with (
            open_cloud(place, project=project, environ=environ) as cloud,
            stopping(cloud.session.stop),
            open_outlet(as_json=options.json, plain=options.verbose) as outlet,
        ):
            cloud.session.tell = lambda text: outlet(Notice(text=text))
            cloud.session.log.about(journal.id, number)
            cloud.session.ask = asking(cloud.session.stop, outlet)
            source, doing = journal.fact("source"), f"undo {options.source}"
            sweep_killed(journal, environ, place.store)
            try:
                with leased(
                    options.state, cloud=cloud, source=source, models=lambda: listed_before(journal), doing=doing
                ) as lease:
                    undone = delete_all(journal, undoing, cloud=cloud, remove_image=remove_images(environ), emit=outlet)
                    if lease is not None and lease.lost is not None:  # which stops it as Ctrl-C does
                        undone = replace(undone, exit_code=int(lease.lost.exit_code))
            except MigrateError as error:
                journal.end(error.exit_code)
                raise
            except Interrupted:
                journal.end(ExitCode.INTERRUPTED)
                raise
        journal.end(undone.exit_code)
    return undone


def _ask(undoing: Undoing, whose: str) -> None:
    names = [f"  {name_of(effect)}\n" for effect in undoing.delete]
    sys.stderr.write("".join([f"{whose}\n", *names]))
    question = f"Delete {'this' if len(names) == 1 else f'these {len(names)}'} of {whose}?"
    agree(question, option=YES.name, refused="Nothing was deleted.")


def where(source: str, project: str) -> str:
    """The source and the project in words: names of containers repeat from project to project."""
    return f"{safe(source, 300)} in the project {safe(project)}"


def show_undone(undone: Undone, options: UndoOptions) -> None:
    """Writes what an undo did."""
    lines = [where(undone.source, undone.project)]
    lines += [f"deleted  {name}" for name in undone.deleted]
    lines += [f"stays    {name}" for name in undone.stay[:_SHOWN]]
    if len(undone.stay) > _SHOWN:
        lines.append(f"stays    and {len(undone.stay) - _SHOWN} more; with {AS_JSON.name} all are named")
    lines += [f"failed   {text}" for text in undone.failed]
    lines += [f"to do    {name}" for name in undone.to_do]
    nothing = not undone.deleted and not undone.failed and not undone.to_do
    stopped = "Stopped; " if undone.exit_code == ExitCode.INTERRUPTED else ""
    lines.append("There was nothing to delete." if nothing else f"{stopped}{len(undone.deleted)} deleted.")
    if undone.failed or undone.to_do:
        lines.append(f"Go on with: {options.command()}")
    sys.stdout.write("\n".join(lines) + "\n")
