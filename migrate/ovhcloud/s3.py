"""S3 buckets through OVHcloud's API: regions, buckets, listings and presigned URLs (contract: Object Storage)."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Final

from msgspec import Struct

from migrate.core.errors import ConfigurationError
from migrate.ovhcloud import calls
from migrate.ovhcloud.presigned import PresignedStore, SignedUrl
from migrate.ovhcloud.session import Cloud, convert
from migrate.ovhcloud.storage import URL_LIFETIME
from migrate.ovhcloud.stored import StoredObject

_PAGE: Final = 1000  # the API's largest, and its default
_AT_ONCE: Final = 8
_SEALED: Final = frozenset({"DEEP_ARCHIVE"})  # GLACIER_IR is read at once
_WITHOUT: Final = frozenset({"not-found", "not-granted", "refused-by-api"})


class S3Bucket(Struct, frozen=True, rename="camel"):
    """A bucket of one region."""

    name: str
    region: str = ""
    objects_count: int | None = None
    objects_size: int | None = None


class _RestoreStatus(Struct, frozen=True, rename="camel"):
    in_progress: bool = False


class _Row(Struct, frozen=True, rename="camel"):
    key: str
    size: int = 0
    last_modified: str | None = None
    storage_class: str | None = None
    restore_status: _RestoreStatus | None = None
    is_common_prefix: bool | None = None
    is_delete_marker: bool | None = None
    is_latest: bool | None = None


class _Presigned(Struct, frozen=True, rename="camel"):
    url: str
    signed_headers: dict[str, str] = {}


class Region(Struct, frozen=True):
    """The buckets of a region; ``refusal`` is why they cannot be seen, and None where they can."""

    buckets: tuple[S3Bucket, ...]
    refusal: ConfigurationError | None = None


def buckets(cloud: Cloud, region: str) -> Region:
    """The buckets of one region, named in capitals.

    What the API answers for a region without S3 is not documented: a refusal is part of the answer, and only failures
    are raised.
    """
    try:
        answer = cloud.call(calls.BUCKETS, params={"regionName": region})
    except ConfigurationError as error:
        if error.code not in _WITHOUT:
            raise
        return Region((), error)
    found = convert(answer, tuple[S3Bucket, ...], "the buckets")
    return Region(tuple(S3Bucket(item.name, region, item.objects_count, item.objects_size) for item in found))


def all_buckets(cloud: Cloud) -> Region:
    """The buckets of every region; a refusal only where no region shows any."""
    try:
        answer = cloud.call(calls.REGIONS)
    except ConfigurationError as error:
        if error.code not in _WITHOUT:
            raise
        return Region((), error)
    names = convert(answer, tuple[str, ...], "the regions")
    with ThreadPoolExecutor(max_workers=_AT_ONCE, thread_name_prefix="regions") as pool:
        regions = list(pool.map(lambda name: buckets(cloud, name), names))
    granted = [region for region in regions if region.refusal is None]
    refused = [region.refusal for region in regions if region.refusal and region.refusal.code == "not-granted"]
    found = tuple(item for region in granted for item in region.buckets)
    return Region(found, refused[0] if refused and not granted else None)


def bucket_store(cloud: Cloud, *, bucket: str, region: str) -> PresignedStore:
    """The store of one bucket, one for all users of the session."""
    return cloud.session.shared(
        ("bucket-store", cloud.project, region, bucket),
        lambda: PresignedStore(
            bucket,
            lambda prefix: _objects(cloud, region, bucket, prefix),
            lambda name: _presigned(cloud, region, bucket, name),
        ),
    )


def _objects(cloud: Cloud, region: str, bucket: str, prefix: str) -> Iterator[StoredObject]:
    """Every object whose key starts so. The end is an empty page: nothing says whether a short one is the last."""
    marker = ""
    while rows := _page(cloud, region, bucket, prefix, marker):
        for row in rows:
            if row.is_common_prefix or row.is_delete_marker or row.is_latest is False:
                continue
            yield StoredObject(
                name=row.key,
                size=row.size,
                last_modified=(row.last_modified or "")[:19],
                large=False,
                sealed=row.storage_class in _SEALED and (row.restore_status is None or row.restore_status.in_progress),
            )
        if rows[-1].key == marker:
            return
        marker = rows[-1].key


def _page(cloud: Cloud, region: str, bucket: str, prefix: str, marker: str) -> tuple[_Row, ...]:
    answer = cloud.call(
        calls.BUCKET_OBJECTS,
        params={"regionName": region, "name": bucket},
        query={"prefix": prefix or None, "keyMarker": marker or None, "limit": _PAGE},
    )
    return convert(answer, tuple[_Row, ...], "the bucket")


def _presigned(cloud: Cloud, region: str, bucket: str, name: str) -> SignedUrl:
    """An URL for one object, good for six hours; one call each, harmless to repeat."""
    answer = cloud.call(
        calls.PRESIGN,
        params={"regionName": region, "name": bucket},
        body={"method": "GET", "object": name, "expire": int(URL_LIFETIME.total_seconds())},
    )
    found = convert(answer, _Presigned, "the presigned URL")
    headers = {key: value for key, value in found.signed_headers.items() if key.lower() != "host"}
    return SignedUrl(found.url, headers)
