"""From ML Serving's flavor and autoscaling to AI Deploy's resources and scaling; pure."""

import math
from collections.abc import Sequence
from typing import Final, Literal

from migrate.core.errors import NeedsYouError, UsageError
from migrate.core.sizing import MOST_REPLICAS, Sizing
from migrate.core.text import printable
from migrate.core.values import AppRequest, AutomaticScaling, Autoscaling, FixedScaling, ModelRecord
from migrate.ovhcloud.capabilities import Flavor

DEFAULT_TARGET: Final = 75  # percent; AI Deploy's own default
_MEGABYTE: Final = 1024 * 1024


def plan_app(
    records: Sequence[ModelRecord],
    *,
    name: str,
    region: str,
    flavors: Sequence[Flavor],
    labels: dict[str, str],
    sizing: Sizing,
) -> AppRequest:
    """What to ask of AI Deploy for one model, or for several that share an app.

    A flavor and a count of CPUs (units of the flavor) are always explicit: without them a guide says that one GPU is
    taken. The count is the more of what the old cores and the old memory need, for memory follows the CPUs. Models
    that share an app have the memory of all and the cores of the largest.

    Args:
        records: The models of the app.
        name: The app's name.
        region: The AI region.
        flavors: The flavors of that region.
        labels: The app's labels.
        sizing: What a person typed, which wins over what ML Serving had.

    Raises:
        NeedsYouError: ``no-cpu-flavor``.
        UsageError: More CPUs were typed than a replica can have (``usage``).
    """
    flavor = choose_flavor(flavors, region)
    notes: list[str] = []
    cpu = _cpus(records, flavor, notes) if sizing.cpus is None else _typed_cpus(records, flavor, sizing.cpus, notes)
    scaling = _scaling([record.autoscaling for record in records if record.autoscaling], sizing, notes)
    return AppRequest(
        name=name, region=region, flavor=flavor.id, cpu=cpu, scaling=scaling, labels=labels, notes=tuple(notes)
    )


def choose_flavor(flavors: Sequence[Flavor], region: str) -> Flavor:
    """The region's default CPU flavor, or else the one with the smallest unit."""
    usable = [flavor for flavor in flavors if flavor.type == "cpu" and flavor.resources_per_unit.cpu > 0]
    if not usable:
        raise NeedsYouError(
            f"AI Deploy offers no CPU flavor in {printable(region)}.",
            code="no-cpu-flavor",
            next_step="Choose another region with --region.",
        )
    return min(
        usable,
        key=lambda flavor: (
            not flavor.default,
            flavor.resources_per_unit.cpu,
            flavor.resources_per_unit.memory,
            flavor.id,
        ),
    )


def _typed_cpus(records: Sequence[ModelRecord], flavor: Flavor, cpus: int, notes: list[str]) -> int:
    most = max(1, flavor.max)
    if cpus > most:
        raise UsageError(
            f"--cpus {cpus} is more than a replica can have: {most} times {flavor.id}.",
            code="usage",
            next_step=f"Give at most --cpus {most}.",
        )
    needed = _cpus(records, flavor, [])
    if needed > cpus:
        notes.append(f"The old size would need {needed} times {flavor.id}; --cpus gives it {cpus}.")
    return cpus


def _cpus(records: Sequence[ModelRecord], flavor: Flavor, notes: list[str]) -> int:
    unit = flavor.resources_per_unit
    cores = max((record.flavor.cpu_cores or 0 for record in records if record.flavor), default=0)
    memory = sum(record.flavor.ram_mb or 0 for record in records if record.flavor) * _MEGABYTE
    for_cores = math.ceil(cores / unit.cpu)
    for_memory = math.ceil(memory / unit.memory) if unit.memory > 0 else 0
    units = max(1, for_cores, for_memory)
    if not any(record.flavor and (record.flavor.cpu_cores or record.flavor.ram_mb) for record in records):
        notes.append("The old flavor's size is not known, so the app gets the smallest size.")
    elif for_memory > for_cores:
        notes.append(
            f"The old memory of {memory / _MEGABYTE / 1024:.3g} GiB decides: {units} times {flavor.id}, "
            f"which has {unit.memory / 1024**3:.3g} GiB."
        )
    most = max(1, flavor.max)
    if units > most:
        notes.append(f"The old size would need {units} times {flavor.id}; a replica can have {most}.")
        units = most
    return units


def _scaling(specs: Sequence[Autoscaling], sizing: Sizing, notes: list[str]) -> FixedScaling | AutomaticScaling:
    if sizing.replicas is not None:
        return FixedScaling(replicas=sizing.replicas)
    lowest = max((spec.min_replicas for spec in specs if spec.min_replicas is not None), default=None)
    highest = max((spec.max_replicas for spec in specs if spec.max_replicas is not None), default=None)
    if sizing.scale_min is not None:
        lowest, highest = sizing.scale_min, max(highest or 1, sizing.scale_min)
    if sizing.scale_max is not None:
        lowest, highest = min(1 if lowest is None else lowest, sizing.scale_max), sizing.scale_max
    least = max(0, lowest if lowest is not None else min(1, highest if highest is not None else 1))
    most = max(least, highest if highest is not None else least)
    if lowest is not None and highest is not None and lowest > highest:
        notes.append(f"The old minimum of {lowest} replicas is above the maximum of {highest}; the minimum is kept.")
    if most > MOST_REPLICAS:
        notes.append(f"The old maximum of {most} replicas is above AI Deploy's {MOST_REPLICAS}.")
        least, most = min(least, MOST_REPLICAS), MOST_REPLICAS
    if most == 0:
        notes.append("The old service was scaled to zero replicas; the app gets one.")
        return FixedScaling(replicas=1)
    if least == most:
        return FixedScaling(replicas=most)
    if least == 0:
        notes.append("With no request the app scales to zero replicas; the next request then waits for a cold start.")
    resource, target = _metric(specs, notes)
    return AutomaticScaling(replicas_min=least, replicas_max=most, resource=resource, average_usage_target=target)


def _metric(specs: Sequence[Autoscaling], notes: list[str]) -> tuple[Literal["CPU", "RAM"], int]:
    cpu = [spec.cpu_average_utilization for spec in specs if spec.cpu_average_utilization is not None]
    ram = [spec.memory_average_utilization for spec in specs if spec.memory_average_utilization is not None]
    if cpu and ram:
        notes.append(
            f"The old autoscaling watched CPU ({min(cpu)} %) and memory ({min(ram)} %); AI Deploy watches one: CPU."
        )
    if cpu:
        return "CPU", _percent(min(cpu), notes)
    if ram:
        return "RAM", _percent(min(ram), notes)
    which = "The old autoscaling named no target; the" if specs else "The"
    notes.append(f"{which} app scales at {DEFAULT_TARGET} % CPU, the default.")
    return "CPU", DEFAULT_TARGET


def _percent(target: int, notes: list[str]) -> int:
    kept = min(100, max(1, target))
    if kept != target:
        notes.append(f"The old target of {target} % is outside 1 to 100 and becomes {kept} %.")
    return kept
