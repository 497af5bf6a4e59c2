"""Whether a source is still the one that its journal is of: names of containers and buckets are used again.

A source that was taken for another would get the apps of the other, and one that goes by a second name would get a
second app for each model, billed beside the first.
"""

import contextlib
from collections.abc import Callable
from contextlib import closing

from msgspec.structs import replace

from migrate.core.errors import ConfigurationError, MigrateError, UsageError
from migrate.core.text import printable
from migrate.core.values import BucketLocation, ContainerLocation, Listing, Location, ModelRecord
from migrate.migration.journal.journal import Journal
from migrate.migration.run.workspace import SourceFolder
from migrate.sources.reference import ContainerRef, Kind, SourceRef

FolderOf = Callable[[str], SourceFolder]
"""The folder of a source of the same project and endpoint, by its canonical name."""


def list_as_before(
    ref: SourceRef, journal: Journal, folder_of: FolderOf, read: Callable[[SourceRef], Listing]
) -> Listing:
    """The listing of a source, which is the one that it was.

    A name that has become that of a container and of a bucket keeps the meaning that it has in the journal.

    Raises:
        UsageError: ``ambiguous-source``: it is another now, or was moved under another name; or what ``read`` raises.
    """
    before = listed_before(journal)
    kind = _kind(before)
    listing = _of_kind(ref, kind, read) if kind and isinstance(ref, ContainerRef) and not ref.kind else None
    if listing is None:
        listing = read(ref)
    _check_endpoint(listing, before)
    if isinstance(ref, ContainerRef) and not before:
        _check_names(ref, _kind(listing.models), folder_of)
    return listing


def _of_kind(ref: ContainerRef, kind: Kind, read: Callable[[SourceRef], Listing]) -> Listing | None:
    """The listing of a container or bucket that is known to be one; None where it is neither any more.

    Whether the other has its name by now makes no difference, so it is not asked.
    """
    try:
        listing = read(replace(ref, kind=kind))
    except ConfigurationError as error:
        if error.code != "unknown-container":
            raise
        return None
    models = tuple(replace(model, source=ref.canonical) for model in listing.models)
    return replace(listing, source=ref.canonical, models=models)


def other_names(ref: SourceRef) -> tuple[str, ...]:
    """The canonical names that may mean the same container or bucket of the project."""
    if not isinstance(ref, ContainerRef):
        return ()
    kinds: tuple[Kind, ...] = ("swift", "s3") if not ref.kind else ("",)
    return tuple(replace(ref, kind=kind).canonical for kind in kinds)


def _check_names(ref: ContainerRef, kind: Kind, folder_of: FolderOf) -> None:
    for name in other_names(ref):
        if (journal := Journal.read(folder_of(name).journal)) is None:
            continue
        with closing(journal):
            known = _kind(listed_before(journal))
        if kind and known == kind:
            raise UsageError(
                f"The models of {printable(ref.canonical, 300)} were moved as those of {printable(name, 300)} before, "
                "and would get a second app each.",
                code="ambiguous-source",
                next_step=f"Type {printable(name, 300)} in its place; it means what it meant.",
            )


def _check_endpoint(listing: Listing, before: tuple[ModelRecord, ...]) -> None:
    """Refuse a bucket at another endpoint than before: of one name there may be many, and the apps are not its own."""
    now, then = _endpoints(listing.models), _endpoints(before)
    if now and then and now.isdisjoint(then):
        there, here = min(then), min(now)
        variable = f"Set AWS_ENDPOINT_URL to {printable(there, 200)}" if there else "Leave AWS_ENDPOINT_URL out"
        raise UsageError(
            f"{printable(listing.source)} was read at {printable(there or 'Amazon S3', 200)} before, and is now a "
            f"bucket at {printable(here or 'Amazon S3', 200)}.",
            code="ambiguous-source",
            next_step=f"{variable}, or give the other bucket a --workspace of its own.",
        )


def _endpoints(models: tuple[ModelRecord, ...]) -> set[str]:
    places = (model.location for model in models)
    return {place.endpoint for place in places if isinstance(place, BucketLocation) and place.endpoint is not None}


def listed_before(journal: Journal) -> tuple[ModelRecord, ...]:
    """The models that were listed before; a damaged record tells nothing, and is written anew."""
    found: list[ModelRecord] = []
    for state in journal.models().values():
        with contextlib.suppress(MigrateError):
            found.append(state.record)
    return tuple(found)


def _kind(models: tuple[ModelRecord, ...]) -> Kind:
    """Where in the project all of them lie; empty where that is elsewhere, or not one kind of place."""
    kinds = {_kind_of(model.location) for model in models}
    return kinds.pop() if len(kinds) == 1 else ""


def _kind_of(place: Location | None) -> Kind:
    if isinstance(place, ContainerLocation):
        return "swift"
    return "s3" if isinstance(place, BucketLocation) and place.endpoint is None else ""
