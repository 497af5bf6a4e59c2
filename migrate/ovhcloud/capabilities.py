"""What AI Deploy offers in a region, and the project's quotas (contract: AI Deploy apps)."""

from msgspec import Struct, field

from migrate.core.errors import ConfigurationError
from migrate.core.text import printable
from migrate.ovhcloud import calls
from migrate.ovhcloud.session import Cloud, convert


class Region(Struct, frozen=True, rename="camel"):
    """An AI region; ``registry_url`` is its shared registry."""

    id: str
    registry_url: str = ""


class ResourcesPerUnit(Struct, frozen=True):
    """What one unit of a flavor gives; memory in bytes."""

    cpu: int = 0
    memory: int = 0
    gpu: int = 0


class Flavor(Struct, frozen=True, rename="camel"):
    """A flavor; ``max`` is the most units of one replica, ``type`` is cpu or gpu."""

    id: str
    type: str = ""
    max: int = 1
    default: bool = False
    description: str = ""
    resources_per_unit: ResourcesPerUnit = field(default_factory=ResourcesPerUnit)


class Quotas(Struct, frozen=True):
    """The project's quota for each resource, such as CPU or GPU."""

    resources: dict[str, int] = {}


def regions(cloud: Cloud) -> tuple[Region, ...]:
    """The AI regions."""
    answer = cloud.call(calls.AI_REGIONS)
    return convert(answer, tuple[Region, ...], "the AI regions")


def region(cloud: Cloud, region_id: str) -> Region:
    """One AI region."""
    answer = cloud.call(calls.AI_REGION, params={"region": region_id})
    return convert(answer, Region, "the AI region")


def flavors(cloud: Cloud, region_id: str) -> tuple[Flavor, ...]:
    """The flavors of a region.

    Raises:
        ConfigurationError: ``unknown-region``, naming those that there are.
    """
    try:
        answer = cloud.call(calls.FLAVORS, params={"region": region_id})
    except ConfigurationError as error:
        if error.code != "not-found":
            raise
        there = ", ".join(printable(one.id, 40) for one in regions(cloud))
        raise ConfigurationError(
            f"AI Deploy has no region {printable(region_id)}.",
            code="unknown-region",
            next_step=f"Choose one of these with --region: {there}.",
            query_id=error.query_id,
        ) from error
    return convert(answer, tuple[Flavor, ...], "the flavors")


def quotas(cloud: Cloud) -> Quotas:
    """The project's quotas."""
    answer = cloud.call(calls.QUOTAS)
    return convert(answer, Quotas, "the quotas")
