"""Looking at a project and its sources."""

from collections.abc import Mapping

from msgspec.structs import replace

from migrate.core.errors import ConfigurationError
from migrate.core.looking import Place, Places
from migrate.core.values import Listing
from migrate.formats.recognise import recognise
from migrate.migration.run.opening import open_cloud
from migrate.migration.run.workspace import Workspace
from migrate.ovhcloud import s3, serving, storage
from migrate.sources.large_objects import sources_of
from migrate.sources.listing import list_models, needs_cloud
from migrate.sources.reference import parse_source


def list_places(workspace: Workspace, *, project: str | None, environ: Mapping[str, str]) -> Places:
    """The namespaces of ML Serving, while it is there, and the containers and S3 buckets that may hold models.

    Raises:
        MigrateError: What the session raises.
    """
    with open_cloud(workspace, project=project, environ=environ) as cloud:
        gone = ""
        places: list[Place] = []
        try:
            places += [
                Place(
                    kind="namespace", source=found.id, text=f"{found.container}@{found.region}, {found.url or 'no URL'}"
                )
                for found in serving.namespaces(cloud)
            ]
        except ConfigurationError as error:
            if error.code != "ml-serving-gone":
                raise
            gone = error.what
        places += [
            Place(
                kind="container",
                source=f"{found.name}@{found.region}",
                objects=found.stored_objects,
                size=found.stored_bytes,
                text="cold archive" if found.archive else "",
            )
            for found in sources_of(storage.containers(cloud))
        ]
        region = s3.all_buckets(cloud)
        swift = {place.source for place in places if place.kind == "container"}
        for bucket in region.buckets:
            source = f"{bucket.name}@{bucket.region}"
            places.append(
                Place(
                    kind="bucket",
                    source=f"s3:{source}" if source in swift else source,
                    objects=bucket.objects_count,
                    size=bucket.objects_size,
                )
            )
        shown = tuple(_told_apart(place, region) for place in places)
        return Places(
            project=cloud.project, places=shown, serving=gone, buckets=region.refusal.what if region.refusal else ""
        )


def _told_apart(place: Place, region: s3.Region) -> Place:
    """The place with what to type where a bucket has the name of a container."""
    buckets = {f"{bucket.name}@{bucket.region}" for bucket in region.buckets}
    both = place.kind == "container" and place.source in buckets
    return replace(place, source=f"swift:{place.source}") if both else place


def list_source(text: str, workspace: Workspace, *, project: str | None, environ: Mapping[str, str]) -> Listing:
    """The models of a source.

    Raises:
        MigrateError: The source cannot be read.
    """
    ref = parse_source(text)
    if not needs_cloud(ref):
        return list_models(ref, None, recognise, environ=environ)
    with open_cloud(workspace, project=project, environ=environ) as cloud:
        return list_models(ref, cloud, recognise, environ=environ)
