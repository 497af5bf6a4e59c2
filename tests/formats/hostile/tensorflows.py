"""SavedModels: a graph is a program, and some operators reach beyond it. Those here are given nothing to reach."""

import json
from collections.abc import Mapping, Sequence

from migrate.formats.tensorflow.structure import read_meta_graphs
from tests.formats.hostile.base import HostileCase, example, lowered, unzipped, zipped
from tests.formats.hostile.opcodes import CALLS, NOWHERE
from tests.formats.hostile.zips import Member, members, pack
from tests.formats.models import message, number

_FLOAT, _STRING = 1, 7
_LOAD = example("load-zip")


def entry(key: str, value: bytes) -> bytes:
    return message(1, key.encode()) + message(2, value)


def node(name: str, operator: str, *inputs: str, attributes: Mapping[str, bytes] | None = None) -> bytes:
    made = message(1, name.encode()) + message(2, operator.encode())
    made += b"".join(message(3, one.encode()) for one in inputs)
    return made + b"".join(message(5, entry(key, value)) for key, value in (attributes or {}).items())


def function(name: str, *nodes: bytes) -> bytes:
    return message(1, message(1, name.encode())) + b"".join(message(3, one) for one in nodes)


def _tensor(name: str, *sizes: int, dtype: int = _FLOAT) -> bytes:
    shape = b"".join(message(2, number(1, size)) for size in sizes or (2,))
    return message(1, name.encode()) + number(2, dtype) + message(3, shape)


def saved_model(
    *nodes: bytes,
    functions: Sequence[bytes] = (),
    gradient: bytes = b"",
    source: str = "x:0",
    default: str = "serving_default",
    before: bytes = b"",
    output: str = "y:0",
    sizes: Sequence[int] = (),
    more: bytes = b"",
    signatures: bytes = b"",
    tag: bytes = b"serve",
    dtype: int = _FLOAT,
) -> bytes:
    """``y = x``, and these nodes besides."""
    graph = b"".join(message(1, one) for one in (node("x", "Placeholder"), node("y", "Identity", "x"), *nodes))
    library = b"".join(message(1, one) for one in functions) + (message(2, gradient) if gradient else b"")
    graph += message(2, library) if functions else b""
    signature = message(1, entry("x", _tensor(source, *sizes, dtype=dtype))) + message(2, entry("y", _tensor(output)))
    meta = before + message(1, message(4, tag)) + message(2, graph)
    meta += (message(5, entry(default, signature)) if default else b"") + signatures + more
    return number(1, 1) + message(2, meta)


def _case(word: str, refuses: str, content: bytes, reason: str, says: str = "") -> HostileCase:
    return HostileCase(f"tensorflow-{word}", refuses, {"saved_model.pb": content}, "quarantined", reason, says)


def _broken(
    word: str, refuses: str, content: bytes, says: str, reason: str = "corrupt", verdict: str = "unreadable"
) -> HostileCase:
    return HostileCase(f"tensorflow-{word}", refuses, {"saved_model.pb": content}, verdict, reason, says)


def _called(name: str) -> bytes:
    return message(10, message(1, name.encode()))


def _deep(depth: int) -> bytes:
    """A function that is called with one that is called with one, and so on."""
    value = _called("f")
    for _ in range(depth):
        value = message(10, message(1, b"f") + message(2, entry("g", value)))
    return node("c", "PartitionedCall", "x", attributes={"f": value})


def _print(stream: bytes) -> bytes:
    return node("p", "PrintV2", "x", attributes={"output_stream": message(2, stream)})


def _zipped(*more: Member) -> dict[str, bytes]:
    return {**_LOAD, "load.zip": pack([*members(unzipped(_LOAD["load.zip"])), *more])}


_READ = node("read", "ReadFile")
_READ_ARGUMENT = node("read", "ReadFile", "path")
_CALL_G = node("c", "StatefulPartitionedCall", "path", attributes={"f": _called("g")})
_CALL = node("c", "PartitionedCall", "x", attributes={"f": _called("f")})
_CALL_WITH = node(
    "c",
    "PartitionedCall",
    "x",
    attributes={"f": message(10, message(1, b"f") + message(2, entry("h", _called("g"))))},
)
_ASSET = message(1, message(1, b"file:0")) + message(2, b"../m/words.txt")
_WORDS = message(1, message(1, b"file:0")) + message(2, b"words.txt")
_IN_SIGNATURE = message(1, entry("x", _tensor("x:0"))) + message(2, entry("y", _tensor("n:0")))
_STARTS = message(4, entry("legacy_init_op", message(1, message(1, b"n"))))
_TWO_KEYS = entry("f", b"") + message(2, b"")
_GRAPHS = saved_model() + saved_model()[2:]
_FIELDS = {
    role: [{"name": name, "type": word, "shape": [2]}]
    for role, name, word in (("inputs", "x", "string"), ("outputs", "y", "float"))
}
_FLOW = {"type": "flow", "evaluator_manifests": [{"type": "tensorflow", "saved_model_uri": "model", **_FIELDS}]}
_MANIFEST = {**json.loads(_LOAD["manifest.json"]), "saved_model_uri": "gone"}

