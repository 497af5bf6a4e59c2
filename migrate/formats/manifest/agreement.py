"""Whether a manifest says the same of a model as the model's own graph."""

from collections.abc import Mapping, Sequence
from typing import Final, Protocol

from migrate.formats.reading.errors import FormatError, quoted

Fields = Sequence[Mapping[str, object]]


class Graph(Protocol):
    """What a model says of itself."""

    @property
    def inputs(self) -> Fields:
        """FIELDs."""

    @property
    def outputs(self) -> Fields:
        """FIELDs."""


_NUMERIC: Final = frozenset({"integer", "long", "float", "double"})


def check_manifest(name: str, inputs: Fields, outputs: Fields, found: Graph) -> None:
    """Refuse a manifest with which no request could ever have been answered.

    Args:
        name: The manifest's file name.
        inputs: The FIELDs that it declares.
        outputs: The same.
        found: What the graph says.

    Raises:
        FormatError: An input or output of one is missing in the other, or its type or shape cannot be.
    """
    _check_inputs(name, inputs, {str(field["name"]): field for field in found.inputs})
    declared = {str(field["name"]): field for field in found.outputs}
    for field in outputs:
        graph = declared.get(str(field["name"]))
        if graph is None:
            raise _contradiction(name, f"the model has no output {_name(field)}")
        if field["type"] != graph["type"] and not {field["type"], graph["type"]} <= _NUMERIC:
            raise _contradiction(name, f"the output {_name(field)} has the type {graph['type']}, not {field['type']}")


def _check_inputs(name: str, fields: Fields, inputs: Mapping[str, Mapping[str, object]]) -> None:
    for field in fields:
        graph = inputs.get(str(field["name"]))
        if graph is None:
            raise _contradiction(name, f"the model has no input {_name(field)}")
        if field["type"] != graph["type"]:
            raise _contradiction(name, f"the input {_name(field)} has the type {graph['type']}, not {field['type']}")
        if not _fits(field["shape"], graph["shape"]):
            shapes = f"{graph['shape']}, not {field['shape']}"
            raise _contradiction(name, f"the input {_name(field)} has the shape {shapes}")
    missing = sorted(set(inputs) - {str(field["name"]) for field in fields})
    if missing:
        raise _contradiction(name, f"it leaves out the model's input {quoted(missing[0])}")


def _fits(shape: object, graph: object) -> bool:
    if not isinstance(shape, list) or not isinstance(graph, list):
        return False
    if not graph:
        return True  # a scalar, or a shape that the graph does not declare
    return len(shape) == len(graph) and all(-1 in pair or pair[0] == pair[1] for pair in zip(shape, graph, strict=True))


def _name(field: Mapping[str, object]) -> str:
    return quoted(str(field["name"]))


def _contradiction(name: str, why: str) -> FormatError:
    return FormatError(
        "manifest-contradicts-model",
        f"The manifest {quoted(name)} does not fit its model: {why}.",
        f"Correct {quoted(name)} or put the model that it describes in its place.",
    )
