"""A command under the lease of its source, where machines share one (``--state``)."""

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from msgspec.structs import replace

from migrate.core.errors import Interrupted, MigrateError
from migrate.core.names import slug
from migrate.core.values import ModelRecord
from migrate.migration.state.lease import Lease, Times
from migrate.migration.state.store import open_store
from migrate.ovhcloud.session import Cloud
from migrate.sources.aliases import other_names
from migrate.sources.reference import ContainerRef, FolderRef, parse_elsewhere

Models = Callable[[], Iterable[ModelRecord]]


@contextmanager
def leased(
    place: str | None, *, cloud: Cloud, source: str, models: Models, doing: str, times: Times | None = None
) -> Iterator[Lease | None]:
    """Holds the lease of a source, and asks it before every effect on the cloud; nothing without a place.

    Losing it sets the session's ``stop``, so that the command ends as after Ctrl-C, but for its exit code.

    Args:
        place: What ``--state`` named.
        cloud: The project; the source's name in the store is made of its endpoint, its id and ``shared_name``.
        source: The source's canonical text.
        models: Its models as far as they are known without OVHcloud.
        doing: What others are told that this command does.
        times: Other times than the usual ones.

    Raises:
        RemoteError: Another machine has it: ``lease-held``, or ``lease-lost`` where that made the command stop.
        LocalError: ``state-unusable``.
    """
    if place is None:
        yield None
        return
    session = cloud.session

    def lost() -> None:
        if lease.lost is not None:
            session.tell(lease.lost.what)
        session.stop.set()

    lease = Lease(
        open_store(place),
        lease_name(session.endpoint_name, cloud.project, source, models),
        doing=doing,
        on_lost=lost,
        stop=session.stop,
        tell=session.tell,
        times=times or Times(),
    )
    with lease:
        session.before_effect = lease.check
        try:
            yield lease
        except Interrupted as stopped:
            if lease.lost is None:
                raise
            raise lease.lost from stopped
        finally:
            session.before_effect = lambda: None


def lease_name(endpoint: str, project: str, source: str, models: Models) -> str:
    """The name of a source in a store that machines share; the arguments are as for ``leased``."""
    return f"{slug(endpoint)}/{slug(project)}/{slug(shared_name(source, models))}"


def shared_name(source: str, models: Models) -> str:
    """What all machines call a source.

    A container or bucket of the project has one name, whether or not its kind was typed: where both have the name,
    one waits for the other, which harms nobody. An inventory file has the name of its namespace, whose apps are the
    same, wherever the file lies. A folder has the first of the paths by which this machine shows it.

    Args:
        source: The source's canonical text.
        models: Its models as far as they are known without OVHcloud.
    """
    ref = parse_elsewhere(source)
    if isinstance(ref, ContainerRef):
        return replace(ref, kind="").canonical
    if ref is not None:
        return source
    try:
        namespaces = {record.namespace for record in models()}
    except MigrateError:
        return source  # who reads the source is told
    namespace = namespaces.pop() if len(namespaces) == 1 else None
    return namespace or min((source, *other_names(FolderRef(Path(source)))))
