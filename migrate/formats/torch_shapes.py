"""What the first layer of a pickled module takes, as far as its structure tells."""

from collections.abc import Iterator
from typing import Final

from migrate.formats.pickle_machine import Global, Made, Mapping, Reading, Value

DYNAMIC: Final = -1

_MAXIMUM_LOOKED_AT: Final = 200_000
# Layers by the parameter that is the size of what they take, and by the shape around it.
_LAYERS: Final[dict[str, tuple[str, int]]] = {
    "Linear": ("in_features", 0),
    "Conv1d": ("in_channels", 1),
    "Conv2d": ("in_channels", 2),
    "Conv3d": ("in_channels", 3),
    "BatchNorm1d": ("num_features", 0),
    "BatchNorm2d": ("num_features", 2),
    "RNN": ("input_size", -1),
    "LSTM": ("input_size", -1),
    "GRU": ("input_size", -1),
}


def first_input(reading: Reading) -> dict[str, object]:
    """The FIELD ``input_0`` of a module: the first layer with parameters, in the order of its making, takes it."""
    for made in _modules(reading.root):
        if not isinstance(made.made_by, Global):
            continue
        name = made.made_by.name
        state = {key: value for key, value in _items(made.state) if isinstance(key, str)}
        if name in ("Embedding", "EmbeddingBag"):
            return _field("long", [DYNAMIC, DYNAMIC])
        if name in _LAYERS:
            key, places = _LAYERS[name]
            size = state.get(key)
            known = size if isinstance(size, int) and 0 < size < 1 << 31 else DYNAMIC
            if places < 0:
                return _field("float", [DYNAMIC, DYNAMIC, known])
            return _field("float", [DYNAMIC, known, *[DYNAMIC] * places])
    return _field("float", [DYNAMIC, DYNAMIC])


def _field(word: str, shape: list[int]) -> dict[str, object]:
    return {"name": "input_0", "type": word, "shape": shape}


def _modules(root: Value) -> Iterator[Made]:
    """Everything that a pickle makes, outer things first, children in order."""
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


def _items(state: Value) -> list[tuple[Value, Value]]:
    return state.items if isinstance(state, Mapping) else []
