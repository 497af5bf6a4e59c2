"""Containers, small listings, temporary URLs and access through OVHcloud's API (contract: Object Storage)."""

from datetime import UTC, datetime, timedelta
from typing import Final

from msgspec import Struct

from migrate.core.secret import Secret
from migrate.ovhcloud import calls
from migrate.ovhcloud.session import Cloud, convert

URL_LIFETIME: Final = timedelta(hours=6)


class Container(Struct, frozen=True, rename="camel"):
    """A Swift container; ``id`` is what the API's paths take."""

    id: str
    name: str
    region: str = ""
    stored_bytes: int = 0
    stored_objects: int = 0
    archive: bool | None = None


class ContainerObject(Struct, frozen=True, rename="camel"):
    """An object in the API's listing, which has no ETag."""

    name: str
    size: int = 0
    content_type: str = ""
    last_modified: str = ""
    retrieval_state: str | None = None


class _Detail(Struct, frozen=True, rename="camel"):
    objects: tuple[ContainerObject, ...] = ()


class TemporaryUrl(Struct, frozen=True, rename={"get_url": "getURL"}):
    """An URL that anybody may GET until it expires; its query is a right and must not be shown."""

    get_url: str


class _Endpoint(Struct, frozen=True):
    region: str
    url: str


class _Access(Struct, frozen=True):
    token: str
    endpoints: tuple[_Endpoint, ...] = ()


class SwiftAccess(Struct, frozen=True):
    """A Swift token and the account's URL by upper-case region."""

    token: Secret
    endpoints: dict[str, str]


def containers(cloud: Cloud) -> tuple[Container, ...]:
    """Every Swift container of the project."""
    answer = cloud.call(calls.CONTAINERS, query={"includeType": True})
    return convert(answer, tuple[Container, ...], "the containers")


def objects(cloud: Cloud, container_id: str, prefix: str) -> tuple[ContainerObject, ...]:
    """The objects whose names start with ``prefix``; the API has no marker, so only for small containers."""
    answer = cloud.call(
        calls.CONTAINER,
        params={"containerId": container_id},
        query={"prefix": prefix or None},
    )
    return convert(answer, _Detail, "the container").objects


def temporary_url(cloud: Cloud, container_id: str, name: str) -> str:
    """A temporary URL for one object, good for six hours; one call each, harmless to repeat."""
    expires = (datetime.now(UTC) + URL_LIFETIME).replace(microsecond=0)
    answer = cloud.call(
        calls.OBJECT_URL,
        params={"containerId": container_id},
        body={"objectName": name, "expirationDate": expires.isoformat().replace("+00:00", "Z")},
    )
    return convert(answer, TemporaryUrl, "the temporary URL").get_url


def access(cloud: Cloud) -> SwiftAccess:
    """A token for Swift itself and the account's URLs; harmless to repeat."""
    answer = cloud.call(calls.STORAGE_ACCESS)
    record = convert(answer, _Access, "the access to the storage")
    return SwiftAccess(
        token=Secret(record.token),
        endpoints={endpoint.region.upper(): endpoint.url.rstrip("/") for endpoint in record.endpoints},
    )
