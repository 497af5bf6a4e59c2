"""Public Cloud projects (contract: Projects), and whether one lets AI Deploy in (contract: AI Deploy apps)."""

from msgspec import Struct

from migrate.core.errors import ConfigurationError
from migrate.core.text import printable
from migrate.ovhcloud import calls
from migrate.ovhcloud.session import Cloud, Session, convert


class Project(Struct, frozen=True, rename={"project_name": "projectName"}):
    """A project; ``status`` is ok, suspended, creating, deleting or deleted."""

    project_id: str
    description: str | None = None
    project_name: str | None = None
    status: str = ""


class _Authorization(Struct, frozen=True):
    authorized: bool


def project_ids(session: Session) -> tuple[str, ...]:
    """The ids of the projects that these credentials see."""
    return convert(session.call(calls.PROJECTS), tuple[str, ...], "the projects")


def project(cloud: Cloud) -> Project:
    """The project itself; a wrong id raises ConfigurationError ``unknown-project``."""
    return convert(cloud.call(calls.PROJECT), Project, "the project")


def choose_project(session: Session, given: str | None) -> str:
    """The given project, or the only one there is.

    Raises:
        ConfigurationError: ``no-project`` when none is given and there is not exactly one.
    """
    if given:
        return given
    found = project_ids(session)
    if len(found) == 1:
        return found[0]
    shown = ", ".join(printable(name, 64) for name in found[:10])
    raise ConfigurationError(
        f"These credentials see {len(found)} Public Cloud projects{': ' + shown if found else ''}.",
        code="no-project",
        next_step="Say which with --project or OVH_CLOUD_PROJECT_SERVICE.",
    )


def authorized(cloud: Cloud) -> bool:
    """Whether AI Deploy is authorised in the project."""
    answer = cloud.call(calls.AUTHORIZATION)
    return convert(answer, _Authorization, "the authorization").authorized


def authorize(cloud: Cloud) -> None:
    """Authorise AI Deploy in the project, which opens its object storage; harmless to repeat."""
    cloud.call(calls.AUTHORIZE)
