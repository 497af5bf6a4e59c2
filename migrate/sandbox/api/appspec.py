"""What an app is asked to be: the rules beyond types, and the complete spec that the API answers."""

import re
import secrets
from typing import Any, Final

from migrate.contract import contract
from migrate.sandbox.base.errors import bad_request
from migrate.sandbox.base.flavors import FLAVORS, Flavor, check_region
from migrate.sandbox.base.validation import completed

REPLICAS_MAX: Final = 10
SECONDS_MAX: Final = 3600
_NAME: Final = re.compile(r"[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?")
_IMAGE: Final = re.compile(
    r"([A-Za-z0-9.-]+(:[0-9]+)?/)?[a-z0-9]+([._-]+[a-z0-9]+)*(/[a-z0-9]+([._-]+[a-z0-9]+)*)*"
    r"(:[A-Za-z0-9_][A-Za-z0-9_.-]{0,127})?(@sha256:[0-9a-f]{64})?"
)
_LABEL_KEY: Final = re.compile(r"([a-z0-9]([-a-z0-9.]*[a-z0-9])?/)?[A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?")
_LABEL_VALUE: Final = re.compile(r"([A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?)?")
_SOURCES: Final = ("dataStore", "privateSwift", "publicGit", "publicSwift", "standalone", "volumeSource")


def complete_spec(body: dict[str, Any]) -> dict[str, Any]:
    """The spec of an app from a checked body, every field of ``app.AppSpec`` there.

    Raises:
        ApiError: 400 that names the field.
    """
    check_region(body["region"], "body.region")
    check_image(body["image"], "body.image")
    name = body.get("name")
    if name is not None and not _NAME.fullmatch(name):
        raise bad_request("body.name must be 1 to 63 of a-z, 0-9 and -, and begin and end with a letter or digit")
    port = body.get("defaultHttpPort")
    for where in ("defaultHttpPort", "grpcPort"):
        check_port(body.get(where), f"body.{where}")
    labels = {key: value for key, value in (body.get("labels") or {}).items() if not key.startswith("ovh/")}
    for key, value in labels.items():
        check_label(key, value)
    return {
        "command": body.get("command"),
        "defaultHttpPort": 8080 if port is None else port,
        "deploymentStrategy": complete_strategy(body.get("deploymentStrategy")),
        "envVars": check_environment(body.get("envVars")),
        "grpcPort": body.get("grpcPort"),
        "image": body["image"],
        "labels": labels,
        "livenessProbe": complete_probe(body.get("livenessProbe"), "body.livenessProbe"),
        "name": name or f"sandbox-{secrets.token_hex(4)}",
        "partnerId": check_partner(body.get("partnerId")),
        "probe": complete_probe(body.get("probe"), "body.probe"),
        "region": body["region"],
        "resources": complete_resources(body["resources"]),
        "scalingStrategy": complete_scaling(body.get("scalingStrategy"), "body.scalingStrategy"),
        "unsecureHttp": bool(body.get("unsecureHttp")),
        "volumes": [_complete_volume(item, index) for index, item in enumerate(body.get("volumes") or [])],
    }


_STRATEGY_DEFAULTS: Final[dict[str, Any]] = {
    "maxSurge": "25%",
    "maxUnavailable": "25%",
    "progressDeadlineSeconds": 600,
    "terminationGracePeriodSeconds": 30,
}


def complete_strategy(given: dict[str, Any] | None) -> dict[str, Any] | None:
    """The rollout settings, with the platform's defaults for what is not given."""
    return None if given is None else _STRATEGY_DEFAULTS | given


def complete_probe(given: dict[str, Any] | None, where: str) -> dict[str, Any] | None:
    """A probe with all its fields.

    Raises:
        ApiError: The path is not one, or a number is out of range.
    """
    if given is None:
        return None
    check_port(given.get("port"), f"{where}.port")
    path = given.get("path")
    if path is not None and not path.startswith("/"):
        raise bad_request(f"{where}.path must begin with /")
    for name in ("failureThreshold", "periodSeconds", "successThreshold", "timeoutSeconds"):
        if given.get(name) is not None and given[name] < 1:
            raise bad_request(f"{where}.{name} must be at least 1")
    if (given.get("initialDelaySeconds") or 0) < 0:
        raise bad_request(f"{where}.initialDelaySeconds must not be negative")
    return _completed(given, "cloud.project.ai.app.Probe")


def complete_resources(given: dict[str, Any]) -> dict[str, Any]:
    """The resources of one replica: the flavor's, times its units.

    Raises:
        ApiError: The flavor is unknown, or has not so many units.
    """
    gpu, cpu = given.get("gpu"), given.get("cpu")
    default = "ai1-1-cpu" if cpu and not gpu else "ai1-1-gpu"
    flavor = FLAVORS.get(given.get("flavor") or default)
    if flavor is None:
        raise bad_request(f"body.resources.flavor must be one of {', '.join(FLAVORS)}")
    if cpu is not None and flavor.type == "gpu" and gpu is None and given.get("flavorCount") is None:
        raise bad_request(f"body.resources.cpu: {flavor.id} is counted in GPUs")
    units = given.get("flavorCount") or (gpu if flavor.type == "gpu" else cpu)
    units = 1 if units is None else units
    if not 1 <= units <= flavor.max:
        raise bad_request(f"body.resources: {flavor.id} has 1 to {flavor.max} units, not {units}")
    return _resources(flavor, units)


