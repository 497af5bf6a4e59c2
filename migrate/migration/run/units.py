"""How models, units and runtimes are named in the journal and outside."""

from typing import Final

from msgspec import Struct

from migrate.core.names import mls_key, slug
from migrate.core.values import ModelRecord

PACKED: Final = "packed"


def model_subject(model_id: str) -> str:
    """The journal's name of a model."""
    return f"model:{model_id}"


def runtime_subject(name: str) -> str:
    """The journal's name of a runtime."""
    return f"runtime:{name}"


def unit_subject(unit_id: str, *, packed: bool = False) -> str:
    """The journal's name of a unit: of a model that has an app of its own, by its id, or of a packed one."""
    return f"{PACKED}:{unit_id}" if packed else f"unit:{unit_id}"


def is_packed(subject: str) -> bool:
    """Whether the journal's name of a unit is that of several models in one app."""
    return subject.startswith(f"{PACKED}:")


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

    def key(self, project: str) -> str:
        """The value of its label ``KEY_LABEL`` (field notes, 5)."""
        record = self.records[0]
        source = record.namespace or record.source
        return mls_key(project, f"{PACKED}:{source}" if self.packed else source, self.id)


def packed_id(runtime: str, selection: tuple[str, ...]) -> str:
    """The id of a packed unit; ``selection`` holds the models that were asked for, none for all of the source."""
    return f"{PACKED}/{runtime}/" + ("\n".join(sorted(selection)) or "*")
