"""ONNX: weights in other files, operators that are code, files that are broken, and tensors that no request holds."""

import os
from collections.abc import Callable, Mapping
from pathlib import Path

import onnx
from onnx import TensorProto, helper

from migrate.formats.onnx.nodes import missing_operators
from migrate.formats.onnx.structure import read_model
from migrate.formats.reading.wire import Wire
from tests.formats.hostile.base import Files, HostileCase, Limit, lowered
from tests.formats.models import FLOAT, graph, identity, message, model, number, value, weights, zipmap

_DATA = bytes(16)
_ABSENT = "com.example.nowhere"


def _case(
    word: str,
    refuses: str,
    files: Files,
    reason: str,
    verdict: str = "unreadable",
    says: str = "",
    limits: tuple[Limit, ...] = (),
    finish: Callable[[Path], None] | None = None,
) -> HostileCase:
    return HostileCase(f"onnx-{word}", refuses, files, verdict, reason, says, finish=finish, limits=limits)


def _external(word: str, refuses: str, reason: str, external: Mapping[str, str], says: str = "") -> HostileCase:
    """Weights that are said to lie in another file; a file of that size is there."""
    return _case(word, refuses, {"m.onnx": _weights(external), "w.bin": _DATA}, reason, says=says)


def _weights(external: Mapping[str, str]) -> bytes:
    return weights(external=external).SerializeToString()


def _absolute(folder: Path) -> bytes:
    return _weights({"location": str(folder / "w.bin")})


def _link(folder: Path) -> None:
    (folder / "kept.bin").write_bytes(_DATA)
    (folder / "w.bin").symlink_to("kept.bin")


def _link_folder(folder: Path) -> None:
    (folder / "sub").symlink_to(".")
    (folder / "w.bin").write_bytes(_DATA)


def _hard(folder: Path) -> None:
    (folder / "kept.bin").write_bytes(_DATA)
    os.link(folder / "kept.bin", folder / "w.bin")


def _operator(domain: str, operator: str) -> bytes:
    node = helper.make_node(operator, ["x"], ["y"], domain=domain)
    return model(graph([node], [value("x")], [value("y")]), opsets={"": 13, domain: 1}).SerializeToString()


def _of_set(version: int) -> bytes:
    node = helper.make_node("Sin", ["x"], ["y"])
    return model(graph([node], [value("x")], [value("y")]), opsets={"": version}).SerializeToString()


def _in_branch() -> bytes:
    inner = graph([helper.make_node("Run", ["x"], ["z"], domain=_ABSENT)], [], [value("z")])
    condition = helper.make_tensor("c", TensorProto.BOOL, [], [True])
    node = helper.make_node("If", ["c"], ["y"], then_branch=inner, else_branch=inner)
    made = graph([node], [value("x")], [value("y")], [condition])
    return model(made, opsets={"": 13, _ABSENT: 1}).SerializeToString()


def _attribute(location: str) -> bytes:
    tensor = TensorProto(name="v", data_type=1, dims=[4], data_location=TensorProto.EXTERNAL)
    tensor.external_data.add(key="location", value=location)
    nodes = [helper.make_node("Constant", [], ["c"], value=tensor), helper.make_node("Add", ["x", "c"], ["y"])]
    return model(graph(nodes, [value("x", shape=("N", 4))], [value("y", shape=("N", 4))])).SerializeToString()


def _huge() -> bytes:
    made = weights(raw=b"")
    made.graph.initializer[0].dims[:] = [1 << 57]
    return made.SerializeToString()


_OUTSIDE = "external-data-outside"
_ELSEWHERE = (
    _case("absolute", "weights at an absolute path", {"m.onnx": _absolute, "w.bin": _DATA}, _OUTSIDE),
    _external("parent", "weights above the folder", _OUTSIDE, {"location": "../m/w.bin"}),
    _external("parent-later", "the same behind a folder", _OUTSIDE, {"location": "a/../w.bin"}),
    _external("backslash", "the same with a backslash", _OUTSIDE, {"location": "a\\w.bin"}),
    _external("url", "weights at an URL", _OUTSIDE, {"location": "file:w.bin"}),
    _external("no-location", "weights at no place", _OUTSIDE, {"location": ""}),
    _external("line-break", "a line break in the place", _OUTSIDE, {"location": "w.bin\n"}),
    _external("star", "a mark of an engine in the place", _OUTSIDE, {"location": "*/w.bin"}),
    _case("attribute", "weights outside, in a node's attribute", {"m.onnx": _attribute("../m/w.bin")}, _OUTSIDE),
    _case(
        "hard-link",
        "weights behind a hard link",
        {"m.onnx": _weights({"location": "w.bin"})},
        _OUTSIDE,
        says="is a link",
        finish=_hard,
    ),
    _case(
        "link",
        "weights behind a symbolic link",
        {"m.onnx": _weights({"location": "w.bin"})},
        "artifact-unreadable",
        "refused",
        finish=_link,
    ),
    _case(
        "link-folder",
        "a folder of weights that is a link",
        {"m.onnx": _weights({"location": "sub/w.bin"})},
        "external-data-missing",
        finish=_link_folder,
    ),
    _external(
        "beyond",
        "weights behind the end of their file",
        "external-data-truncated",
        {"location": "w.bin", "offset": "8"},
    ),
    _external(
        "itself", "weights in the model's own file", "external-data-truncated", {"location": "m.onnx", "offset": "400"}
    ),
    _external(
        "huge-offset",
        "an offset that no number holds",
        "corrupt",
        {"location": "w.bin", "offset": "1" + "0" * 19},
        "wrong offset",
    ),
    _external(
        "length", "a length that is not the tensor's", "corrupt", {"location": "w.bin", "length": "8"}, "wrong offset"
    ),
    _external("negative", "a negative offset", "corrupt", {"location": "w.bin", "offset": "-16"}, "wrong offset"),
    _case(
        "huge", "a tensor of more values than numbers can say", {"m.onnx": _huge()}, "corrupt", says="impossible size"
    ),
    _case(
        "short",
        "a tensor that does not fill its shape",
        {"m.onnx": weights(raw=bytes(15)).SerializeToString()},
        "corrupt",
        says="holds 15 bytes",
    ),
)


