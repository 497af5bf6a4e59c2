"""ONNX: weights in other files, and operators that are code."""

import os
from collections.abc import Callable
from pathlib import Path

from onnx import TensorProto, helper

from tests.formats.hostile.base import HostileCase
from tests.formats.models import graph, model, value, weights

_DATA = bytes(16)


def _external(
    word: str, weakness: str, reason: str, external: dict[str, str], verdict: str = "unreadable"
) -> HostileCase:
    files = {"m.onnx": weights(external=external).SerializeToString(), "w.bin": _DATA}
    return HostileCase(f"onnx-{word}", weakness, files, verdict, reason)


def _linked(word: str, weakness: str, reason: str, verdict: str, finish: Callable[[Path], None]) -> HostileCase:
    files = {"m.onnx": weights(external={"location": "w.bin"}).SerializeToString()}
    return HostileCase(f"onnx-{word}", weakness, files, verdict, reason, finish)


def _symbolic(folder: Path) -> None:
    (folder / "w.bin").symlink_to("/etc/passwd")


def _symbolic_folder(folder: Path) -> None:
    (folder / "sub").symlink_to(folder.parent)
    (folder / "m.onnx").write_bytes(weights(external={"location": "sub/w.bin"}).SerializeToString())
    (folder.parent / "w.bin").write_bytes(_DATA)


def _hard(folder: Path) -> None:
    (folder.parent / "secret").write_bytes(_DATA)
    os.link(folder.parent / "secret", folder / "w.bin")


def _operator(domain: str, operator: str) -> bytes:
    node = helper.make_node(operator, ["x"], ["y"], domain=domain)
    return model(graph([node], [value("x")], [value("y")]), opsets={"": 13, domain: 1}).SerializeToString()


def _in_subgraph() -> bytes:
    inner = graph([helper.make_node("Run", ["x"], ["z"], domain="com.acme")], [], [value("z")])
    condition = helper.make_tensor("c", TensorProto.BOOL, [], [True])
    node = helper.make_node("If", ["c"], ["y"], then_branch=inner, else_branch=inner)
    made = graph([node], [value("x")], [value("y")], [condition])
    return model(made, opsets={"": 13, "com.acme": 1}).SerializeToString()


def _attribute(location: str) -> bytes:
    tensor = TensorProto(name="v", data_type=1, dims=[4], data_location=TensorProto.EXTERNAL)
    tensor.external_data.add(key="location", value=location)
    nodes = [helper.make_node("Constant", [], ["c"], value=tensor), helper.make_node("Add", ["x", "c"], ["y"])]
    return model(graph(nodes, [value("x", shape=("N", 4))], [value("y", shape=("N", 4))])).SerializeToString()


def _dimensions(count: int) -> bytes:
    made = weights(raw=b"")
    made.graph.initializer[0].dims[:] = [(1 << 63) - 1] * count
    return made.SerializeToString()


CASES = (
    _external(
        "absolute", "weights at an absolute path (CVE-2022-25882)", "external-data-outside", {"location": "/etc/passwd"}
    ),
    _external(
        "parent", "weights above the folder (CVE-2022-25882)", "external-data-outside", {"location": "../../etc/passwd"}
    ),
    _external(
        "parent-later", "the same behind a folder (CVE-2024-27318)", "external-data-outside", {"location": "a/../../b"}
    ),
    _external(
        "backslash", "the same with backslashes (CVE-2024-27318)", "external-data-outside", {"location": "..\\w.bin"}
    ),
    _external("url", "weights at an URL", "external-data-outside", {"location": "file:///etc/passwd"}),
    _external(
        "empty-location",
        "an empty location (the bypass of the fix: an empty base folder)",
        "external-data-outside",
        {"location": ""},
    ),
    _external("nul", "a zero byte in the location", "external-data-outside", {"location": "w.bin\0.txt"}),
    _external(
        "memory",
        "onnxruntime's mark for values at an address of its memory",
        "external-data-outside",
        {"location": "*/_ORT_MEM_ADDR_/*", "offset": "140737488355328"},
    ),
    _external(
        "beyond",
        "weights behind the end of their file (a hole where other data shows)",
        "external-data-truncated",
        {"location": "w.bin", "offset": "8"},
    ),
    _external(
        "huge-offset",
        "an offset that overflows when it is added",
        "corrupt",
        {"location": "w.bin", "offset": "18446744073709551608"},
    ),
    _external(
        "huge-length",
        "a length that is not that of the tensor",
        "corrupt",
        {"location": "w.bin", "length": "1099511627776"},
    ),
    _external("negative", "a negative offset", "corrupt", {"location": "w.bin", "offset": "-16"}),
    _external(
        "itself", "weights in the model's own file", "external-data-truncated", {"location": "m.onnx", "offset": "400"}
    ),
    _linked(
        "symlink",
        "weights behind a symbolic link (CVE-2026-27489, CVE-2026-34447)",
        "artifact-unreadable",
        "refused",
        _symbolic,
    ),
    _linked(
        "symlink-folder",
        "a folder of weights that is a symbolic link",
        "external-data-missing",
        "unreadable",
        _symbolic_folder,
    ),
    _linked("hardlink", "weights behind a hard link (CVE-2026-34446)", "external-data-outside", "unreadable", _hard),
    HostileCase(
        "onnx-attribute",
        "weights outside, in a node's attribute",
        {"m.onnx": _attribute("/etc/passwd")},
        "unreadable",
        "external-data-outside",
    ),
    HostileCase(
        "onnx-custom",
        "an operator of a library of the model's own",
        {"m.onnx": _operator("com.acme", "Run")},
        "unsupported",
        "custom-operators",
    ),
    HostileCase(
        "onnx-custom-subgraph", "the same in a branch", {"m.onnx": _in_subgraph()}, "unsupported", "custom-operators"
    ),
    HostileCase(
        "onnx-context",
        "EPContext loads a compiled program from any path",
        {"m.onnx": _operator("com.microsoft", "EPContext")},
        "unsupported",
        "custom-operators",
    ),
    HostileCase(
        "onnx-python",
        "PythonOp calls back into Python",
        {"m.onnx": _operator("com.microsoft", "PythonOp")},
        "unsupported",
        "custom-operators",
    ),
    HostileCase(
        "onnx-sizes",
        "a tensor of 2 to the 63,000 values (a number too long to be printed)",
        {"m.onnx": _dimensions(1000)},
        "unreadable",
        "corrupt",
    ),
    HostileCase(
        "onnx-many-sizes",
        "a tensor of 100,000 dimensions (numbers that grow with each)",
        {"m.onnx": _dimensions(100_000)},
        "unreadable",
        "corrupt",
    ),
)
