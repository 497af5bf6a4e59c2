"""What a Keras configuration would run when a model is made of it.

A configuration is a program: making a model of it runs the byte-code of Lambda layers, imports the modules that it
names, and reads files of words.
"""

from collections.abc import Iterator, Mapping
from typing import Any, Final

from migrate.core.codes.hazards import HazardCode
from migrate.formats.keras.classes import (
    CLASSES,
    LOOKUPS,
    OPERATORS,
    is_activation,
    is_known_function,
    is_known_module,
)
from migrate.formats.reading.errors import quoted

Danger = tuple[HazardCode, str]
_MAXIMUM: Final = 5_000_000
_MAXIMUM_DEPTH: Final = 200


def dangers(config: Mapping[str, Any]) -> list[Danger]:
    """Codes, and sentences without their subject, for everything in a configuration that is not plain layers."""
    return list(dict.fromkeys(_dangers(config)))[:20]


def _dangers(config: Mapping[str, Any]) -> Iterator[Danger]:
    for value in mappings(config):
        if value is None:
            yield "keras-too-complex", "has a configuration of more parts, or deeper ones, than any model"
        elif "class_name" in value:
            yield from _object(value)


def mappings(config: Mapping[str, Any]) -> Iterator[Mapping[str, Any] | None]:
    """Every object in a configuration; None where there are more, or deeper ones, than in any model."""
    waiting: list[tuple[object, int]] = [(config, 0)]
    for _ in range(_MAXIMUM):
        if not waiting:
            return
        value, depth = waiting.pop()
        if depth > _MAXIMUM_DEPTH:
            break
        if isinstance(value, list):
            waiting += [(one, depth + 1) for one in value]
        elif isinstance(value, Mapping):
            yield value
            waiting += [(one, depth + 1) for one in value.values()]
    yield None


def _object(value: Mapping[str, Any]) -> Iterator[Danger]:
    name, content = value["class_name"], value.get("config")
    inner: Mapping[str, Any] = content if isinstance(content, Mapping) else {}
    label = quoted(str(inner.get("name", name)))
    if not is_known_module(value.get("module")):
        yield "keras-module", f"imports the module {quoted(str(value['module']))} for {label}"
    if not _is_registered(value.get("registered_name"), name):
        yield "keras-custom-class", f"needs the class {quoted(str(value['registered_name'])[:60])} for {label}"
    if name == "TensorFlowOpLayer" and _operator(inner.get("node_def")) in OPERATORS:
        return
    if name == "Lambda":
        yield "keras-lambda", f"runs the byte-code of the Lambda layer {label}"
    elif name == "function":
        if not is_activation(content):
            yield "keras-function", f"calls the function {quoted(str(content)[:60])}"
    elif not isinstance(name, str) or name not in CLASSES:
        yield "keras-custom-class", f"needs the class {quoted(str(name)[:60])}, which is none of Keras's plain layers"
    else:
        yield from _settings(name, inner, label)


def _operator(node: object) -> object:
    """The operator in a layer's node; ``tf_keras`` reads a text there as a message of protobuf, never as JSON."""
    found = node.get("op") if isinstance(node, Mapping) else None
    return found if isinstance(found, str) else None


def _settings(name: str, inner: Mapping[str, Any], label: str) -> Iterator[Danger]:
    """What the settings of a plain layer would run or read."""
    if name in ("TFOpLambda", "SlicingOpLambda"):
        function = inner.get("function")
        if not isinstance(function, str) or not is_known_function(function):
            yield "keras-function", f"calls {quoted(str(function)[:60])} of TensorFlow in the layer {label}"
    elif name in LOOKUPS:
        if isinstance(inner.get("vocabulary"), str):
            yield "keras-file", f"reads words from the file {quoted(inner['vocabulary'])} in the layer {label}"
        for key in ("standardize", "split"):
            if isinstance(inner.get(key), Mapping | list):
                yield "keras-function", f"has code of its own in the layer {label}"


def _is_registered(registered: object, name: object) -> bool:
    """Whether the name that a class is registered by is that of a plain layer, or of nothing else than the class."""
    known = isinstance(registered, str) and (registered in CLASSES or is_activation(registered))
    return known or registered in (None, name)