def _custom(word: str, refuses: str, content: bytes) -> HostileCase:
    return _case(word, refuses, {"m.onnx": content}, "custom-operators", "unsupported")


_OPERATORS = (
    _custom("custom", "an operator of a library of the model's own", _operator(_ABSENT, "Run")),
    _custom("custom-branch", "the same in a branch", _in_branch()),
    _custom("program", "an operator that loads a program", _operator("com.microsoft", "EPContext")),
    _custom("python", "an operator that calls Python", _operator("com.microsoft", "PythonOp")),
    _case(
        "older-set",
        "an operator of a set that onnxruntime has no kernel for",
        {"m.onnx": _of_set(6)},
        "older-than-supported",
        "unsupported",
        says="from 7",
    ),
)


def _edited(change: Callable[[onnx.ModelProto], object], made: onnx.ModelProto | None = None) -> bytes:
    """A good model, changed."""
    made = made or identity()
    change(made)
    return made.SerializeToString()


def _typed(kind: onnx.TypeProto) -> bytes:
    return _edited(lambda made: made.graph.output[0].type.CopyFrom(kind))


def _put(made: onnx.ModelProto, **values: int) -> None:
    for key, value_ in values.items():
        setattr(made, key, value_)


def _useless(word: str, refuses: str, content: bytes, reason: str, says: str = "") -> HostileCase:
    return _case(word, refuses, {"m.onnx": content}, reason, "unsupported", says)


_TENSOR = helper.make_tensor_type_proto(FLOAT, [1])
_MAP = helper.make_map_type_proto(TensorProto.INT64, _TENSOR)
_DOUBLES = helper.make_map_type_proto(TensorProto.INT64, helper.make_tensor_type_proto(TensorProto.DOUBLE, []))
_SEQUENCE = helper.make_sequence_type_proto(_DOUBLES)
_FIXED = helper.make_node("Constant", [], ["y"], value=helper.make_tensor("t", FLOAT, [1], [1.0]))
_NO_INPUTS = model(graph([_FIXED], [], [value("y", FLOAT, (1,))])).SerializeToString()

_TENSORS = (
    _useless("no-inputs", "a model that takes nothing", _NO_INPUTS, "no-inputs"),
    _useless(
        "input-map",
        "an input that is a map",
        _edited(lambda made: made.graph.input[0].type.CopyFrom(_MAP)),
        "unsupported-input",
        "is a map",
    ),
    _useless(
        "input-dtype",
        "an input of complex numbers",
        identity(TensorProto.COMPLEX64).SerializeToString(),
        "unsupported-input",
        "dtype complex64",
    ),
    _useless(
        "input-size",
        "an input of size 0",
        identity(FLOAT, (0, 2), (0, 2)).SerializeToString(),
        "unsupported-input",
        "of size 0",
    ),
    _useless(
        "output-sequence",
        "an output that is a sequence",
        _typed(helper.make_sequence_type_proto(_TENSOR)),
        "unsupported-output",
        "is a sequence of tensors",
    ),
    _useless(
        "output-maps",
        "an output of other maps than from labels to floats",
        _typed(_SEQUENCE),
        "unsupported-output",
        "sequence of maps other",
    ),
    _useless(
        "output-map",
        "an output that is a map, and no other",
        _typed(_MAP),
        "unsupported-output",
        "only outputs are maps",
    ),
    _useless(
        "output-dtype",
        "an output of complex numbers",
        _typed(helper.make_tensor_type_proto(TensorProto.COMPLEX64, [1])),
        "unsupported-output",
        "dtype complex64",
    ),
    _useless(
        "ir",
        "a newer IR version",
        _edited(lambda made: _put(made, ir_version=99)),
        "newer-than-supported",
        "IR version 99",
    ),
    _useless(
        "opset",
        "a newer operator set",
        _edited(lambda made: _put(made.opset_import[0], version=99)),
        "newer-than-supported",
        "version 99 of the operator set",
    ),
)

