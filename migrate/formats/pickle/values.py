"""Looking for things in what a pickle builds."""

from collections.abc import Iterator
from typing import Final

from migrate.formats.pickle.machine import Global, Made, Mapping, Value, word_of

_MAXIMUM_LOOKED_AT: Final = 500_000
_MAXIMUM_WRAPPED: Final = 8


def made_things(root: Value) -> Iterator[Made]:
    """Everything that a pickle makes by a call, outer things first, children in their order."""
    waiting = [root]
    seen: set[int] = set()
    while waiting and len(seen) < _MAXIMUM_LOOKED_AT:
        value = waiting.pop()
        if not isinstance(value, Made | Mapping | list | tuple) or id(value) in seen:
            continue
        seen.add(id(value))
        if isinstance(value, Made):
            yield value
            waiting += reversed([value.arguments, value.state, *(item for pair in value.items for item in pair)])
        elif isinstance(value, Mapping):
            waiting += reversed([item for _, item in value.items])
        else:
            waiting += reversed(value)


def class_of(value: Value) -> str:
    """The full name of the class that made a thing; empty for other things."""
    if isinstance(value, Made) and isinstance(value.made_by, Global):
        return f"{value.made_by.module}.{value.made_by.name}"
    return ""


def state_of(value: Value) -> dict[str, Value]:
    """The attributes of a thing, or the text keys of a dictionary."""
    held = value.state if isinstance(value, Made) else value
    if isinstance(held, tuple):  # attributes, and those of slots
        held = held[0] if held else None
    items = held.items if isinstance(held, Mapping) else []
    found = ((word_of(key), item) for key, item in items)
    return {key: item for key, item in found if isinstance(key, str)}


def listed(value: Value) -> list[Value]:
    """The items of a list, a tuple, or a thing that holds one."""
    for _ in range(_MAXIMUM_WRAPPED):
        if not isinstance(value, Made):
            break
        value = state_of(value).get("items")
    return list(value) if isinstance(value, list | tuple) else []
