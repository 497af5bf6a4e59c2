"""The regions of AI Deploy and its flavors."""

from typing import Final

from msgspec import Struct

from migrate.sandbox.base.errors import bad_request

REGIONS: Final = ("BHS", "GRA")
GIB: Final = 1 << 30


class Flavor(Struct, frozen=True, kw_only=True):
    """A flavor of AI Deploy; the rest is for one unit of it. ``memory`` and ``disk`` are bytes."""

    id: str
    type: str
    description: str
    max: int
    cpu: int
    gpu: int
    memory: int
    disk: int
    gpu_model: str = ""
    gpu_memory: int = 0
    default: bool = False


FLAVORS: Final = {
    flavor.id: flavor
    for flavor in (
        Flavor(
            id="ai1-1-cpu",
            type="cpu",
            description="1 vCore, 4 GiB",
            max=12,
            cpu=1,
            gpu=0,
            memory=4 * GIB,
            disk=20 * GIB,
            default=True,
        ),
        Flavor(
            id="ai1-1-gpu",
            type="gpu",
            description="NVIDIA V100S, 13 vCores, 40 GiB",
            max=4,
            cpu=13,
            gpu=1,
            memory=40 * GIB,
            disk=750 * GIB,
            gpu_model="V100S",
            gpu_memory=32 * GIB,
            default=True,
        ),
    )
}


def check_region(region: str, where: str) -> None:
    """Refuse a region without AI Deploy.

    Raises:
        ApiError: 400, naming the regions.
    """
    if region not in REGIONS:
        raise bad_request(f"{where} must be one of {', '.join(REGIONS)}")
