"""Which models share an app: separate, packed, or mixed, by the CPUs that are billed all the time."""

import math
from collections.abc import Iterable, Sequence
from typing import Final

from msgspec import Struct
from msgspec.structs import replace

from migrate.apps.resources import choose_flavor, plan_app
from migrate.core.planfile.content import Arranged, Layout
from migrate.core.sizing import Sizing
from migrate.core.values import AppRequest, ModelRecord
from migrate.migration.journey.models import Group
from migrate.migration.plan.weights import memory_of
from migrate.migration.run.units import Unit, unit_of
from migrate.ovhcloud.capabilities import Flavor

SLEPT: Final = frozenset({"sleeping", "waking"})
"""What ML Serving said of a model that had no replicas without calls, by the enumeration of its API."""

_MIB: Final = 1024 * 1024


class Candidate(Struct, frozen=True):
    """A model that gets an app. ``runtime`` is empty where only its whole files tell it.

    ``measured`` is the memory that its rehearsal on this machine held, in bytes, where there was one.
    """

    record: ModelRecord
    runtime: str
    size: int
    measured: int | None


class Share(Struct, frozen=True):
    """An app, and its models; ``selection`` names it where it is packed."""

    models: tuple[Candidate, ...]
    packed: bool
    selection: tuple[str, ...]
    request: AppRequest
    memory: int | None

    @property
    def unit(self) -> Unit:
        """The unit of the run."""
        records = tuple(model.record for model in self.models)
        if not self.packed:
            return unit_of(records[0])
        return Group(records, packed=True, selection=self.selection).unit(self.models[0].runtime)

    @property
    def cost(self) -> tuple[int, int]:
        """CPUs with the least and the most replicas."""
        least, most = self.request.replicas
        return self.request.cpu * least, self.request.cpu * most


class Arrangement(Struct, frozen=True):
    """How the models share apps, and why."""

    shares: tuple[Share, ...]
    layout: Layout


