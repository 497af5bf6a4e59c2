"""The texts that a graph knows of its text inputs: categories of encoders, for sample requests that mean something."""

from collections.abc import Mapping
from typing import Final

from migrate.formats.onnx.graph import Node, name_of, nodes
from migrate.formats.onnx.proto import AttributeProto
from migrate.formats.reading.wire import Field, Wire, messages

_ENCODERS: Final = {"OneHotEncoder": "cats_strings", "LabelEncoder": "keys_strings", "CategoryMapper": "cats_strings"}
_PASSES: Final = frozenset(
    {
        *("Identity", "Reshape", "Concat", "Squeeze", "Unsqueeze", "Flatten", "Transpose", "Slice", "Gather", "Split"),
        *("ArrayFeatureExtractor", "Imputer", "Cast"),
    }
)
_MAXIMUM_WORDS: Final = 32
_MAXIMUM_LENGTH: Final = 100


def known_words(wire: Wire, graph: Field, inputs: frozenset[str]) -> Mapping[str, list[str]]:
    """Up to 32 categories by text input, followed through operators that only move values."""
    words: dict[str, dict[str, None]] = {}
    origins = {name: {name} for name in inputs}  # tensor -> the inputs whose values it holds
    for node in nodes(wire, graph):
        sources = {origin for name in node.inputs for origin in origins.get(name, ())}
        if not sources:
            continue
        if node.operator in _PASSES:
            origins |= dict.fromkeys(node.outputs, sources)
        elif node.operator in _ENCODERS:
            found = _categories(wire, node, _ENCODERS[node.operator])
            for source in sources:
                words.setdefault(source, {}).update(dict.fromkeys(found))
    return {name: list(found)[:_MAXIMUM_WORDS] for name, found in words.items()}


def _categories(wire: Wire, node: Node, attribute_name: str) -> list[str]:
    found: list[str] = []
    for attribute in node.attributes:
        if name_of(wire, attribute) != attribute_name:
            continue
        for item in messages(wire, attribute, AttributeProto.STRINGS):
            if item.end - item.start <= _MAXIMUM_LENGTH:
                found.append(wire.text(item))
            if len(found) == _MAXIMUM_WORDS:
                break
    return found
