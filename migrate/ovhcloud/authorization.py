"""Whether the project lets AI Deploy in (contract: AI Deploy apps); authorising opens its object storage."""

from msgspec import Struct

from migrate.ovhcloud.records import convert
from migrate.ovhcloud.session import Cloud


class _Status(Struct, frozen=True):
    authorized: bool


def authorized(cloud: Cloud) -> bool:
    """Whether AI Deploy is authorised in the project."""
    answer = cloud.call("GET", "/cloud/project/{serviceName}/ai/authorization")
    return convert(answer, _Status, "the authorization").authorized


def authorize(cloud: Cloud) -> None:
    """Authorise AI Deploy in the project; harmless to repeat."""
    cloud.call("POST", "/cloud/project/{serviceName}/ai/authorization", repeatable=True)
