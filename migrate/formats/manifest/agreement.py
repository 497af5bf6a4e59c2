"""Whether a manifest says the same of a model as the model's own graph."""

from collections.abc import Mapping, Sequence
from typing import Final, Protocol

from migrate.core.model_json import Field
from migrate.formats.reading.errors import FormatError, quoted

Fields = Sequence[Field]


class Graph(Protocol):
    """What a model says of itself."""

    @property
    def inputs(self) -> Fields:
        """Its inputs."""

    @property
    def outputs(self) -> Fields:
        """Its outputs."""


_NUMERIC: Final = frozenset({"integer", "long", "float", "double"})


def check_manifest(name: str, inputs: Fields, outputs: Fields, found: Graph) -> None:
    """Refuse a manifest with which no request could ever have been answered.

    Args:
        name: The manifest's file name.
        inputs: The inputs that it declares.
        outputs: The same.
        found: What the graph says.

    Raises:
        FormatError: An input or output of one is missing in the other, or its type or shape cannot be.
    """
    _check_inputs(name, inputs, {field.name: field for field in found.inputs})
    declared = {field.name: field for field in found.outputs}
    for field in outputs:
        graph = declared.get(field.name)
        if graph is None:
            raise _contradiction(name, f"the model has no output {_name(field)}")
        if field.type != graph.type and not {field.type, graph.type} <= _NUMERIC:
            raise _contradiction(name, f"the output {_name(field)} has the type {graph.type}, not {field.type}")


def _check_inputs(name: str, fields: Fields, inputs: Mapping[str, Field]) -> None:
    for field in fields:
        graph = inputs.get(field.name)
        if graph is None:
            raise _contradiction(name, f"the model has no input {_name(field)}")
        if field.type != graph.type:
            raise _contradiction(name, f"the input {_name(field)} has the type {graph.type}, not {field.type}")
        if not _fits(field.shape or (), graph.shape or ()):
            shapes = f"{list(graph.shape or ())}, not {list(field.shape or ())}"
            raise _contradiction(name, f"the input {_name(field)} has the shape {shapes}")
    missing = sorted(set(inputs) - {field.name for field in fields})
    if missing:
        raise _contradiction(name, f"it leaves out the model's input {quoted(missing[0])}")


def _fits(shape: tuple[int, ...], graph: tuple[int, ...]) -> bool:
    if not graph:
        return True  # a scalar, or a shape that the graph does not declare
    return len(shape) == len(graph) and all(-1 in pair or pair[0] == pair[1] for pair in zip(shape, graph, strict=True))


def _name(field: Field) -> str:
    return quoted(field.name)


def _contradiction(name: str, why: str) -> FormatError:
    return FormatError(
        "manifest-contradicts-model",
        f"The manifest {quoted(name)} does not fit its model: {why}.",
        f"Correct {quoted(name)} or put the model that it describes in its place.",
    )
