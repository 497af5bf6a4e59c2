"""What list, status and why answer: each asks for one value and shows it."""

from collections.abc import Mapping

from migrate.commands.output import answer
from migrate.console.state import show_sources, show_story
from migrate.console.tables import show_listing, show_places
from migrate.core.errors import ExitCode
from migrate.core.options.sources import ListOptions, StatusOptions, Typed, WhyOptions
from migrate.migration.run.workspace import open_workspace
from migrate.migration.telling import places
from migrate.migration.telling.status import status_of, status_of_all
from migrate.migration.telling.why import why as story_of


def list_(options: ListOptions, environ: Mapping[str, str]) -> ExitCode:
    """Shows the places of the project, or the models of a source.

    Raises:
        MigrateError: OVHcloud cannot be asked, or the source cannot be read.
    """
    workspace = open_workspace(options.workspace)
    if options.source is None:
        found = places.list_places(workspace, project=options.project, environ=environ)
        return answer("list", found, as_json=options.json, show=show_places)
    listing = places.list_source(options.source, workspace, project=options.project, environ=environ)
    return answer("list", listing, as_json=options.json, show=show_listing)


def status(options: StatusOptions, environ: Mapping[str, str]) -> ExitCode:
    """Shows where a source stands, or every source of the project that has a journal here.

    Raises:
        UsageError: Nothing is known of the source in that project.
    """
    workspace = open_workspace(options.workspace)
    if options.source is None:
        found = status_of_all(workspace, project=options.project, environ=environ, offline=options.offline)
    else:
        typed = Typed(options.source, options.project, options.workspace)
        found = status_of(typed, workspace, environ=environ, offline=options.offline)
    code = ExitCode.LOCAL if found.unread else ExitCode.DONE
    return answer("status", found, as_json=options.json, show=show_sources, code=code)


def why(options: WhyOptions, environ: Mapping[str, str]) -> ExitCode:
    """Shows what happened to a model.

    Raises:
        UsageError: Nothing is known of the source or of the model.
    """
    story = story_of(options.typed, options.model, open_workspace(options.workspace), environ=environ)
    return answer("why", story, as_json=options.json, show=show_story)
