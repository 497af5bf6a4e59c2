"""What the graphs of a SavedModel do besides computing: an allow-list of operators, and what reaches which.

A graph is a program: TensorFlow's own advice is to treat it as code
(https://github.com/tensorflow/tensorflow/blob/master/SECURITY.md). Operators read and write files, open connections,
and call back into Python.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Final

from msgspec import Struct

from migrate.core.codes.hazards import HazardCode
from migrate.formats.reading.errors import quoted
from migrate.formats.reading.files import inside
from migrate.formats.tensorflow.operators import group_of
from migrate.formats.tensorflow.structure import MetaGraph, Node, node_of

_PYTHON: Final = frozenset({"PyFunc", "EagerPyFunc", "PyFuncStateless"})
_CALLERS: Final = frozenset({"PartitionedCall", "StatefulPartitionedCall", "SymbolicGradient"})
# Where tf.print may write; anything else names a file (tensorflow/core/kernels/logging_ops.cc)
_STREAMS: Final = frozenset({"stdout", "stderr", "log(info)", "log(warning)", "log(error)"})


class Danger(Struct, frozen=True):
    """A code and a sentence without its subject."""

    code: HazardCode
    text: str


def custom_operators(graph: MetaGraph) -> list[str]:
    """Operators that TensorFlow does not have, or not on a CPU where a signature reaches them, by name."""
    found = {node.operator for node in _all_nodes(graph) if group_of(node.operator) == "unknown"}
    # recurrent layers of Keras keep a second form for GPUs, which nothing calls here
    found |= {node.operator for node in _served(graph) if group_of(node.operator) == "elsewhere"}
    return sorted(found - set(graph.functions))


def dangers(graph: MetaGraph) -> list[Danger]:
    """What a graph would do to whoever loads it, or asks one of its signatures."""
    served = list(_served(graph))
    restored = list(_reached(graph, graph.restores))
    # TensorFlow may run these without a node that says so
    swapped = [node for name in sorted(graph.alternatives) for node in _called(graph, [name])]
    found = [_operator(node) for node in (*served, *restored, *swapped) if _is_hazard(node)]
    found += map(_operator, _computed_early(graph))
    # a loader gives these their file names when it saves or restores; reached in another way, they choose their own
    found += [_operator(node) for node in (*served, *swapped) if group_of(node.operator) == "checkpoint"]
    found += [_operator(node) for node in restored if node.operator in ("SaveV2", "MergeV2Checkpoints")]
    found += _vocabularies(graph)
    return list(dict.fromkeys(found))


def never_run(graph: MetaGraph) -> list[str]:
    """Operators that would be dangers if anything reached them: input pipelines, functions that nobody calls."""
    return sorted({node.operator for node in _all_nodes(graph) if _is_hazard(node)})


def _is_hazard(node: Node) -> bool:
    if node.operator == "PrintV2":
        return not _STREAMS.issuperset(node.streams)
    return group_of(node.operator) in ("hazard", "early")


def _computed_early(graph: MetaGraph) -> Iterator[Node]:
    """Hazards that run while the graph is read, whoever asks for them.

    TensorFlow computes what a shape depends on, in the graph and in the functions that its nodes call, as far as it is
    made of constants (tensorflow/core/common_runtime/eval_const_tensor.cc).
    """
    scopes = [(graph.nodes, False)]
    scopes += [(_by_name(graph.functions[name]), True) for name in _names(graph, _calls(graph.nodes.values()), _calls)]
    for nodes, is_function in scopes:
        early = [node for node in nodes.values() if group_of(node.operator) == "early"]
        varying = _varying(nodes, is_function=is_function) if early else set()
        yield from (node for node in early if node.name not in varying)


def _calls(nodes: Iterable[Node]) -> Iterator[str]:
    """The functions that these nodes are calls of; others only name a function, which is called when they run."""
    for node in nodes:
        yield node.operator
        if node.operator in _CALLERS:
            yield from node.functions


def _varying(nodes: Mapping[str, Node], *, is_function: bool) -> set[str]:
    """The nodes that depend on what is fed, stored or read; what a function is called with may be constant."""
    users: dict[str, list[str]] = {}
    waiting: list[str] = []
    for node in nodes.values():
        sources = {node_of(name) for name in node.inputs if not name.startswith("^")}
        for name in sources:
            users.setdefault(name, []).append(node.name)
        is_source = not sources and node.operator != "Const" and group_of(node.operator) != "early"
        is_open = not is_function and not nodes.keys() >= sources
        if is_source or is_open or group_of(node.operator) == "hazard":
            waiting.append(node.name)
    found: set[str] = set()
    while waiting:
        name = waiting.pop()
        if name not in found:
            found.add(name)
            waiting += users.get(name, ())
    return found


def _operator(node: Node) -> Danger:
    name, operator = quoted(node.name), node.operator
    if operator in _PYTHON:
        return Danger("tensorflow-python", f"calls Python code from the node {name} ({operator})")
    return Danger("tensorflow-operator", f"reaches beyond the model by the operator {operator}, in the node {name}")


def _vocabularies(graph: MetaGraph) -> Iterator[Danger]:
    """Tables that are filled from a file which is not one of the model's assets."""
    for name, file in graph.assets.items():
        if inside(file) is None:
            yield Danger("tensorflow-file", f"names the asset {quoted(file)} in the node {quoted(name)}, outside of it")
    for nodes, is_function in ((graph.nodes, False), *((_by_name(body), True) for body in graph.functions.values())):
        for node in nodes.values():
            if group_of(node.operator) == "vocabulary":
                source = _source(nodes, node_of(node.inputs[1]) if len(node.inputs) > 1 else "")
                # an argument of a function is the path of an asset, as far as there are any
                legal = bool(graph.assets) and source not in nodes if is_function else source in graph.assets
                if not legal:
                    yield Danger(
                        "tensorflow-file", f"reads a file that is no asset of it, in the node {quoted(node.name)}"
                    )