class Arranger:
    """Arranges the models of one source in one region.

    Args:
        region: The AI region.
        flavors: Its flavors.
        sizing: What a person typed.
        chosen: The models that were asked for by name; none for all.
    """

    def __init__(self, region: str, flavors: Sequence[Flavor], sizing: Sizing, chosen: tuple[str, ...]) -> None:
        self._region = region
        self._flavors = flavors
        self._sizing = sizing
        self._chosen = chosen
        self._flavor = choose_flavor(flavors, region)
        self.limit = self._flavor.resources_per_unit.memory * max(1, self._flavor.max)

    def arrange(self, wanted: str, candidates: Sequence[Candidate]) -> Arrangement:
        """The apps.

        Args:
            wanted: ``cheapest``, ``separate`` or ``packed``.
            candidates: The models, as the source lists them.
        """
        cheap = wanted == "cheapest"
        separate = tuple(self._alone(model, sleeps=cheap) for model in candidates)
        packed = self._packed(candidates) if cheap else self._packed_as_run(candidates)
        mixed = self._mixed(separate) if cheap else separate
        ways: dict[Arranged, tuple[Share, ...]] = {"separate": separate, "packed": packed, "mixed": mixed}
        units = {name: sum(share.cost[0] for share in shares) for name, shares in ways.items()}
        if not cheap:
            chosen: Arranged = "packed" if wanted == "packed" else "separate"
            why = (
                f"As --layout says; CPUs that are billed all the time: separate {units['separate']}, "
                f"packed {units['packed']}"
            )
        else:
            chosen = min(ways, key=lambda name: (*_total(ways[name]), name != "separate", len(ways[name])))
            why = self._why(chosen, ways)
        layout = Layout(
            chosen=chosen, why=why, separate=units["separate"], packed=units["packed"], mixed=units["mixed"]
        )
        return Arrangement(ways[chosen], layout)

    def _alone(self, model: Candidate, *, sleeps: bool) -> Share:
        sizing = self._sizing
        if sleeps and model.record.api_status in SLEPT and not sizing.scales:
            sizing = replace(sizing, scale_min=0)
        request = self._request((model,), sizing)
        memory = memory_of(model.runtime, [model.size], [model.measured])
        return Share((model,), packed=False, selection=(), request=request, memory=memory)

    def _packed_as_run(self, candidates: Sequence[Candidate]) -> tuple[Share, ...]:
        """One app a runtime, in the size that ``migrate run --layout packed`` gives it."""
        shares = []
        for models in _by_runtime(candidates):
            if models[0].runtime:
                request = self._request(models, self._sizing)
                shares.append(Share(models, True, self._chosen, request, _memory(models)))
            else:
                shares += [self._alone(model, sleeps=False) for model in models]
        return tuple(shares)

    def _packed(self, candidates: Sequence[Candidate]) -> tuple[Share, ...]:
        """As few apps a runtime as the memory of a replica lets them be."""
        shares: list[Share] = []
        for models in _by_runtime(candidates):
            bins: list[list[Candidate]] = []
            for model in sorted(models, key=lambda one: -one.size):
                room = next((one for one in bins if self._fits((*one, model))), None)
                if room is None:
                    bins.append([model])
                else:
                    room.append(model)
            shares += [self._shared(tuple(one)) for one in bins]
        return tuple(shares)

    def _mixed(self, separate: Sequence[Share]) -> tuple[Share, ...]:
        """Each model in the app where it adds the least; alone where that is less."""
        shares: list[Share] = []
        for alone in sorted(separate, key=lambda share: (-share.cost[0], -share.cost[1], share.models[0].record.id)):
            best, at = alone.cost, -1
            for position, share in enumerate(shares):
                models = (*share.models, *alone.models)
                if share.models[0].runtime == alone.models[0].runtime and self._fits(models):
                    together = self._shared(models).cost
                    more = together[0] - share.cost[0], together[1] - share.cost[1]
                    if more < best:
                        best, at = more, position
            if at < 0:
                shares.append(alone)
            else:
                shares[at] = self._shared((*shares[at].models, *alone.models))
        return tuple(shares)

    def _shared(self, models: tuple[Candidate, ...]) -> Share:
        if len(models) == 1:
            return self._alone(models[0], sleeps=True)
        memory, unit = _memory(models), self._flavor.resources_per_unit
        sizing = self._sizing
        if sizing.cpus is None and memory is not None:
            cores = max((model.record.flavor.cpu_cores or 0 for model in models if model.record.flavor), default=0)
            units = max(1, math.ceil(cores / unit.cpu), math.ceil(memory / unit.memory) if unit.memory else 1)
            sizing = replace(sizing, cpus=min(units, max(1, self._flavor.max)))
        if not sizing.scales and all(model.record.api_status in SLEPT for model in models):
            sizing = replace(sizing, scale_min=0)
        request = self._request(models, sizing)
        if self._sizing.cpus is None:  # nobody typed them
            request = replace(request, notes=tuple(note for note in request.notes if "--cpus" not in note))
        names = tuple(sorted(model.record.id for model in models))
        return Share(_ordered(models), True, names, request, memory)

    def _request(self, models: Sequence[Candidate], sizing: Sizing) -> AppRequest:
        records = [model.record for model in models]
        return plan_app(records, name="", region=self._region, flavors=self._flavors, labels={}, sizing=sizing)

    def _fits(self, models: tuple[Candidate, ...]) -> bool:
        memory = _memory(models)
        room = self._flavor.resources_per_unit.memory * (self._sizing.cpus or max(1, self._flavor.max))
        return bool(models[0].runtime) and memory is not None and memory <= room

    def _why(self, chosen: Arranged, ways: dict[Arranged, tuple[Share, ...]]) -> str:
        told = [
            f"{name} {least} to {most}" if most > least else f"{name} {least}"
            for name, (least, most) in ((name, _total(shares)) for name, shares in ways.items())
        ]
        billed = f"CPUs that are billed, by the least and the most replicas: {', '.join(told)}"
        if chosen == "separate":
            return f"{billed}. Sharing apps saves none"
        share = max(ways[chosen], key=lambda one: len(one.models))
        return (
            f"{billed}. The largest app serves {len(share.models)} models, which fit into the memory of a replica: "
            f"at most {self.limit / _MIB:,.0f} MiB"
        )


def _total(shares: Iterable[Share]) -> tuple[int, int]:
    costs = [share.cost for share in shares]
    return sum(least for least, _ in costs), sum(most for _, most in costs)


def _by_runtime(candidates: Sequence[Candidate]) -> list[tuple[Candidate, ...]]:
    found: dict[str, list[Candidate]] = {}
    for model in candidates:
        found.setdefault(model.runtime, []).append(model)
    return [tuple(models) for models in found.values()]


def _memory(models: Sequence[Candidate]) -> int | None:
    return memory_of(models[0].runtime, [model.size for model in models], [model.measured for model in models])


def _ordered(models: Iterable[Candidate]) -> tuple[Candidate, ...]:
    return tuple(sorted(models, key=lambda model: model.record.id))
