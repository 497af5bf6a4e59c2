"""What the first layer of a pickled module takes, as far as its structure tells."""

from typing import Final

from migrate.core.model_json import Field
from migrate.formats.pickle.machine import Global, Reading, Value
from migrate.formats.pickle.values import class_of, listed, made_things, state_of

DYNAMIC: Final = -1

# Layers by the attribute that is the size of what they take, and by the number of dimensions behind it.
_LAYERS: Final[dict[str, tuple[str, int]]] = {
    "Linear": ("in_features", 0),
    **{f"{kind}{rank}d": ("in_channels", rank) for kind in ("Conv", "ConvTranspose") for rank in (1, 2, 3)},
    "BatchNorm1d": ("num_features", 0),
    "BatchNorm2d": ("num_features", 2),
    "BatchNorm3d": ("num_features", 3),
    **{f"InstanceNorm{rank}d": ("num_features", rank) for rank in (1, 2, 3)},
    "LSTMCell": ("input_size", 0),
    "GRUCell": ("input_size", 0),
    "RNNCell": ("input_size", 0),
}
# Layers of sequences, whose numbers come last.
_SEQUENCES: Final = {
    **dict.fromkeys(("RNN", "LSTM", "GRU"), "input_size"),
    "MultiheadAttention": "embed_dim",
    "Transformer": "d_model",
}
_WORDS: Final = frozenset({"Embedding", "EmbeddingBag"})
_CHANNELS: Final = frozenset({"GroupNorm"})  # the rank is that of the next layer
_PICTURES: Final = frozenset({"Unfold", "PixelShuffle", "Softmax2d", "Dropout2d"})
_DOUBLE: Final = "DoubleStorage"


def first_input(reading: Reading) -> Field:
    """The field ``input_0`` of a module: the first layer that tells, in the order of its making, takes it."""
    channels: Value = None
    pictures = False
    word = _floating(reading)
    for made in made_things(reading.root):
        name = class_of(made).rpartition(".")[2]
        state = state_of(made)
        if name in _WORDS:
            return _field("long", DYNAMIC, DYNAMIC)
        if name in _LAYERS:
            key, behind = _LAYERS[name]
            if pictures and not behind:
                return _field(word, *[DYNAMIC] * 4)
            size = _size(state.get(key) if channels is None or not behind else channels)
            return _field(word, DYNAMIC, size, *[DYNAMIC] * behind)
        if name in _SEQUENCES:
            return _field(word, DYNAMIC, DYNAMIC, _size(state.get(_SEQUENCES[name])))
        if name == "LayerNorm":
            sizes = [_size(size) for size in listed(state.get("normalized_shape"))]
            return _field(word, DYNAMIC, *sizes)
        if name in _CHANNELS:
            channels = state.get("num_channels")
        pictures = pictures or name in _PICTURES
    if pictures or channels is not None:
        return _field(word, DYNAMIC, _size(channels), DYNAMIC, DYNAMIC)
    return _field(word, DYNAMIC, DYNAMIC)


def _floating(reading: Reading) -> str:
    """The type of a module's numbers: that of the first values it has, whole numbers left out."""
    for identifier in reading.storages:
        kind = identifier[1] if isinstance(identifier, tuple) and len(identifier) > 1 else None
        if isinstance(kind, Global) and kind.name in (_DOUBLE, "FloatStorage", "HalfStorage", "BFloat16Storage"):
            return "double" if kind.name == _DOUBLE else "float"
    return "float"


def _size(value: Value) -> int:
    return value if isinstance(value, int) and 0 < value < 1 << 31 else DYNAMIC


def _field(word: str, *shape: int) -> Field:
    return Field("input_0", word, shape)