def _by_name(body: Iterable[Node]) -> dict[str, Node]:
    return {node.name: node for node in body}


def _source(nodes: Mapping[str, Node], name: str) -> str:
    for _ in range(len(nodes)):
        node = nodes.get(name)
        if node is None or node.operator != "Identity" or not node.inputs:
            break
        name = node_of(node.inputs[0])
    return name


def _all_nodes(graph: MetaGraph) -> Iterator[Node]:
    yield from graph.nodes.values()
    for body in graph.functions.values():
        yield from body


def _served(graph: MetaGraph) -> Iterator[Node]:
    """What runs before the first request, and for one of any signature."""
    yield from _reached(graph, graph.starts)
    for signature in graph.signatures.values():
        fed = frozenset(_tensor_name(tensor.name) for tensor in signature.inputs.values())
        yield from _reached(graph, [tensor.name for tensor in signature.outputs.values()], fed)


def _tensor_name(name: str) -> str:
    return name if ":" in name or name.startswith("^") else f"{name}:0"


def _reached(graph: MetaGraph, roots: Iterable[str], fed: frozenset[str] = frozenset()) -> Iterator[Node]:
    """The nodes that these tensors need, and everything in the functions that they call.

    What is ``fed`` is not computed; a node that is needed for another of its tensors, or to run first, is.
    """
    seen: set[str] = set()
    waiting = list(roots)
    functions: list[str] = []
    while waiting:
        tensor = waiting.pop()
        name = node_of(tensor)
        node = graph.nodes.get(name)
        if node is None or name in seen or _tensor_name(tensor) in fed:
            continue
        seen.add(name)
        yield node
        waiting += node.inputs
        functions += _named([node])
    yield from _called(graph, functions)


def _called(graph: MetaGraph, names: Iterable[str]) -> Iterator[Node]:
    """Everything in these functions and in those that they call."""
    for name in _names(graph, names, _named):
        yield from graph.functions[name]


def _named(nodes: Iterable[Node]) -> Iterator[str]:
    """The functions that these nodes may call: their operators, and what their attributes name."""
    for node in nodes:
        yield node.operator
        yield from node.functions


def _names(graph: MetaGraph, names: Iterable[str], follow: Callable[[Iterable[Node]], Iterable[str]]) -> Iterator[str]:
    """Those of these names that are functions, and the functions that follow from what is in them."""
    called: set[str] = set()
    functions = list(names)
    while functions:
        name = functions.pop()
        if name in called or name not in graph.functions:
            continue
        called.add(name)
        yield name
        functions += follow(graph.functions[name])
