"""SavedModels: a graph is a program, and some operators reach beyond it."""

from collections.abc import Mapping, Sequence

from tests.formats.hostile.base import HostileCase, example, unzipped
from tests.formats.hostile.opcodes import HOSTILE
from tests.formats.hostile.zips import Member, members, pack
from tests.formats.models import message, number

_FLOAT = 1
_LOAD = example("load-zip")


def entry(key: str, value: bytes) -> bytes:
    return message(1, key.encode()) + message(2, value)


def node(name: str, operator: str, *inputs: str, attributes: Mapping[str, bytes] | None = None) -> bytes:
    made = message(1, name.encode()) + message(2, operator.encode())
    made += b"".join(message(3, one.encode()) for one in inputs)
    return made + b"".join(message(5, entry(key, value)) for key, value in (attributes or {}).items())


def function(name: str, *nodes: bytes) -> bytes:
    return message(1, message(1, name.encode())) + b"".join(message(3, one) for one in nodes)


def _tensor(name: str) -> bytes:
    return message(1, name.encode()) + number(2, _FLOAT) + message(3, message(2, number(1, 2)))


def saved_model(
    *nodes: bytes, functions: Sequence[bytes] = (), output: str = "y:0", more: bytes = b"", signatures: bytes = b""
) -> bytes:
    """``y = x``, and these nodes besides."""
    graph = b"".join(message(1, one) for one in (node("x", "Placeholder"), node("y", "Identity", "x"), *nodes))
    graph += message(2, b"".join(message(1, one) for one in functions)) if functions else b""
    signature = message(1, entry("x", _tensor("x:0"))) + message(2, entry("y", _tensor(output)))
    meta = message(1, message(4, b"serve")) + message(2, graph)
    meta += message(5, entry("serving_default", signature)) + signatures + more
    return number(1, 1) + message(2, meta)


def _case(word: str, weakness: str, content: bytes, reason: str, verdict: str = "quarantined") -> HostileCase:
    return HostileCase(f"tensorflow-{word}", weakness, {"saved_model.pb": content}, verdict, reason)


def _operator(operator: str, weakness: str, reason: str = "tensorflow-operator") -> HostileCase:
    return _case(operator.lower(), weakness, saved_model(node("n", operator, "x")), reason)


def _called(name: str) -> bytes:
    return message(10, message(1, name.encode()))


_READ = node("read", "ReadFile", "name")
_ASSET = message(1, message(1, b"file:0")) + message(2, b"../../etc/passwd")
_IN_SIGNATURE = message(1, entry("x", _tensor("x:0"))) + message(2, entry("y", _tensor("n:0")))


def _zipped(*more: Member) -> dict[str, bytes]:
    return {**_LOAD, "load.zip": pack([*members(unzipped(_LOAD["load.zip"])), *more])}


CASES = (
    _operator("ReadFile", "reads any file (modelscan's first case)"),
    _operator("WriteFile", "writes any file"),
    _operator("MatchingFiles", "lists folders"),
    _operator("PyFunc", "calls Python by a token", "tensorflow-python"),
    _operator("EagerPyFunc", "calls Python by a token", "tensorflow-python"),
    _operator("PrintV2", "writes to any file by its output_stream"),
    _operator("DebugIdentityV2", "writes tensors to any URL or folder"),
    _operator("FixedLengthRecordReaderV2", "reads records of any file"),
    _operator("TFRecordDataset", "reads records of any file"),
    _operator("DistributedSave", "writes files on any host"),
    _operator("DataServiceDatasetV4", "asks any host"),
    _case(
        "library",
        "the same in a function of the library",
        saved_model(
            node("c", "PartitionedCall", "x", attributes={"f": _called("f")}), functions=[function("f", _READ)]
        ),
        "tensorflow-operator",
    ),
    _case(
        "library-uncalled",
        "in a function that nothing calls yet",
        saved_model(functions=[function("f", _READ)]),
        "tensorflow-operator",
    ),
    _case(
        "library-nested",
        "in a function that a function calls",
        saved_model(
            functions=[
                function("g", node("c", "StatefulPartitionedCall", attributes={"f": _called("f")})),
                function("f", _READ),
            ]
        ),
        "tensorflow-operator",
    ),
    _case(
        "function-name",
        "a function of the library that is named as a harmless operator",
        saved_model(node("z", "Relu", "x"), functions=[function("Relu", _READ)]),
        "tensorflow-operator",
    ),
    _case(
        "other-signature",
        "in a second signature",
        saved_model(node("n", "ReadFile", "x"), signatures=message(5, entry("more", _IN_SIGNATURE))),
        "tensorflow-operator",
    ),
    _case(
        "checkpoint",
        "an answer of the model restores another file as a checkpoint",
        saved_model(node("n", "RestoreV2", "x"), output="n:0"),
        "tensorflow-operator",
    ),
    _case(
        "init",
        "what a loader runs first writes a file",
        saved_model(node("n", "SaveV2", "x"), more=message(4, entry("legacy_init_op", message(1, message(1, b"n"))))),
        "tensorflow-operator",
    ),
    _case(
        "saver",
        "what a loader restores with saves first",
        saved_model(node("n", "SaveV2", "x"), more=message(3, message(3, b"n"))),
        "tensorflow-operator",
    ),
    _case(
        "asset",
        "an asset outside the model's folder",
        saved_model(node("file", "Const"), more=message(6, _ASSET)),
        "tensorflow-file",
    ),
    _case(
        "vocabulary",
        "a table filled from any file",
        saved_model(node("path", "Const"), node("t", "InitializeTableFromTextFileV2", "x", "path")),
        "tensorflow-file",
    ),
    _case(
        "custom",
        "an operator of a library of the model's own",
        saved_model(node("n", "AcmeRun", "x")),
        "custom-operators",
        "unsupported",
    ),
    _case(
        "two-graphs",
        "two graphs for the same tag",
        saved_model() + saved_model(node("n", "ReadFile", "x"))[2:],
        "corrupt",
        "unreadable",
    ),
    _case(
        "two-graph-fields",
        "one graph in two halves, which protobuf joins",
        saved_model(more=message(2, message(1, node("n", "ReadFile", "x")))),
        "tensorflow-operator",
    ),
    _case(
        "two-functions",
        "two functions of one name",
        saved_model(functions=[function("f"), function("f", _READ)]),
        "corrupt",
        "unreadable",
    ),
    _case(
        "two-operators",
        "a node with two operators, of which the last counts",
        saved_model(message(1, b"n") + message(2, b"Identity") + message(2, b"ReadFile")),
        "tensorflow-operator",
    ),
    HostileCase(
        "tensorflow-zip-pickle",
        "a pickle among the assets of a SavedModel",
        _zipped(Member(b"assets/words.txt", HOSTILE)),
        "quarantined",
        "pickle-dangerous",
    ),
    HostileCase(
        "tensorflow-zip-slip",
        "zip slip in the archive of a SavedModel",
        _zipped(Member(b"../../evil", b"x")),
        "quarantined",
        "archive-slip",
    ),
    HostileCase(
        "tensorflow-zip-link",
        "a link for the values of variables",
        _zipped(Member(b"variables/x", b"/etc/passwd", mode=0o120777)),
        "quarantined",
        "archive-link",
    ),
)
