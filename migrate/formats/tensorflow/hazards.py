"""What the graphs of a SavedModel do besides computing: an allow-list of operators, and what reaches which.

A graph is a program: TensorFlow's own advice is to treat it as code
(https://github.com/tensorflow/tensorflow/blob/master/SECURITY.md). Operators read and write files, open connections,
and call back into Python. What each may do is listed in operators.txt, which a script makes from TensorFlow itself.
"""

from collections.abc import Iterable, Iterator, Mapping
from functools import cache
from importlib.resources import files
from typing import Final, Literal

from msgspec import Struct

from migrate.core.codes.hazards import HazardCode
from migrate.formats.reading.errors import quoted
from migrate.formats.reading.files import inside
from migrate.formats.tensorflow.structure import MetaGraph, Node, node_of

TENSORFLOW: Final = "2.21.0"

Group = Literal["allowed", "checkpoint", "vocabulary", "hazard", "elsewhere", "unknown"]
_GROUPS: Final[dict[str, Group]] = {
    "[allowed]": "allowed",
    "[checkpoint]": "checkpoint",
    "[vocabulary]": "vocabulary",
    "[hazard]": "hazard",
    "[elsewhere]": "elsewhere",
}
_PYTHON: Final = frozenset({"PyFunc", "EagerPyFunc", "PyFuncStateless"})


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


def dangers(graph: MetaGraph, assets: Mapping[str, int]) -> list[Danger]:
    """What a graph would do to whoever runs it.

    Args:
        graph: The graph.
        assets: The files below ``assets/``, by their paths from there.
    """
    found = [_operator(node) for node in _all_nodes(graph) if group_of(node.operator) == "hazard"]
    # a loader gives these their file names when it saves or restores; reached in another way, they choose their own
    found += [_operator(node) for node in _served(graph) if group_of(node.operator) == "checkpoint"]
    restored = _reached(graph, graph.restores)
    found += [_operator(node) for node in restored if node.operator in ("SaveV2", "MergeV2Checkpoints")]
    found += _vocabularies(graph, assets)
    return list(dict.fromkeys(found))


def _operator(node: Node) -> Danger:
    name, operator = quoted(node.name), node.operator
    if operator in _PYTHON:
        return Danger("tensorflow-python", f"calls Python code from the node {name} ({operator})")
    return Danger("tensorflow-operator", f"reaches beyond the model by the operator {operator}, in the node {name}")


def _vocabularies(graph: MetaGraph, assets: Mapping[str, int]) -> Iterator[Danger]:
    """Tables that are filled from a file which is not one of the model's assets."""
    for name, file in graph.assets.items():
        if inside(file) not in assets:
            yield Danger(
                "tensorflow-file", f"names the asset {quoted(file)} in the node {quoted(name)}, which is not there"
            )
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
    tensors = [tensor.name for signature in graph.signatures.values() for tensor in signature.outputs.values()]
    return _reached(graph, [*map(node_of, tensors), *graph.starts])


def _reached(graph: MetaGraph, roots: Iterable[str]) -> Iterator[Node]:
    """The nodes that these need, and everything in the functions that they call."""
    seen: set[str] = set()
    called: set[str] = set()
    waiting = list(roots)
    functions: list[str] = []
    while waiting:
        name = waiting.pop()
        node = graph.nodes.get(name)
        if node is None or name in seen:
            continue
        seen.add(name)
        yield node
        waiting += map(node_of, node.inputs)
        functions += (node.operator, *node.functions)
    while functions:
        name = functions.pop()
        if name in called or name not in graph.functions:
            continue
        called.add(name)
        for node in graph.functions[name]:
            yield node
            functions += (node.operator, *node.functions)


def group_of(operator: str) -> Group:
    """How far an operator reaches.

    ``allowed`` is pure computation, ``checkpoint`` and ``vocabulary`` read the model's own files when they are where a
    loader puts them, ``hazard`` reaches further, ``elsewhere`` runs on other devices than CPUs only, and ``unknown`` is
    none of TensorFlow's.
    """
    return _table().get(operator, "unknown")


@cache
def _table() -> dict[str, Group]:
    text = files("migrate.formats.tensorflow").joinpath("operators.txt").read_text(encoding="utf-8")
    found: dict[str, Group] = {}
    group: Group = "unknown"
    for line in text.splitlines():
        if line.startswith("["):
            group = _GROUPS[line]
        elif not line.startswith("#"):
            found |= dict.fromkeys(line.split(), group)
    return found
