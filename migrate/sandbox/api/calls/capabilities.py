"""What AI Deploy can do here: regions, flavors, quotas."""

from typing import Final

from migrate.sandbox.api.calls.project import PROJECT
from migrate.sandbox.base.errors import ApiError, not_found
from migrate.sandbox.base.flavors import FLAVORS, GIB, REGIONS, Flavor
from migrate.sandbox.world.world import Call, World

CAPABILITIES: Final = f"{PROJECT}/ai/capabilities"


def _unknown_region() -> ApiError:
    return not_found("This region does not exist")


def _region(world: World, name: str) -> dict[str, object]:
    return {
        "cliInstallUrl": f"https://cli.{name.lower()}.ai.cloud.ovh.net/install.sh",
        "documentationUrl": "https://docs.ovh.com/gb/en/publiccloud/ai/",
        "id": name,
        "registryUrl": f"{world.registry_address}/{world.identity.project}",
        "version": "1.0.0",
    }


def _flavor(flavor: Flavor) -> dict[str, object]:
    gpu = {"gpuBrand": "NVIDIA", "gpuMemory": flavor.gpu_memory * 8, "gpuModel": flavor.gpu_model}
    return {
        "default": flavor.default,
        "description": flavor.description,
        "gpuInformation": gpu if flavor.gpu else None,
        "id": flavor.id,
        "max": flavor.max,
        "resourcesPerUnit": {
            "cpu": flavor.cpu,
            "ephemeralStorage": flavor.disk,
            "gpu": flavor.gpu,
            "memory": flavor.memory,
            "privateNetwork": 0,
            "publicNetwork": 1_500_000_000,
        },
        "type": flavor.type,
    }


def _in_region(call: Call) -> str:
    if call.path["region"] not in REGIONS:
        raise _unknown_region()
    return call.path["region"]


def _regions(world: World, _call: Call) -> object:
    return [_region(world, name) for name in REGIONS]


def _get_region(world: World, call: Call) -> object:
    return _region(world, _in_region(call))


def _flavors(_world: World, call: Call) -> object:
    _in_region(call)
    return [_flavor(flavor) for flavor in FLAVORS.values()]


def _get_flavor(_world: World, call: Call) -> object:
    _in_region(call)
    flavor = FLAVORS.get(call.path["flavorId"])
    if flavor is None:
        raise not_found("This flavor does not exist")
    return _flavor(flavor)


def _features(_world: World, _call: Call) -> object:
    return {"lab": False, "registry": True}


def _quota(world: World, _call: Call) -> object:
    return {"resources": world.apps.limits(), "storage": 8 * 10_000 * GIB}


HANDLERS = {
    ("GET", f"{CAPABILITIES}/feature"): _features,
    ("GET", f"{CAPABILITIES}/quota"): _quota,
    ("GET", f"{CAPABILITIES}/region"): _regions,
    ("GET", f"{CAPABILITIES}/region/{{region}}"): _get_region,
    ("GET", f"{CAPABILITIES}/region/{{region}}/flavor"): _flavors,
    ("GET", f"{CAPABILITIES}/region/{{region}}/flavor/{{flavorId}}"): _get_flavor,
}
