"""All that a run needs, looked at in the order in which a run meets it; nothing is changed here."""

from collections.abc import Callable, Iterator, Mapping

from migrate.core.checkup import Check, wrong
from migrate.core.errors import ConfigurationError, LocalError, MigrateError
from migrate.core.options.access import DoctorOptions
from migrate.images.engine.connection import Engine
from migrate.migration.doctor import machine, supplies
from migrate.migration.doctor.account import account_checks, credentials_check
from migrate.migration.run.workspace import Workspace
from migrate.ovhcloud.config import Credentials, read_credentials
from migrate.ovhcloud.session import Cloud, Session


def examine(
    options: DoctorOptions,
    *,
    workspace: Workspace,
    environ: Mapping[str, str],
    engine: tuple[Check, Engine | None],
    open_session: Callable[[Credentials], Session],
) -> Iterator[Check]:
    """One check after the other.

    Args:
        options: What was typed.
        workspace: The workspace of runs.
        environ: The environment.
        engine: What was found of a container engine.
        open_session: Opens a session, which the caller closes.
    """
    cloud: Cloud | None = None
    try:
        credentials = read_credentials(environ)
        yield credentials_check(credentials, environ)
    except ConfigurationError as error:
        yield wrong("credentials", error)
    else:
        found, cloud = account_checks(open_session(credentials), options, environ)
        yield from found
    about, connected = engine
    yield _looked("registry", lambda: supplies.registry_check(cloud, options, environ))
    yield about
    yield _looked("processor", lambda: machine.processor_check(connected))
    yield _looked("disk", lambda: machine.disk_check(workspace, connected))
    if about.state == "wrong":
        yield Check(name="base image", state="skipped", text="the engine does not answer")
    else:
        yield _looked("base image", lambda: supplies.base_check(connected, options, environ))
    yield _looked("packages", lambda: supplies.packages_check(environ))
    yield machine.proxy_check(environ)
    yield machine.certificates_check(environ)


def _looked(name: str, look: Callable[[], Check]) -> Check:
    try:
        return look()
    except MigrateError as error:
        return wrong(name, error)
    except OSError as error:
        problem = LocalError(f"This machine gives no answer: {error}.", code="disk")
        return wrong(name, problem)
