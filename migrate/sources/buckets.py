"""S3 buckets as places where models lie, and telling them from Swift containers of the same name."""

from collections.abc import Mapping

from msgspec.structs import replace

from migrate.core.errors import ConfigurationError, UsageError
from migrate.core.mending import nobody
from migrate.core.text import printable
from migrate.core.values import BucketLocation, Listing
from migrate.ovhcloud import s3, storage
from migrate.ovhcloud.objects import ObjectStore
from migrate.ovhcloud.renewal import Keys
from migrate.ovhcloud.session import Cloud
from migrate.sources.aws import S3Account, read_account, renewing
from migrate.sources.containers import Recall, list_container, list_store, read_anew, unknown_place
from migrate.sources.recognition import Recognise
from migrate.sources.reference import BucketRef, ContainerRef
from migrate.sources.s3 import s3_store


def list_named(cloud: Cloud, ref: ContainerRef, recognise: Recognise, *, recall: Recall = read_anew) -> Listing:
    """The models in the Swift container or the S3 bucket of that name in that region, whichever there is.

    Raises:
        UsageError: ``ambiguous-source``: there are both.
        ConfigurationError: ``unknown-container``: there is neither.
        RemoteError: The listing failed, or every read did.
    """
    if ref.kind == "swift":
        return list_container(cloud, ref, recognise, recall=recall)
    containers = () if ref.kind else storage.containers(cloud)
    region = s3.buckets(cloud, ref.region)
    in_swift, in_s3 = _has(ref, containers, region)
    if in_swift and in_s3:
        swift, bucket = (printable(replace(ref, kind=kind).canonical, 400) for kind in ("swift", "s3"))
        raise UsageError(
            f"{printable(ref.container)}@{ref.region} is the name of a Swift container and of an S3 bucket.",
            code="ambiguous-source",
            next_step=f"Type {swift} or {bucket}.",
        )
    if in_swift:
        return list_container(cloud, ref, recognise, containers, recall=recall)
    if not in_s3:
        raise _unknown(ref, containers, region)
    store = s3.bucket_store(cloud, bucket=ref.container, region=ref.region)

    def locate(path: str) -> BucketLocation:
        return BucketLocation(bucket=ref.container, region=ref.region, endpoint=None, path=path)

    listing = list_store(store, ref.prefix, recognise, source=ref.canonical, locate=locate, recall=recall)
    return replace(listing, region=ref.region)


def have_both(cloud: Cloud, ref: ContainerRef) -> bool:
    """Whether the project has a container and a bucket of that name in that region.

    Raises:
        MigrateError: They cannot be listed.
    """
    return all(_has(ref, storage.containers(cloud), s3.buckets(cloud, ref.region)))


def _has(ref: ContainerRef, containers: tuple[storage.Container, ...], region: s3.Region) -> tuple[bool, bool]:
    """Whether a container has the name, and whether a bucket has it."""
    in_swift = any(item.name == ref.container and item.region.upper() == ref.region for item in containers)
    return in_swift, any(item.name == ref.container for item in region.buckets)


def list_bucket(
    ref: BucketRef,
    recognise: Recognise,
    environ: Mapping[str, str],
    cloud: Cloud | None = None,
    *,
    recall: Recall = read_anew,
) -> Listing:
    """The models in a bucket that is reached with S3 keys.

    Raises:
        ConfigurationError: ``no-s3-credentials``, ``s3-refused``, ``unknown-bucket``, ``bad-configuration`` or
            ``bad-endpoint``.
        RefusedError: ``hostile-path``: a name that no path can be made of.
        RemoteError: The listing failed, or every read did.
    """
    keys = _keys(cloud, environ)
    account = keys.current

    def locate(path: str) -> BucketLocation:
        return BucketLocation(bucket=ref.bucket, region=account.region, endpoint=account.endpoint, path=path)

    store = s3_store(account, ref.bucket, keys)
    return list_store(store, ref.prefix, recognise, source=ref.canonical, locate=locate, recall=recall)


def store_of(location: BucketLocation, cloud: Cloud | None, environ: Mapping[str, str]) -> ObjectStore:
    """The store that a place is in.

    Raises:
        ConfigurationError: As for listing.
    """
    if location.endpoint is None:
        if cloud is None:
            message = "a bucket of the project needs a cloud"
            raise ValueError(message)
        return s3.bucket_store(cloud, bucket=location.bucket, region=location.region)
    keys = _keys(cloud, environ)
    place = replace(keys.current, endpoint=location.endpoint, region=location.region)
    return s3_store(place, location.bucket, keys)


def _keys(cloud: Cloud | None, environ: Mapping[str, str]) -> Keys[S3Account]:
    """The S3 keys of a run, shared by all of its buckets; without a session nobody is asked for others."""
    account = read_account(environ)
    if cloud is None:
        return Keys(account, renewing(environ, nobody))
    session = cloud.session
    return session.shared(
        ("s3-keys", account.endpoint, account.region, account.key),
        lambda: Keys(account, renewing(environ, session.asked)),
    )


def _unknown(ref: ContainerRef, containers: tuple[storage.Container, ...], region: s3.Region) -> ConfigurationError:
    kind = "S3 bucket" if ref.kind else "container or S3 bucket"
    named = [(item.name, item.region) for item in containers] + [(item.name, item.region) for item in region.buckets]
    refused = f" Its S3 buckets cannot be seen: {region.refusal.what}" if region.refusal else ""
    return unknown_place(kind, f"{ref.container}@{ref.region}", {f"{name}@{place}" for name, place in named}, refused)
