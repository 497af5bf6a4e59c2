"""A ``saved_model.pb``: its graphs' signatures, nodes and functions. Nothing is loaded.

Field numbers: tensorflow/core/protobuf/saved_model.proto, meta_graph.proto; tensorflow/core/framework/graph.proto,
node_def.proto, function.proto, attr_value.proto, tensor_shape.proto.
"""

from collections.abc import Iterator
from typing import Final

from msgspec import Struct

from migrate.formats.reading.wire import LENGTH, MAXIMUM_DEPTH, VARINT, Field, Wire, WireError, messages, signed

# SavedModel
SCHEMA_VERSION, META_GRAPHS = 1, 2
# MetaGraphDef
_META_INFO, _GRAPH, _SAVER, _COLLECTIONS, _SIGNATURES, _ASSETS = 1, 2, 3, 4, 5, 6
_INIT_COLLECTIONS: Final = ("saved_model_main_op", "legacy_init_op", "saved_model_init_op")

_MAXIMUM_RANK: Final = 64
_MAXIMUM_NODES: Final = 500_000


class Tensor(Struct, frozen=True):
    """A TensorInfo. ``name`` is empty for a sparse or composite one; ``shape`` is None where the rank is unknown."""

    name: str
    dtype: int
    shape: tuple[int, ...] | None


class Signature(Struct, frozen=True):
    """A SignatureDef: tensors by the signature's own names."""

    inputs: dict[str, Tensor]
    outputs: dict[str, Tensor]


class Node(Struct, frozen=True):
    """A NodeDef; ``functions`` are those that its attributes name, ``streams`` what ``output_stream`` says."""

    name: str
    operator: str
    inputs: tuple[str, ...]
    functions: tuple[str, ...]
    streams: tuple[str, ...] = ()


class MetaGraph(Struct, frozen=True):
    """A MetaGraphDef: what it is for, what can be asked of it, and what it runs.

    ``assets`` are file names below ``assets/`` by the node that holds their path; ``starts`` are the nodes that a
    loader runs before the first request, ``restores`` those that it runs to restore variables. ``alternatives`` are
    functions that TensorFlow may call without being told to: one in the place of another, or as its gradient.
    """

    tags: tuple[str, ...]
    version: str
    signatures: dict[str, Signature]
    nodes: dict[str, Node]
    functions: dict[str, tuple[Node, ...]]
    assets: dict[str, str]
    starts: frozenset[str]
    restores: frozenset[str]
    alternatives: frozenset[str]


def read_meta_graphs(wire: Wire) -> list[MetaGraph]:
    """The graphs of a SavedModel.

    Raises:
        WireError: It is none, or a broken one.
    """
    found: list[MetaGraph] = []
    for item in wire.fields(0, wire.size):
        if item.number == META_GRAPHS and item.wire == LENGTH:
            found.append(_meta_graph(wire, item))
        elif item.number != SCHEMA_VERSION or item.wire != VARINT:
            raise WireError("malformed", f"field {item.number} at byte {item.start} does not belong to a SavedModel")
    if not found:
        raise WireError("malformed", "it holds no graph")
    return found


def _meta_graph(wire: Wire, item: Field) -> MetaGraph:
    tags: list[str] = []
    version = ""
    signatures: dict[str, Signature] = {}
    nodes: dict[str, Node] = {}
    functions: dict[str, tuple[Node, ...]] = {}
    alternatives: set[str] = set()
    assets: dict[str, str] = {}
    starts: set[str] = set()
    restores: set[str] = set()
    for part in messages(wire, item, _META_INFO, _GRAPH, _SAVER, _COLLECTIONS, _SIGNATURES, _ASSETS):
        if part.number == _META_INFO:
            tags += [wire.text(field) for field in messages(wire, part, 4)]
            version = next((wire.text(field) for field in messages(wire, part, 5)), version)
        elif part.number == _GRAPH:
            _graph(wire, part, nodes, functions, alternatives)
        elif part.number == _SAVER:
            restores |= {node_of(wire.text(field)) for field in messages(wire, part, 3)}
        elif part.number == _COLLECTIONS:
            starts |= _collection(wire, part)
            assets |= _old_assets(wire, part)
        elif part.number == _SIGNATURES:
            name, content = _map_entry(wire, part)
            if content is not None:
                signatures[name] = _signature(wire, content)
        else:
            assets |= _asset(wire, part)
    init = signatures.get("__saved_model_init_op")
    starts |= {node_of(tensor.name) for tensor in init.outputs.values()} if init else set()
    ends = frozenset(starts), frozenset(restores), frozenset(alternatives)
    return MetaGraph(tuple(tags), version, signatures, nodes, functions, assets, *ends)


def _graph(
    wire: Wire, item: Field, nodes: dict[str, Node], functions: dict[str, tuple[Node, ...]], alternatives: set[str]
) -> None:
    for part in messages(wire, item, 1, 2):
        if part.number == 1:
            node = _node(wire, part)
            if node.name in nodes:
                raise WireError("malformed", f"two nodes of one name at byte {part.start}")
            if len(nodes) >= _MAXIMUM_NODES:
                raise WireError("too-complex", f"it has more than {_MAXIMUM_NODES} nodes")
            nodes[node.name] = node
            continue
        for function in messages(wire, part, 1, 2):
            if function.number == 2:
                # the gradient of a function, which is called where the function is derived
                alternatives |= {wire.text(one) for one in messages(wire, function, 2)}
                continue
            name, body, is_alternative = _function(wire, function)
            if not name or name in functions:
                raise WireError("malformed", f"two functions of one name, or one without, at byte {function.start}")
            functions[name] = body
            if is_alternative:
                alternatives.add(name)


