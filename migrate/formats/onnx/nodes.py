"""What a graph's nodes need: operators that are not in onnxruntime, tensors outside the file, class labels."""

from collections.abc import Callable, Mapping
from typing import Final, TypeVar

from msgspec import Struct

from migrate.formats.onnx.graph import Node, name_of, node_at, nodes
from migrate.formats.onnx.operators import place_of
from migrate.formats.onnx.proto import AttributeProto, FunctionProto, GraphProto, SparseTensorProto, TensorProto
from migrate.formats.onnx.structure import Model
from migrate.formats.reading.wire import MAXIMUM_DEPTH, Field, Wire, WireError, messages, signed

Labels = list[int] | list[str]
_T = TypeVar("_T", int, str)

_INSIDE_ATTRIBUTE: Final = (
    *(AttributeProto.TENSOR, AttributeProto.GRAPH, AttributeProto.TENSORS, AttributeProto.GRAPHS),
    *(AttributeProto.SPARSE_TENSOR, AttributeProto.SPARSE_TENSORS),
)
_GRAPHS: Final = frozenset({AttributeProto.GRAPH, AttributeProto.GRAPHS})
_SPARSE: Final = frozenset({AttributeProto.SPARSE_TENSOR, AttributeProto.SPARSE_TENSORS})
_GRAPH_PARTS: Final = (GraphProto.NODE, GraphProto.INITIALIZER, GraphProto.SPARSE_INITIALIZER)
_TOLD: Final = 10
_MAXIMUM_LABELS: Final = 100_000
_MAXIMUM_ALIASES: Final = 16


class Missing(Struct, frozen=True):
    """Operators that onnxruntime cannot compute: those it does not have (``domain:name``), and those of older sets.

    ``forests`` says whether there are ensembles of trees.
    """

    unknown: list[str]
    older: list[tuple[str, str]]
    forests: bool


def missing_operators(wire: Wire, model: Model, tensor: Callable[[Field], None]) -> Missing:
    """Walk every node of the model, in subgraphs and functions too.

    Args:
        wire: The file.
        model: Its top.
        tensor: Called with every TensorProto that the engine would load.

    Returns:
        The operators that are neither onnxruntime's nor functions of the model, each once.

    Raises:
        WireError: The structure is broken, or nested too deeply.
    """
    own = {_function_key(wire, function) for function in model.functions}
    unknown: dict[str, None] = {}
    older: dict[tuple[str, str], None] = {}
    forests = False
    # functions import operator sets of their own: of theirs, the names alone are looked at
    stack: list[tuple[Field, int, int, bool]] = [
        (function, FunctionProto.NODE, 1, False) for function in model.functions
    ]
    stack.append((model.graph, GraphProto.NODE, 1, True))
    while stack:
        graph, node_number, depth, by_set = stack.pop()
        if depth > MAXIMUM_DEPTH:
            raise WireError("too-complex", "its graphs are nested too deeply")
        numbers = _GRAPH_PARTS if node_number == GraphProto.NODE else (FunctionProto.NODE,)
        for item in messages(wire, graph, *numbers):
            if item.number == node_number:
                node = node_at(wire, item)
                operator = (node.domain, node.operator)
                forests = forests or node.operator.startswith("TreeEnsemble")
                known = _set_of(model, node.domain) if by_set else None
                place = "there" if operator in own else place_of(*operator, known)
                if place == "unknown" and len(unknown) < _TOLD:
                    unknown[":".join(operator)] = None
                elif place == "older" and len(older) < _TOLD:
                    older[operator] = None
                inside = _inside_node(wire, node, tensor)
                stack.extend((inner, GraphProto.NODE, depth + 3, by_set) for inner in inside)
            else:
                _tensors(wire, item, sparse=item.number == GraphProto.SPARSE_INITIALIZER, tensor=tensor)
    return Missing(list(unknown), list(older), forests)


def _set_of(model: Model, domain: str) -> int | None:
    """The operator set that a model imports of a domain; ONNX's own has two names."""
    names = ("", "ai.onnx") if domain in ("", "ai.onnx") else (domain,)
    return next((model.opsets[name] for name in names if name in model.opsets), None)


def _inside_node(wire: Wire, node: Node, tensor: Callable[[Field], None]) -> list[Field]:
    """The node's subgraphs; its tensors go to ``tensor``."""
    graphs = []
    for attribute in node.attributes:
        for item in messages(wire, attribute, *_INSIDE_ATTRIBUTE):
            if item.number in _GRAPHS:
                graphs.append(item)
            else:
                _tensors(wire, item, sparse=item.number in _SPARSE, tensor=tensor)
    return graphs


def _tensors(wire: Wire, item: Field, *, sparse: bool, tensor: Callable[[Field], None]) -> None:
    if not sparse:
        tensor(item)
        return
    for part in messages(wire, item, SparseTensorProto.VALUES, SparseTensorProto.INDICES):
        tensor(part)


def _function_key(wire: Wire, function: Field) -> tuple[str, str]:
    domain = name = ""
    for item in messages(wire, function, FunctionProto.NAME, FunctionProto.DOMAIN):
        if item.number == FunctionProto.DOMAIN:
            domain = wire.text(item)
        else:
            name = wire.text(item)
    return domain, name


def initializer_names(wire: Wire, graph: Field, among: frozenset[str]) -> set[str]:
    """Those of the names that the graph gives a value itself, which makes them no inputs of a request."""
    found = set()
    for item in messages(wire, graph, GraphProto.INITIALIZER, GraphProto.SPARSE_INITIALIZER):
        tensors = (
            [item] if item.number == GraphProto.INITIALIZER else list(messages(wire, item, SparseTensorProto.VALUES))
        )
        for part in tensors:
            for name in messages(wire, part, TensorProto.NAME):
                text = wire.text(name) if name.end - name.start <= 4096 else ""
                if text in among:
                    found.add(text)
    return found


def zipmap_labels(wire: Wire, graph: Field, outputs: frozenset[str]) -> Mapping[str, Labels]:
    """The class labels of the outputs that a ZipMap makes; outputs made otherwise are missing.

    Integer labels are ascending, as the old runtime had them (value j was that of key j); texts keep the model's order.
    """
    labels: dict[str, Labels] = {}
    alias = {name: name for name in outputs}  # the tensor to look for -> the output it becomes
    for _ in range(_MAXIMUM_ALIASES):
        following: dict[str, str] = {}
        for node in nodes(wire, graph):
            for output in {alias[name]: None for name in node.outputs if name in alias}:
                if node.operator == "ZipMap":
                    labels[output] = _labels(wire, node)
                elif node.operator == "Identity" and node.inputs:
                    following[node.inputs[0]] = output
        if not following:
            break
        alias = following
    return labels


def _labels(wire: Wire, node: Node) -> Labels:
    for attribute in node.attributes:
        name = name_of(wire, attribute)
        if name == "classlabels_int64s":
            numbers = [
                signed(value)
                for item in wire.fields(attribute.start, attribute.end, frozenset({AttributeProto.INTS}))
                for value in wire.packed(item)
            ]
            if numbers:
                return sorted(set(_limited(numbers)))
        elif name == "classlabels_strings":
            texts = [wire.text(item) for item in messages(wire, attribute, AttributeProto.STRINGS)]
            if texts:
                return list(dict.fromkeys(_limited(texts)))
    return []


def _limited(labels: list[_T]) -> list[_T]:
    if len(labels) > _MAXIMUM_LABELS:
        raise WireError("too-complex", f"it has {len(labels)} class labels")
    return labels
