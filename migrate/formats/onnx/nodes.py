"""What a graph's nodes need: operators that are not in onnxruntime, tensors outside the file, class labels."""

from collections.abc import Callable, Mapping
from typing import Final, TypeVar

from msgspec import Struct

from migrate.formats.onnx.operators import place_of
from migrate.formats.onnx.structure import (
    INITIALIZER,
    NODE,
    SPARSE_INITIALIZER,
    Model,
)
from migrate.formats.reading.wire import MAXIMUM_DEPTH, Field, Wire, WireError, messages, signed

Labels = list[int] | list[str]
_T = TypeVar("_T", int, str)

# NodeProto
_INPUT, _OUTPUT, _OP_TYPE, _ATTRIBUTE, _DOMAIN = 1, 2, 4, 5, 7
# AttributeProto
_NAME, _TENSOR, _GRAPH, _INTS, _STRINGS, _TENSORS, _GRAPHS, _SPARSE, _SPARSES = 1, 5, 6, 8, 9, 10, 11, 22, 23
# FunctionProto
_FUNCTION_NAME, _FUNCTION_NODE, _FUNCTION_DOMAIN = 1, 7, 10

_INSIDE_ATTRIBUTE: Final = (_TENSOR, _GRAPH, _TENSORS, _GRAPHS, _SPARSE, _SPARSES)
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
    stack = [(function, _FUNCTION_NODE, 1, False) for function in model.functions]
    stack.append((model.graph, NODE, 1, True))
    while stack:
        graph, node_number, depth, by_set = stack.pop()
        if depth > MAXIMUM_DEPTH:
            raise WireError("too-complex", "its graphs are nested too deeply")
        numbers = (NODE, INITIALIZER, SPARSE_INITIALIZER) if node_number == NODE else (_FUNCTION_NODE,)
        for item in messages(wire, graph, *numbers):
            if item.number == node_number:
                domain, name = operator = _operator(wire, item)
                forests = forests or name.startswith("TreeEnsemble")
                place = (
                    "there" if operator in own else place_of(domain, name, _set_of(model, domain) if by_set else None)
                )
                if place == "unknown" and len(unknown) < _TOLD:
                    unknown[f"{domain}:{name}"] = None
                elif place == "older" and len(older) < _TOLD:
                    older[operator] = None
                stack.extend((inner, NODE, depth + 3, by_set) for inner in _inside_node(wire, item, tensor))
            else:
                _tensors(wire, item, sparse=item.number == SPARSE_INITIALIZER, tensor=tensor)
    return Missing(list(unknown), list(older), forests)


def _set_of(model: Model, domain: str) -> int | None:
    """The operator set that a model imports of a domain; ONNX's own has two names."""
    names = ("", "ai.onnx") if domain in ("", "ai.onnx") else (domain,)
    return next((model.opsets[name] for name in names if name in model.opsets), None)


def _inside_node(wire: Wire, node: Field, tensor: Callable[[Field], None]) -> list[Field]:
    """The node's subgraphs; its tensors go to ``tensor``."""
    graphs = []
    for attribute in messages(wire, node, _ATTRIBUTE):
        for item in messages(wire, attribute, *_INSIDE_ATTRIBUTE):
            if item.number in (_GRAPH, _GRAPHS):
                graphs.append(item)
            else:
                _tensors(wire, item, sparse=item.number in (_SPARSE, _SPARSES), tensor=tensor)
    return graphs


def _tensors(wire: Wire, item: Field, *, sparse: bool, tensor: Callable[[Field], None]) -> None:
    if not sparse:
        tensor(item)
        return
    for part in messages(wire, item, 1, 2):  # values and indices of a SparseTensorProto
        tensor(part)


def _operator(wire: Wire, node: Field) -> tuple[str, str]:
    """A node's domain and operator."""
    domain = operator = ""
    for item in messages(wire, node, _OP_TYPE, _DOMAIN):
        if item.number == _DOMAIN:
            domain = wire.text(item)
        else:
            operator = wire.text(item)
    return domain, operator


def _function_key(wire: Wire, function: Field) -> tuple[str, str]:
    domain = name = ""
    for item in messages(wire, function, _FUNCTION_NAME, _FUNCTION_DOMAIN):
        if item.number == _FUNCTION_DOMAIN:
            domain = wire.text(item)
        else:
            name = wire.text(item)
    return domain, name


def initializer_names(wire: Wire, graph: Field, among: frozenset[str]) -> set[str]:
    """Those of the names that the graph gives a value itself, which makes them no inputs of a request."""
    found = set()
    for item in messages(wire, graph, INITIALIZER, SPARSE_INITIALIZER):
        tensors = [item] if item.number == INITIALIZER else list(messages(wire, item, 1))
        for part in tensors:
            for name in messages(wire, part, 8):
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
        for node in messages(wire, graph, NODE):
            for item in messages(wire, node, _OUTPUT):
                output = alias.get(wire.text(item))
                if output is None:
                    continue
                operator, source, found = _describe_node(wire, node)
                if operator == "ZipMap":
                    labels[output] = found
                elif operator == "Identity" and source:
                    following[source] = output
        if not following:
            break
        alias = following
    return labels


def _describe_node(wire: Wire, node: Field) -> tuple[str, str, Labels]:
    operator, source = "", ""
    labels: Labels = []
    for item in messages(wire, node, _INPUT, _OP_TYPE, _ATTRIBUTE):
        if item.number == _OP_TYPE:
            operator = wire.text(item)
        elif item.number == _INPUT:
            source = source or wire.text(item)
        elif operator in ("ZipMap", ""):
            labels = labels or _labels(wire, item)
    return operator, source, labels


def _labels(wire: Wire, attribute: Field) -> Labels:
    name = "".join(wire.text(item) for item in messages(wire, attribute, _NAME))
    if name == "classlabels_int64s":
        numbers = [
            signed(value)
            for item in wire.fields(attribute.start, attribute.end, frozenset({_INTS}))
            for value in wire.packed(item)
        ]
        return sorted(set(_limited(numbers)))
    if name == "classlabels_strings":
        texts = [wire.text(item) for item in messages(wire, attribute, _STRINGS)]
        return list(dict.fromkeys(_limited(texts)))
    return []


def _limited(labels: list[_T]) -> list[_T]:
    if len(labels) > _MAXIMUM_LABELS:
        raise WireError("too-complex", f"it has {len(labels)} class labels")
    return labels