def _function(wire: Wire, item: Field) -> tuple[str, tuple[Node, ...], bool]:
    """A FunctionDef: its name, its nodes, and whether it is one of several implementations of the same."""
    name = ""
    body: list[Node] = []
    is_alternative = False
    for field in messages(wire, item, 1, 3, 5):
        if field.number == 1 and name:
            raise WireError("malformed", f"two signatures of one function at byte {field.start}")
        if field.number == 1:
            name = "".join(wire.text(one) for one in messages(wire, field, 1))
        elif field.number == 3:
            body.append(_node(wire, field))
        else:
            is_alternative |= _map_entry(wire, field)[0] == "api_implements"
    return name, tuple(body), is_alternative


def _node(wire: Wire, item: Field) -> Node:
    name = operator = ""
    inputs: list[str] = []
    called: list[str] = []
    streams: list[str] = []
    for part in messages(wire, item, 1, 2, 3, 5):
        if part.number == 5:
            key, value = _map_entry(wire, part)
            called += _called(wire, value) if value is not None else []
            if key == "output_stream":
                # without a text, its value is what a function is called with
                said = [wire.text(one) for one in messages(wire, value, 2)] if value is not None else []
                streams += said or [""]
        elif part.number == 1:
            name = wire.text(part)
        elif part.number == 2:
            operator = wire.text(part)
        else:
            inputs.append(wire.text(part))
    return Node(name, operator, tuple(inputs), tuple(called), tuple(streams))


def _called(wire: Wire, value: Field, depth: int = 0) -> list[str]:
    """The functions that an AttrValue names: one, or a list of them, and those that they are called with."""
    if depth > MAXIMUM_DEPTH:
        raise WireError("malformed", f"functions that are called with functions, too deep at byte {value.start}")
    found: list[str] = []
    for part in wire.fields(value.start, value.end, frozenset({1, 10})):
        if part.wire != LENGTH:
            continue
        functions = [part] if part.number == 10 else list(messages_of(wire, part, 9))
        for field in (one for function in functions for one in messages(wire, function, 1, 2)):
            if field.number == 1:
                found.append(wire.text(field))
                continue
            _, inner = _map_entry(wire, field)
            found += _called(wire, inner, depth + 1) if inner is not None else []
    return found


def messages_of(wire: Wire, item: Field, number: int) -> Iterator[Field]:
    """The sub-messages of one number; other fields of that number are passed over."""
    return (part for part in wire.fields(item.start, item.end, frozenset({number})) if part.wire == LENGTH)


def _collection(wire: Wire, item: Field) -> set[str]:
    """The nodes of a collection of what a loader runs first."""
    name, value = _map_entry(wire, item)
    if name not in _INIT_COLLECTIONS or value is None:
        return set()
    return {node_of(wire.text(text)) for nodes in messages(wire, value, 1) for text in messages(wire, nodes, 1)}


def _asset(wire: Wire, item: Field) -> dict[str, str]:
    """An AssetFileDef: the file's name by the node that holds its path."""
    tensors = [_tensor(wire, field) for field in messages(wire, item, 1)]
    name = "".join(wire.text(field) for field in messages(wire, item, 2))
    return {node_of(tensor.name): name for tensor in tensors}


def _old_assets(wire: Wire, item: Field) -> dict[str, str]:
    """The assets that TensorFlow 1 listed in a collection, each wrapped in an Any."""
    name, value = _map_entry(wire, item)
    found: dict[str, str] = {}
    if name == "saved_model_assets" and value is not None:
        for listed in messages(wire, value, 5):
            for wrapped in messages(wire, listed, 1):
                for content in messages(wire, wrapped, 2):
                    found |= _asset(wire, content)
    return found


def _map_entry(wire: Wire, item: Field) -> tuple[str, Field | None]:
    name, content = "", None
    for part in messages(wire, item, 1, 2):
        if part.number == 1:
            name = wire.text(part)
        elif content is not None:
            # a parser of protobuf would make one value of two
            raise WireError("malformed", f"two values of one key at byte {part.start}")
        else:
            content = part
    return name, content


def _signature(wire: Wire, item: Field) -> Signature:
    inputs: dict[str, Tensor] = {}
    outputs: dict[str, Tensor] = {}
    for part in messages(wire, item, 1, 2):
        name, content = _map_entry(wire, part)
        if content is not None:
            (inputs if part.number == 1 else outputs)[name] = _tensor(wire, content)
    return Signature(inputs, outputs)


def _tensor(wire: Wire, item: Field) -> Tensor:
    name, dtype = "", 0
    shape: tuple[int, ...] | None = None
    for part in wire.fields(item.start, item.end, frozenset({1, 2, 3, 4, 5})):
        if part.number == 1:
            name = wire.text(part)
        elif part.number == 2 and part.wire == VARINT:
            dtype = part.value
        elif part.number == 3:
            shape = _shape(wire, part)
        elif part.number in (4, 5):
            name = ""
    return Tensor(name, dtype, shape)


def _shape(wire: Wire, item: Field) -> tuple[int, ...] | None:
    sizes: list[int] = []
    for part in wire.fields(item.start, item.end, frozenset({2, 3})):
        if part.number == 3:
            if part.value:
                return None
            continue
        size = 0
        for field in wire.fields(part.start, part.end, frozenset({1})):
            size = signed(field.value)
        sizes.append(max(size, -1))
        if len(sizes) > _MAXIMUM_RANK:
            raise WireError("malformed", f"a shape of more than {_MAXIMUM_RANK} dimensions at byte {item.start}")
    return tuple(sizes)


def node_of(name: str) -> str:
    """The node's name in the name of a tensor (``scope/x:0``) or of a dependency (``^scope/x``)."""
    return name.removeprefix("^").partition(":")[0]
