"""A command under the lease of its source, where machines share one (``--state``)."""

from collections.abc import Iterator
from contextlib import contextmanager

from migrate.core.errors import Interrupted
from migrate.core.names import slug
from migrate.migration.state.lease import Lease, Times
from migrate.migration.state.store import open_store
from migrate.ovhcloud.session import Cloud


@contextmanager
def leased(
    place: str | None, *, cloud: Cloud, source: str, doing: str, times: Times | None = None
) -> Iterator[Lease | None]:
    """Holds the lease of a source, and asks it before every effect on the cloud; nothing without a place.

    Losing it sets the session's ``stop``, so that the command ends as after Ctrl-C, but for its exit code.

    Args:
        place: What ``--state`` named.
        cloud: The project; the source's name in the store is made of its endpoint, its id and the source.
        source: The source's canonical text.
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
        f"{slug(session.endpoint_name)}/{slug(cloud.project)}/{slug(source)}",
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
