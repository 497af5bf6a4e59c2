"""How the journal names what it speaks of: models, units and runtimes."""

from typing import Final

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


def unit_id(subject: str) -> str:
    """The id of the unit that a journal names so."""
    return subject.partition(":")[2]


def is_packed(subject: str) -> bool:
    """Whether the journal's name of a unit is that of several models in one app."""
    return subject.startswith(f"{PACKED}:")
