"""The layers in a Keras configuration, by name, and which of them take which."""

from collections.abc import Mapping
from itertools import pairwise
from typing import Any, Final

from msgspec import Struct

from migrate.formats.keras.classes import MODELS

DYNAMIC: Final = -1

Layer = Mapping[str, Any]
_MAXIMUM_LAYERS: Final = 50_000


class Graph(Struct, frozen=True):
    """A model: layers by name, the names of what each takes, and the names of the first and last ones."""

    layers: dict[str, Layer]
    inbound: dict[str, list[str]]
    sources: list[str]
    targets: list[str]


def graph_of(model: Layer) -> Graph | None:
    """The graph of a model's configuration; None where it has no layers that can be named."""
    inner = model.get("config")
    content: Mapping[str, Any] = inner if isinstance(inner, Mapping) else {"layers": inner}
    listed = content.get("layers")
    if model.get("class_name") not in MODELS or not isinstance(listed, list) or len(listed) > _MAXIMUM_LAYERS:
        return None
    layers = {name_of(layer): layer for layer in listed if isinstance(layer, Mapping)}
    if not layers or len(layers) != len(listed):
        return None
    if model.get("class_name") == "Sequential":
        names = list(layers)
        inbound = {after: [before] for before, after in pairwise(names)}
        return Graph(layers, inbound, names[:1], names[-1:])
    sources, targets = _ends(content.get("input_layers")), _ends(content.get("output_layers"))
    if not {*sources, *targets} <= set(layers):
        return None
    inbound = {name: _inbound(layer.get("inbound_nodes")) for name, layer in layers.items()}
    return Graph(layers, inbound, sources, targets)


def name_of(layer: Layer) -> str:
    """A layer's name."""
    config = layer.get("config")
    return str(layer.get("name", config.get("name", "") if isinstance(config, Mapping) else ""))


def settings_of(layer: Layer) -> Mapping[str, Any]:
    """A layer's settings; those of a model that is a layer are its first layer's."""
    config = layer.get("config")
    if not isinstance(config, Mapping):
        return {}
    if layer.get("class_name") in MODELS:
        inner = config.get("layers")
        first = inner[0] if isinstance(inner, list) and inner else None
        is_plain = isinstance(first, Mapping) and isinstance(first.get("config"), Mapping)
        return first["config"] if is_plain and first is not None else {}
    return config


def input_shape(layer: Layer) -> list[int] | None:
    """The shape that a first layer declares: its sizes, -1 where one is free."""
    given = settings_of(layer)
    return sizes(given.get("batch_input_shape", given.get("batch_shape")))


def built_shape(model: Layer) -> list[int] | None:
    """The shape that a Sequential without a declared one was built for, by training it."""
    config = model.get("config")
    return sizes(config.get("build_input_shape")) if isinstance(config, Mapping) else None


def sizes(shape: object) -> list[int] | None:
    """A shape with null for a free size; None where it is none."""
    if not isinstance(shape, list) or not 1 <= len(shape) <= 16:
        return None
    found = [DYNAMIC if size is None else size for size in shape]
    legal = all(type(size) is int and (0 < size < 1 << 31 or size == DYNAMIC) for size in found)
    return found if legal else None


def _ends(value: object) -> list[str]:
    """The names in ``[["a", 0, 0], ...]`` or ``["a", 0, 0]``."""
    if isinstance(value, list) and value and isinstance(value[0], str):
        return [value[0]]
    found = value if isinstance(value, list) else []
    return [one[0] for one in found if isinstance(one, list) and one and isinstance(one[0], str)]


def _inbound(value: object) -> list[str]:
    """The layers that the first call of a layer takes."""
    found: object = value
    while isinstance(found, list) and found and isinstance(found[0], list):
        if found[0] and isinstance(found[0][0], str):
            return _ends(found)
        found = found[0]
    return _ends(found)
