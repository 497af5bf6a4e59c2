"""What the first layer of a pickled module takes, as far as its structure tells."""

from typing import Final

from migrate.core.model_json import Field
from migrate.formats.pickle.machine import Reading
from migrate.formats.pickle.values import class_of, made_things, state_of

DYNAMIC: Final = -1

# Layers by the attribute that is the size of what they take, and by the number of dimensions behind it.
_LAYERS: Final[dict[str, tuple[str, int]]] = {
    "Linear": ("in_features", 0),
    "Conv1d": ("in_channels", 1),
    "Conv2d": ("in_channels", 2),
    "Conv3d": ("in_channels", 3),
    "BatchNorm1d": ("num_features", 0),
    "BatchNorm2d": ("num_features", 2),
}
_RECURRENT: Final = frozenset({"RNN", "LSTM", "GRU"})
_WORDS: Final = frozenset({"Embedding", "EmbeddingBag"})


def first_input(reading: Reading) -> Field:
    """The field ``input_0`` of a module: the first layer with parameters, in the order of its making, takes it."""
    for made in made_things(reading.root):
        name = class_of(made).rpartition(".")[2]
        state = state_of(made)
        if name in _WORDS:
            return _field("long", DYNAMIC, DYNAMIC)
        if name in _LAYERS:
            key, behind = _LAYERS[name]
            return _field("float", DYNAMIC, _size(state.get(key)), *[DYNAMIC] * behind)
        if name in _RECURRENT:
            return _field("float", DYNAMIC, DYNAMIC, _size(state.get("input_size")))
    return _field("float", DYNAMIC, DYNAMIC)


def _size(value: object) -> int:
    return value if isinstance(value, int) and 0 < value < 1 << 31 else DYNAMIC


def _field(word: str, *shape: int) -> Field:
    return Field("input_0", word, shape)
