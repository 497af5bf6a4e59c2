"""OVHcloud's API and the project, from the usual configuration."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from migrate.migration.run.workspace import Workspace
from migrate.ovhcloud.config import read_credentials, read_project
from migrate.ovhcloud.projects import choose_project
from migrate.ovhcloud.session import Cloud, open_session


@contextmanager
def open_cloud(workspace: Workspace, *, project: str | None, environ: Mapping[str, str]) -> Iterator[Cloud]:
    """The project that was named, or the only one; its connections are closed at the end.

    Raises:
        ConfigurationError: There are no credentials, or the project has to be named.
    """
    with open_session(read_credentials(environ), state_folder=workspace.state) as session:
        yield Cloud(session, choose_project(session, read_project(project, environ)))
