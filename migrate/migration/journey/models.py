"""A model on its journey: what is known of it after its files were read, and after it was asked for answers."""

from msgspec import Struct

from migrate.core.values import Artifact, Inspection, ModelRecord, Recording, RuntimeImage
from migrate.images.model.context import ModelToRender
from migrate.migration.journal.journal import Stored
from migrate.parity.comparison import recorded_json


class Inspected(Struct, frozen=True):
    """A model whose files are here, and of which it is known what they are."""

    record: ModelRecord
    artifact: Stored[Artifact]
    inspection: Stored[Inspection]

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
