"""The forms of a model's inputs and outputs in words, and what of them is another after a change of its files."""

from collections.abc import Mapping
from typing import Final

from migrate.core.model_json import Field
from migrate.core.text import printable
from migrate.core.values import Inspection

_SHOWN: Final = 4  # changed inputs and outputs in a sentence


def forms_of(inspection: Inspection | None) -> dict[str, str]:
    """The forms, such as ``{"input x": "float [any, 4]"}``; none where they are not known."""
    if inspection is None or inspection.verdict != "ready":
        return {}
    settings = inspection.settings
    return {f"input {field.name}": _form(field) for field in settings.inputs} | {
        f"output {field.name}": _form(field) for field in settings.outputs
    }


def difference(was: Mapping[str, str], now: Mapping[str, str]) -> str:
    """What is another now, in a sentence; empty where clients see nothing of it, or one of both is not known."""
    if not was or not now:
        return ""
    parts = []
    for name in {**was, **now}:
        shown = printable(name, 80)
        if name not in now:
            parts.append(f"{shown} ({was[name]}) is gone")
        elif name not in was:
            parts.append(f"{shown} ({now[name]}) is new")
        elif was[name] != now[name]:
            parts.append(f"{shown} was {was[name]}, is {now[name]}")
    more = f", and {len(parts) - _SHOWN} more" if len(parts) > _SHOWN else ""
    return ", ".join(parts[:_SHOWN]) + more


def _form(field: Field) -> str:
    if field.shape is None:
        return field.type
    sizes = ", ".join("any" if size < 0 else str(size) for size in field.shape)
    return f"{field.type} [{sizes}]"