def _resources(flavor: Flavor, units: int) -> dict[str, Any]:
    return {
        "cpu": flavor.cpu * units,
        "ephemeralStorage": flavor.disk * units,
        "flavor": flavor.id,
        "flavorCount": units,
        "gpu": flavor.gpu * units,
        "gpuBrand": "NVIDIA" if flavor.gpu else None,
        "gpuMemory": flavor.gpu_memory * 8 if flavor.gpu else None,
        "gpuModel": flavor.gpu_model or None,
        "memory": flavor.memory * units,
        "privateNetwork": 0,
        "publicNetwork": 1_500_000_000,
    }


def complete_scaling(given: dict[str, Any] | None, where: str) -> dict[str, Any]:
    """The scaling strategy; none asked for is one replica.

    Raises:
        ApiError: Not exactly one of fixed and automatic, or a number out of range.
    """
    given = given or {"fixed": {"replicas": 1}}
    fixed, automatic = given.get("fixed"), given.get("automatic")
    if (fixed is None) == (automatic is None):
        raise bad_request(f"{where} must have exactly one of fixed and automatic")
    if fixed is not None:
        _in_range(fixed.get("replicas"), 1, REPLICAS_MAX, f"{where}.fixed.replicas")
        return {"automatic": None, "fixed": fixed}
    return {"automatic": _automatic(automatic or {}, f"{where}.automatic"), "fixed": None}


def _automatic(given: dict[str, Any], where: str) -> dict[str, Any]:
    most = given.get("replicasMax")
    _in_range(most, 1, REPLICAS_MAX, f"{where}.replicasMax")
    _in_range(given.get("replicasMin"), 0, most or 0, f"{where}.replicasMin")
    custom = given.get("customMetrics")
    if custom is None:
        _in_range(given.get("averageUsageTarget"), 1, 100, f"{where}.averageUsageTarget")
        if given.get("resourceType") is None:
            raise bad_request(f"{where}.resourceType is missing")
    elif given.get("averageUsageTarget") is not None or given.get("resourceType") is not None:
        raise bad_request(f"{where} scales on a resource or on customMetrics, not on both")
    for name in ("scaleUpStabilizationWindowSeconds", "scaleDownStabilizationWindowSeconds", "cooldownPeriodSeconds"):
        if given.get(name) is not None:
            _in_range(given[name], 0, SECONDS_MAX, f"{where}.{name}")
    if given.get("cooldownPeriodSeconds") is not None and given.get("replicasMin") != 0:
        raise bad_request(f"{where}.cooldownPeriodSeconds is only for replicasMin 0")
    windows = {"scaleDownStabilizationWindowSeconds": 300, "scaleUpStabilizationWindowSeconds": 0}
    return _completed(windows | given, "cloud.project.ai.app.ScalingAutomaticStrategy")


def _complete_volume(given: dict[str, Any], index: int) -> dict[str, Any]:
    where = f"body.volumes[{index}]"
    if not given["mountPath"].startswith("/"):
        raise bad_request(f"{where}.mountPath must begin with /")
    if sum(given.get(name) is not None for name in _SOURCES) != 1:
        raise bad_request(f"{where} must have exactly one source ({', '.join(_SOURCES)})")
    return _completed({"cache": False} | given, "cloud.project.ai.volume.Volume")


def _completed(given: dict[str, Any], kind: str) -> dict[str, Any]:
    full = completed(contract(), given, kind)
    return full if isinstance(full, dict) else given


def check_image(image: str, where: str) -> None:
    """Refuse what is not an image reference.

    Raises:
        ApiError: 400.
    """
    if not _IMAGE.fullmatch(image):
        raise bad_request(f"{where} is not an image reference")


def check_port(port: int | None, where: str) -> None:
    """Refuse what is not a port.

    Raises:
        ApiError: 400.
    """
    if port is not None:
        _in_range(port, 1, 65535, where)


def check_label(key: str, value: str) -> None:
    """Refuse a label that Kubernetes would refuse.

    Raises:
        ApiError: 400.
    """
    if not _LABEL_KEY.fullmatch(key):
        raise bad_request(f'label "{key[:80]}": not a valid name')
    if not _LABEL_VALUE.fullmatch(value):
        raise bad_request(f"label {key}: its value must be at most 63 letters, digits, - _ . and begin and end plainly")


def check_environment(given: list[dict[str, Any]] | None) -> list[dict[str, Any]]:
    """The environment variables.

    Raises:
        ApiError: A name is not one.
    """
    for item in given or []:
        if not re.fullmatch(r"[A-Za-z_][A-Za-z0-9_.-]*", item["name"]):
            raise bad_request(f'environment variable "{item["name"][:80]}": not a valid name')
    return given or []


def check_partner(partner: str | None) -> str | None:
    """Refuse a partner: the sandbox has none.

    Raises:
        ApiError: 400.
    """
    if partner is not None:
        raise bad_request("body.partnerId: the sandbox has no partners")
    return partner


def _in_range(value: object, least: int, most: int, where: str) -> None:
    if not isinstance(value, int) or not least <= value <= most:
        raise bad_request(f"{where} must be from {least} to {most}")
