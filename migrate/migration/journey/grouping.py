"""Which models share an image and an app."""

from msgspec import Struct

from migrate.core.options.sources import Layout
from migrate.core.values import ModelRecord
from migrate.migration.journey.steps.image import Prepared
from migrate.migration.run.units import Unit, packed_id


class Group(Struct, frozen=True):
    """Models that wait for one another: one model, or, packed, all.

    ``selection`` holds the ids that were asked for, none for all of the source.
    """

    records: tuple[ModelRecord, ...]
    packed: bool
    selection: tuple[str, ...] = ()

    def units(self, prepared: tuple[Prepared, ...]) -> tuple[tuple[Unit, tuple[Prepared, ...]], ...]:
        """The units that the models of the group make up: one, or, packed, one a runtime."""
        if not self.packed:
            return tuple((self.unit(model.runtime.value.runtime, (model,)), (model,)) for model in prepared)
        runtimes: dict[str, list[Prepared]] = {}
        for model in prepared:
            runtimes.setdefault(model.runtime.value.runtime, []).append(model)
        return tuple((self.unit(name, tuple(models)), tuple(models)) for name, models in sorted(runtimes.items()))

    def unit(self, runtime: str, models: tuple[Prepared, ...] = ()) -> Unit:
        """The unit of a runtime; of all the group's models where it is not known yet which are good."""
        records = tuple(model.record for model in models) or self.records
        identity = packed_id(runtime, self.selection) if self.packed else self.records[0].id
        return Unit(id=identity, records=records, packed=self.packed)


def group(records: tuple[ModelRecord, ...], layout: Layout, selection: tuple[str, ...]) -> tuple[Group, ...]:
    """The groups of a run."""
    if layout == "packed":
        return (Group(records, packed=True, selection=selection),) if records else ()
    return tuple(Group((record,), packed=False) for record in records)
