"""The project itself, and its regions."""

from typing import Final

from migrate.sandbox.base.errors import bad_request
from migrate.sandbox.world.world import Call, World

PROJECT: Final = "/cloud/project/{serviceName}"
CREATED: Final = "2021-01-15T10:00:00.000000+00:00"
STORAGE_REGIONS: Final = ("BHS", "DE", "GRA", "SBG", "SGP", "UK", "WAW")


def _list(world: World, call: Call) -> object:
    if "iamTags" in call.query:
        raise bad_request("The sandbox does not filter by IAM tags")
    return [world.identity.project]


def _get(world: World, _call: Call) -> object:
    return {
        "access": "full",
        "creationDate": CREATED,
        "description": "Sandbox",
        "expiration": None,
        "iam": None,
        "manualQuota": False,
        "orderId": None,
        "planCode": "project.2018",
        "projectName": "Sandbox",
        "project_id": world.identity.project,
        "status": "ok",
        "unleash": False,
    }


def _regions(_world: World, _call: Call) -> object:
    return list(STORAGE_REGIONS)


HANDLERS = {
    ("GET", "/cloud/project"): _list,
    ("GET", PROJECT): _get,
    ("GET", f"{PROJECT}/region"): _regions,
}
