"""The texts that a graph knows of its text inputs: categories of encoders, for sample requests that mean something."""

from collections.abc import Mapping
from typing import Final

from migrate.formats.onnx.structure import (
    NODE,
)
from migrate.formats.reading.wire import Field, Wire, messages

# NodeProto and AttributeProto
_INPUT, _OUTPUT, _OP_TYPE, _ATTRIBUTE = 1, 2, 4, 5
_NAME, _STRINGS = 1, 9

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
    for node in messages(wire, graph, NODE):  # in an order in which every tensor is made before it is used
        sources: set[str] = set()
        outputs: list[str] = []
        operator = ""
        for item in messages(wire, node, _INPUT, _OUTPUT, _OP_TYPE):
            text = wire.text(item)
            if item.number == _INPUT:
                sources |= origins.get(text, set())
            elif item.number == _OUTPUT:
                outputs.append(text)
            else:
                operator = text
        if not sources:
            continue
        if operator in _PASSES:
            origins |= dict.fromkeys(outputs, sources)
        elif operator in _ENCODERS:
            found = _categories(wire, node, _ENCODERS[operator])
            for source in sources:
                words.setdefault(source, {}).update(dict.fromkeys(found))
    return {name: list(found)[:_MAXIMUM_WORDS] for name, found in words.items()}


def _categories(wire: Wire, node: Field, attribute_name: str) -> list[str]:
    found: list[str] = []
    for attribute in messages(wire, node, _ATTRIBUTE):
        names = [wire.text(item) for item in messages(wire, attribute, _NAME)]
        if names != [attribute_name]:
            continue
        for item in messages(wire, attribute, _STRINGS):
            if item.end - item.start <= _MAXIMUM_LENGTH:
                found.append(wire.text(item))
            if len(found) == _MAXIMUM_WORDS:
                break
    return found
