"""The journals of a workspace, and the one that a command is about: that of the project and the endpoint it names.

Names of containers repeat from customer to customer. So a journal of another project, or of another endpoint, is never
taken in place of the one that was named, and where several may be meant none is taken.
"""

from collections.abc import Iterable, Mapping
from typing import Final

from msgspec import Struct

from migrate.core.errors import LocalError, UsageError
from migrate.core.names import slug
from migrate.core.options.shared import PROJECT
from migrate.core.options.sources import Typed
from migrate.core.text import printable, type_again
from migrate.migration.journal.journal import Journal
from migrate.migration.run.workspace import SourceFolder, Workspace
from migrate.ovhcloud.config import read_endpoint, read_project
from migrate.sources.aliases import other_names
from migrate.sources.reference import parse_source

_SHOWN: Final = 5  # projects in a sentence


class Opened(Struct, frozen=True):
    """A journal with the folder it lies in."""

    folder: SourceFolder
    journal: Journal


class Named(Struct, frozen=True):
    """The project and the endpoint that options, variables or ``ovh.conf`` name; None where nothing names one.

    ``by_option`` is whether the project was typed. The endpoint is a name that is fit for a folder.
    """

    project: str | None
    endpoint: str | None
    by_option: bool = True

    def means(self, folder: SourceFolder) -> bool:
        """Whether the folder of a source is of that project and that endpoint."""
        project, endpoint = folder.path.parent, folder.path.parent.parent
        return (self.project is None or project.name == slug(self.project)) and (
            self.endpoint is None or endpoint.name == slug(self.endpoint)
        )

    def words(self) -> str:
        """Where a command looked, such as ``in the project a1, behind the endpoint ovh-eu``."""
        parts = []
        if self.project is not None:
            by = "" if self.by_option else ", which the environment names"
            parts.append(f"in the project {printable(self.project)}{by}")
        if self.endpoint is not None:
            parts.append(f"behind the endpoint {slug(self.endpoint)}")
        return ", ".join(parts) or "here"


def named(project: str | None, environ: Mapping[str, str]) -> Named:
    """What was named.

    Args:
        project: ``--project``.
        environ: Where the variables, and the place of ``ovh.conf``, are.

    Raises:
        ConfigurationError: The configuration cannot be read, or names no endpoint that can be.
    """
    chosen = read_project(project, environ)
    return Named(chosen, read_endpoint(environ), by_option=bool(project and project.strip()))


def find_journal(workspace: Workspace, typed: Typed, *, environ: Mapping[str, str]) -> Opened:
    """The journal of a source, without asking anybody.

    Raises:
        UsageError: There is none of the project and the endpoint that were named (``no-journal``), or several may be
            meant (``several-journals``).
        LocalError: It cannot be read.
    """
    ref = parse_source(typed.source)
    asked = named(typed.project, environ)
    known = [folder for folder in workspace.sources() if folder.path.name == slug(ref.canonical) and _begun(folder)]
    meant = [folder for folder in known if asked.means(folder)]
    if len(meant) > 1:
        raise UsageError(
            f"The source {printable(typed.source, 300)} is known in several projects: {places(meant)}.",
            code="several-journals",
            next_step=type_again(f"Choose one with {PROJECT.name}, and its endpoint with OVH_ENDPOINT"),
        )
    if meant and (journal := Journal.read(meant[0].journal)) is not None:
        return Opened(meant[0], _of_its_place(journal, meant[0]))
    if known:
        raise UsageError(
            f"Nothing is known of the source {printable(typed.source, 300)} {asked.words()}; "
            f"it is known in {places(known)}.",
            code="no-journal",
            next_step=type_again("Name that one, if you mean it", adding=_adding(asked, known[0])),
        )
    for name in other_names(ref):
        if any(folder.path.name == slug(name) and asked.means(folder) for folder in workspace.sources()):
            raise UsageError(
                f"Nothing was run on the source {printable(typed.source, 300)} under that name; "
                f"something is known of {printable(name, 300)}.",
                code="no-journal",
                next_step=f"Type {printable(name, 300)} in its place, if you mean the same.",
            )
    raise UsageError(
        f"Nothing was run on the source {printable(typed.source, 300)} in {workspace.root}: "
        "nothing was made, and nothing is billed.",
        code="no-journal",
        next_step="Name the --workspace of the run, if there was one; `migrate status` shows what is known here.",
    )


def project_of(folder: SourceFolder) -> str:
    """The project that a journal is of: as it says itself, or by the name of its folder where it cannot be read."""
    try:
        journal = Journal.read(folder.journal)
        if journal is not None:
            try:
                return journal.fact("project")
            finally:
                journal.close()
    except LocalError:
        pass
    return folder.path.parent.name


def places(folders: Iterable[SourceFolder]) -> str:
    """The projects and endpoints of journals in words, each once."""
    found = [f"the project {printable(project_of(one))} behind {one.path.parent.parent.name}" for one in folders]
    found = list(dict.fromkeys(found))
    more = f", and {len(found) - _SHOWN} more" if len(found) > _SHOWN else ""
    return ", ".join(found[:_SHOWN]) + more


def _begun(folder: SourceFolder) -> bool:
    """Whether anything is in a journal; one that cannot be read counts, so that its owner is told."""
    try:
        journal = Journal.read(folder.journal)
    except LocalError:
        return True
    if journal is None:
        return False
    journal.close()
    return True


def _of_its_place(journal: Journal, folder: SourceFolder) -> Journal:
    """The journal, which must be of the project in whose folder it lies: a folder may have been copied by hand."""
    try:
        project = journal.fact("project")
    except LocalError:
        return journal  # who needs the project is told
    if slug(project) != folder.path.parent.name:
        journal.close()
        raise LocalError(
            f"The journal {folder.journal} is of the project {printable(project)}, and lies in the folder of another.",
            code="journal-value",
            next_step="Move it back to the folder of its project; each project has its own journals.",
        )
    return journal


def _adding(asked: Named, folder: SourceFolder) -> str:
    wanted = Named(asked.project, None)
    if wanted.means(folder):
        return f"OVH_ENDPOINT and the credentials of {folder.path.parent.parent.name}"
    return f"{PROJECT.name} {printable(project_of(folder))}"
