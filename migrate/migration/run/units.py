"""Units: how they, models and runtimes are named in the journal and outside, and whose fault it is that one fails."""

from collections.abc import Mapping

from msgspec import Struct

from migrate.core.errors import MigrateError, NeedsYouError
from migrate.core.names import mls_key, slug
from migrate.core.values import ModelRecord
from migrate.migration.journal.subjects import PACKED, unit_subject
from migrate.sources.aliases import other_names_of


class Unit(Struct, frozen=True, kw_only=True):
    """What becomes one image and one app: one model, or, packed, all the models of one runtime.

    ``id`` is the model's id, or ``packed/RUNTIME/SELECTION`` where the selection is ``*`` or the chosen ids. The key
    does not depend on which of the models are good today: one that is repaired joins the same app.
    """

    id: str
    records: tuple[ModelRecord, ...]
    packed: bool

    @property
    def subject(self) -> str:
        """The journal's name of the unit."""
        return unit_subject(self.id, packed=self.packed)

    @property
    def models(self) -> tuple[str, ...]:
        """The ids of its models."""
        return tuple(record.id for record in self.records)

    @property
    def name(self) -> str:
        """The name of its app, image and folder."""
        return slug(self.id)

    @property
    def repository(self) -> str:
        """The name of its image, in every registry and on this machine."""
        record = self.records[0]
        return f"{slug(record.namespace or record.source)}-{self.name}"

    def key(self, project: str) -> str:
        """The value of its label ``KEY_LABEL`` (decisions: Labels)."""
        record = self.records[0]
        return self._key(project, record.namespace or record.source)

    def other_keys(self, project: str) -> tuple[str, ...]:
        """The values that the label has on an app that was made when the source was called otherwise."""
        return tuple(self._key(project, name) for name in other_names_of(self.records[0]))

    def _key(self, project: str, source: str) -> str:
        return mls_key(project, f"{PACKED}:{source}" if self.packed else source, self.id)


def unit_of(record: ModelRecord) -> Unit:
    """The unit of a model by itself."""
    return Unit(id=record.id, records=(record,), packed=False)


def packed_id(runtime: str, selection: tuple[str, ...]) -> str:
    """The id of a packed unit; ``selection`` holds the models that were asked for, none for all of the source."""
    return f"{PACKED}/{runtime}/" + ("\n".join(sorted(selection)) or "*")


class BlamedError(NeedsYouError):
    """Some models of a unit cannot go on; the others can, in an image without them: none is another one's failure.

    Attributes:
        errors: What is wrong with each of those models, by id.
    """

    def __init__(self, errors: Mapping[str, MigrateError]) -> None:
        self.errors = dict(errors)
        super().__init__(f"These models cannot go on: {', '.join(errors)}.", code="blamed")
