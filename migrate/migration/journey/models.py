"""Models on their journey: what is known of each after which step, and which share an image and an app."""

from msgspec import Struct

from migrate.core.model_json import content_of
from migrate.core.names import digest_of
from migrate.core.options.sources import Layout
from migrate.core.planfile.content import PlannedApp
from migrate.core.values import Artifact, Inspection, ModelRecord, Recording, RuntimeImage, to_json
from migrate.images.model.context import ModelToRender
from migrate.migration.journal.journal import Stored
from migrate.migration.run.units import Unit, packed_id
from migrate.parity.comparison import recorded_json


class Inspected(Struct, frozen=True):
    """A model whose files are here, and of which it is known what they are."""

    record: ModelRecord
    artifact: Stored[Artifact]
    inspection: Stored[Inspection]

    @property
    def form(self) -> tuple[str, str]:
        """What its answers depend on, whatever its name: the digests of its files, and of the server's settings."""
        settings = content_of(self.inspection.value.settings)
        return self.artifact.value.digest, digest_of(to_json(settings).decode())

    def to_render(self, recording: Stored[Recording] | None) -> ModelToRender:
        """What an image needs to know of it, with the answers that the image will hold itself against."""
        inspection = self.inspection.value
        return ModelToRender(
            record=self.record,
            artifact=self.artifact.value,
            inspection=inspection,
            recorded=recorded_json(recording.value, inspection.settings) if recording is not None else None,
        )


class Prepared(Inspected, frozen=True):
    """A model of which everything is known that its image needs."""

    runtime: Stored[RuntimeImage]
    recording: Stored[Recording]
    slim: str = ""  # see ``Outcome``


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


def group_as_planned(records: tuple[ModelRecord, ...], apps: tuple[PlannedApp, ...]) -> tuple[Group, ...]:
    """The groups of a plan that is applied: a model without an app in it is in none."""
    by_id = {record.id: record for record in records}
    groups = [
        Group(tuple(by_id[name] for name in app.models if name in by_id), packed=app.packed, selection=app.selection)
        for app in apps
    ]
    return tuple(group for group in groups if group.records)