_OPERATORS = (
    _case("reads", "an operator that reads files", saved_model(_READ, output="read:0"), "tensorflow-operator"),
    _case(
        "early",
        "a file that is read for a shape while the graph is imported",
        saved_model(node("path", "Const"), node("read", "ReadFile", "path"), node("r", "Reshape", "x", "read")),
        "tensorflow-operator",
        "ReadFile",
    ),
    _case(
        "early-called",
        "the same in a function that the graph calls, with its path",
        saved_model(node("path", "Const"), node("c", "f", "path"), functions=[function("f", _READ_ARGUMENT)]),
        "tensorflow-operator",
        "ReadFile",
    ),
    _case(
        "early-called-twice",
        "the same in a function of a function",
        saved_model(node("c", "f", "x"), functions=[function("f", _CALL_G), function("g", _READ_ARGUMENT)]),
        "tensorflow-operator",
        "ReadFile",
    ),
    _case(
        "python",
        "an operator that calls Python",
        saved_model(node("n", "PyFunc", "x"), output="n:0"),
        "tensorflow-python",
    ),
    _case(
        "library",
        "an operator that reads files, in a function",
        saved_model(_CALL, functions=[function("f", _READ)], output="c:0"),
        "tensorflow-operator",
    ),
    _case(
        "alternative",
        "the same in a function that TensorFlow may put in the place of another",
        saved_model(functions=[function("f", _READ) + message(5, entry("api_implements", b""))]),
        "tensorflow-operator",
    ),
    _case(
        "gradient",
        "the same in a function that is the gradient of another",
        saved_model(functions=[function("f", _READ)], gradient=message(1, b"g") + message(2, b"f")),
        "tensorflow-operator",
    ),
    _case(
        "function-argument",
        "the same in a function that another is called with",
        saved_model(_CALL_WITH, functions=[function("f"), function("g", _READ)], output="c:0"),
        "tensorflow-operator",
    ),
    _case(
        "print",
        "an operator that prints to a file",
        saved_model(_print(b"file://gone/words.txt"), output="p:0"),
        "tensorflow-operator",
        "PrintV2",
    ),
    _case(
        "print-twice",
        "an operator that prints to two places",
        saved_model(_print(b"stderr") + message(5, entry("output_stream", message(9, b"s"))), output="p:0"),
        "tensorflow-operator",
        "PrintV2",
    ),
    _case(
        "beside-the-fed",
        "an operator of which another tensor than the fed one is needed",
        saved_model(node("i", "IteratorGetNext"), node("z", "Neg", "i:1"), output="z:0", source="i:0"),
        "tensorflow-operator",
        "IteratorGetNext",
    ),
    _case(
        "before-the-fed",
        "an operator that runs before the answer, though it is fed",
        saved_model(node("i", "IteratorGetNext"), node("z", "Neg", "x", "^i"), output="z:0", source="i:0"),
        "tensorflow-operator",
        "IteratorGetNext",
    ),
    _case(
        "function-name",
        "the same in a function that is named as another operator",
        saved_model(node("z", "Relu", "x"), functions=[function("Relu", _READ)], output="z:0"),
        "tensorflow-operator",
    ),
    _case(
        "other-signature",
        "the same in a second signature",
        saved_model(node("n", "ReadFile"), signatures=message(5, entry("more", _IN_SIGNATURE))),
        "tensorflow-operator",
    ),
    _case(
        "half",
        "the same in a second half of the graph",
        saved_model(more=message(2, message(1, _READ)), output="read:0"),
        "tensorflow-operator",
    ),
    _case(
        "two-operators",
        "a node of two operators",
        saved_model(message(1, b"n") + message(2, b"Identity") + message(2, b"ReadFile"), output="n:0"),
        "tensorflow-operator",
    ),
    _case(
        "checkpoint",
        "an answer that restores a checkpoint",
        saved_model(node("n", "RestoreV2"), output="n:0"),
        "tensorflow-operator",
    ),
    _case(
        "start",
        "a save before the first request",
        saved_model(node("n", "SaveV2"), more=_STARTS),
        "tensorflow-operator",
    ),
    _case(
        "restore",
        "a save where variables are restored",
        saved_model(node("n", "SaveV2"), more=message(3, message(3, b"n"))),
        "tensorflow-operator",
    ),
    _case(
        "asset",
        "an asset outside the model's folder",
        saved_model(node("file", "Const"), more=message(6, _ASSET)),
        "tensorflow-file",
        "names the asset",
    ),
    _case(
        "vocabulary",
        "a table filled from a file that is no asset",
        saved_model(node("path", "Const"), node("t", "InitializeTableFromTextFileV2", "x", "path")),
        "tensorflow-file",
        "reads a file",
    ),
    _broken(
        "custom",
        "an operator of a library of the model's own",
        saved_model(node("n", NOWHERE, "x")),
        NOWHERE,
        "custom-operators",
        "unsupported",
    ),
)
_STRUCTURE = (
    _broken("two-graphs", "two graphs for one tag", _GRAPHS, "2 graphs"),
    _broken("two-nodes", "two nodes of one name", saved_model(node("x", "Placeholder")), "two nodes"),
    _broken(
        "two-functions",
        "two functions of one name",
        saved_model(functions=[function("f"), function("f")]),
        "two functions",
    ),
    _broken(
        "two-names",
        "a function of two names",
        saved_model(functions=[function("f") + function("g")]),
        "two signatures of one function",
    ),
    _broken(
        "two-values",
        "two values of one key",
        saved_model(message(1, b"n") + message(5, _TWO_KEYS)),
        "two values of one key",
    ),
    _broken("rank", "a tensor of too many dimensions", saved_model(sizes=[1] * 65), "more than 64 dimensions"),
    _broken(
        "asset-gone",
        "an asset that was not uploaded",
        saved_model(node("file", "Const"), more=message(6, _WORDS)),
        'reads the file "words.txt"',
        "asset-missing",
    ),
    _broken("deep", "functions that are called with functions, without end", saved_model(_deep(120)), "too deep"),
    _broken("other-field", "a field that no SavedModel has", saved_model() + b"\x22\0", "does not belong"),
    _broken("no-graph", "a SavedModel without a graph", number(1, 1), "holds no graph"),
    _broken("cut", "a SavedModel that is cut", saved_model()[:-9], "is incomplete", "truncated"),
    _broken(
        "tag",
        "a graph for training only",
        saved_model(tag=b"train"),
        "no graph for the tag",
        "no-serving-graph",
        "unsupported",
    ),
    _broken(
        "signature",
        "a signature whose tensor is not there",
        saved_model(output="gone:0"),
        "has no signature",
        "no-signature",
        "unsupported",
    ),
    _broken(
        "size-zero", "a tensor of size 0", saved_model(sizes=[0]), "of size 0", "unsupported-tensor", "unsupported"
    ),
    _broken(
        "variables",
        "variables without their values",
        saved_model(node("v", "VarHandleOp")),
        "has variables",
        "variables-missing",
    ),
    HostileCase(
        "tensorflow-nodes",
        "more nodes than any model",
        {"saved_model.pb": saved_model()},
        "unsupported",
        "too-complex",
        "more than 1 nodes",
        limits=lowered(read_meta_graphs, _MAXIMUM_NODES=1),
    ),
)
_ARCHIVES = (
    HostileCase(
        "tensorflow-versions",
        "two SavedModels, each in a folder of its own",
        {"1/saved_model.pb": saved_model(), "2/saved_model.pb": saved_model()},
        "needs-attention",
        "several-models",
        "holds 2 SavedModels",
    ),
    HostileCase(
        "tensorflow-zip-pickle",
        "a pickle among the assets",
        _zipped(Member(b"assets/words.txt", CALLS)),
        "quarantined",
        "pickle-dangerous",
    ),
    HostileCase(
        "tensorflow-zip-slip",
        "a name with .. in an archive",
        _zipped(Member(b"assets/../words.txt", b"words")),
        "quarantined",
        "archive-slip",
    ),
    HostileCase(
        "tensorflow-zip-link",
        "a link for the values of variables",
        _zipped(Member(b"variables/x", b"y", mode=0o120777)),
        "quarantined",
        "archive-link",
    ),
    HostileCase(
        "tensorflow-zip-two",
        "an archive of two SavedModels",
        {**_LOAD, "load.zip": zipped({"a/saved_model.pb": b"", "b/saved_model.pb": b""})},
        "unreadable",
        "not-a-saved-model",
    ),
    HostileCase(
        "tensorflow-flow",
        "a SavedModel of texts as a step of a flow",
        {"manifest.json": json.dumps(_FLOW).encode(), "model/saved_model.pb": saved_model(dtype=_STRING)},
        "unreadable",
        "invalid-manifest",
        "is no number",
    ),
    HostileCase(
        "tensorflow-missing",
        "a manifest whose SavedModel is not there",
        {"manifest.json": json.dumps(_MANIFEST).encode()},
        "unreadable",
        "model-missing",
    ),
)

CASES = (*_OPERATORS, *_STRUCTURE, *_ARCHIVES)