_X = message(11, message(1, b"x") + message(2, message(1, number(1, 1))))
_Y = message(12, message(1, b"y") + message(2, message(1, number(1, 1))))


def _top(content: bytes = _X + _Y) -> bytes:
    """A file of a graph."""
    return number(1, 8) + message(7, content) + message(8, number(2, 13))


def _output(kind: bytes) -> bytes:
    """A graph of one output of this type."""
    return _top(message(12, message(1, b"y") + message(2, kind)))


def _broken(word: str, refuses: str, content: bytes, says: str, reason: str = "corrupt") -> HostileCase:
    return _case(word, refuses, {"m.onnx": content}, reason, says=says)


def _limited(word: str, refuses: str, content: bytes, says: str, limits: tuple[Limit, ...]) -> HostileCase:
    return _case(word, refuses, {"m.onnx": content}, "too-complex", "unsupported", says, limits)


_TWO_TENSORS = message(1, number(1, 1)) * 2
_STRUCTURE = (
    _broken(
        "no-ir", "a file without its IR version", _edited(lambda made: made.ClearField("ir_version")), "its IR version"
    ),
    _broken(
        "no-opset",
        "a file without its operator sets",
        _edited(lambda made: made.ClearField("opset_import")),
        "its operator sets",
    ),
    _broken(
        "no-outputs", "a graph without outputs", _edited(lambda made: made.graph.ClearField("output")), "has no outputs"
    ),
    _broken(
        "two-inputs",
        "two inputs of one name",
        _edited(lambda made: made.graph.input.append(value("x"))),
        "have the name",
    ),
    _broken("two-graphs", "two models in one file", identity().SerializeToString() * 2, "2 graphs"),
    _broken("other-field", "a field that no model has", _top() + b"\xfa\x7f\x03abc", "does not belong"),
    _broken(
        "two-types",
        "an input of two types",
        _top(message(11, message(1, b"x") + message(2, b"") + message(2, message(1, b"")) * 2) + _Y),
        "a second type",
    ),
    _broken("no-name", "an output without a name", _top(message(12, b"")), "without a name"),
    _broken("two-kinds", "a type of two kinds", _output(_TWO_TENSORS), "two types in one"),
    _broken("two-elements", "a sequence of two types", _output(message(4, message(1, b"") * 2)), "two types in one"),
    _broken(
        "two-shapes",
        "a tensor of two shapes",
        _output(message(1, number(1, 1) + message(2, b"") * 2)),
        "a second shape",
    ),
    _broken(
        "rank",
        "a tensor of too many dimensions",
        _output(message(1, message(2, message(1, b"") * 65))),
        "a shape of 65",
    ),
    _broken("wire-type", "a number where a message is", _output(number(1, 1)), "has wire type 0"),
    _broken("field-zero", "a field of number 0", _top(_Y + b"\0\0"), "field number 0"),
    _broken("group", "a field of an old kind", _top(_Y + b"\x0b"), "wire type 3 at byte"),
    _broken("part", "a part that leaves its whole", _top(_Y + b"\x0a\x05a"), "beyond the whole"),
    _broken("number", "a number that is cut", _top(_Y + b"\xff"), "a number is cut"),
    _broken(
        "number-long", "a number of eleven bytes", _top(_Y + b"\xa8\x01" + b"\xff" * 10 + b"\1"), "more than ten bytes"
    ),
    _broken("text", "a number where a text is", _top(_Y + message(1, number(4, 1))), "has wire type"),
    _broken("name-number", "a number where a name is", _top(message(12, number(1, 1))), "no text"),
    _broken("not-utf8", "a name that is not UTF-8", _top(message(12, message(1, b"\xff"))), "is not UTF-8"),
    _broken("dims", "sizes that are no integers", _top(_X + _Y + message(5, b"\x0d\0\0\0\0")), "no integers"),
    _broken("cut", "a model that is cut", weights().SerializeToString()[:-20], "is incomplete", "truncated"),
    _limited(
        "values",
        "more inputs and outputs than any model",
        _top(),
        "more than 1 inputs",
        lowered(read_model, _MAXIMUM_VALUES=1),
    ),
    _limited(
        "types",
        "types deeper than any model's",
        _output(message(4, message(1, message(1, number(1, 1))))),
        "types are nested",
        lowered(read_model, MAXIMUM_DEPTH=3),
    ),
    _limited(
        "graphs",
        "graphs deeper than any model's",
        _in_branch(),
        "graphs are nested",
        lowered(missing_operators, MAXIMUM_DEPTH=1),
    ),
    _limited(
        "labels",
        "more class labels than any model",
        zipmap([1, 2]).SerializeToString(),
        "2 class labels",
        lowered(missing_operators, _MAXIMUM_LABELS=1),
    ),
    _limited("steps", "more fields than any model", _top(), "more fields than", lowered(Wire, MAXIMUM_STEPS=9)),
)

CASES = (*_ELSEWHERE, *_OPERATORS, *_TENSORS, *_STRUCTURE)
