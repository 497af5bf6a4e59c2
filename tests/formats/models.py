"""Models for the tests: real ones made with the ``onnx`` package, and bytes made by hand."""

import hashlib
from collections.abc import Mapping, Sequence
from pathlib import Path

import onnx
from onnx import TensorProto, helper

from migrate.core.values import Artifact, ArtifactFile

CHECKOUT = Path(__file__).parents[2]
EXAMPLES = CHECKOUT / "examples" / "models"

FLOAT = TensorProto.FLOAT


def artifact(folder: Path) -> Artifact:
    """The artifact that fetching this folder makes."""
    files = tuple(
        ArtifactFile(
            path=path.relative_to(folder).as_posix(),
            size=path.stat().st_size,
            digest="sha256:" + (hashlib.sha256(path.read_bytes()).hexdigest() if path.stat().st_size < 1 << 24 else ""),
        )
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    )
    return Artifact(folder=str(folder), files=files, size=sum(f.size for f in files), digest="sha256:" + "0" * 64)


def write(folder: Path, files: Mapping[str, bytes]) -> Artifact:
    """An artifact of these files."""
    for name, content in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    return artifact(folder)


def value(name: str, dtype: int = FLOAT, shape: Sequence[int | str | None] | None = ("N", 2)) -> onnx.ValueInfoProto:
    return helper.make_tensor_value_info(name, dtype, shape)


def graph(
    nodes: Sequence[onnx.NodeProto],
    inputs: Sequence[onnx.ValueInfoProto],
    outputs: Sequence[onnx.ValueInfoProto],
    initializers: Sequence[onnx.TensorProto] = (),
) -> onnx.GraphProto:
    return helper.make_graph(list(nodes), "g", list(inputs), list(outputs), list(initializers))


def model(
    made: onnx.GraphProto,
    *,
    ir: int = 8,
    opsets: Mapping[str, int] | None = None,
    functions: Sequence[onnx.FunctionProto] = (),
) -> onnx.ModelProto:
    imports = [helper.make_opsetid(domain, version) for domain, version in (opsets or {"": 13}).items()]
    found = helper.make_model(made, opset_imports=imports, functions=list(functions))
    found.ir_version = ir
    return found


def identity(
    dtype: int = FLOAT,
    shape: Sequence[int | str | None] | None = ("N", 2),
    out: Sequence[int | str | None] | None = ("N", 2),
) -> onnx.ModelProto:
    """``y = x``."""
    node = helper.make_node("Identity", ["x"], ["y"])
    return model(graph([node], [value("x", dtype, shape)], [value("y", dtype, out)]))


def zipmap(labels: Sequence[int] | Sequence[str], *, through: bool = False) -> onnx.ModelProto:
    """``x`` of one column a label, zipped; ``through`` an Identity."""
    key = TensorProto.STRING if isinstance(labels[0], str) else TensorProto.INT64
    made = "z" if through else "y"
    name = "classlabels_strings" if isinstance(labels[0], str) else "classlabels_int64s"
    nodes = [helper.make_node("ZipMap", ["x"], [made], domain="ai.onnx.ml", **{name: list(labels)})]
    if through:
        nodes.append(helper.make_node("Identity", ["z"], ["y"]))
    held = helper.make_map_type_proto(key, helper.make_tensor_type_proto(FLOAT, []))
    out = helper.make_value_info("y", helper.make_sequence_type_proto(held))
    return model(graph(nodes, [value("x", FLOAT, ("N", len(labels)))], [out]), opsets={"": 16, "ai.onnx.ml": 1})


def weights(
    shape: Sequence[int] = (4,), *, external: Mapping[str, str] | None = None, raw: bytes | None = None
) -> onnx.ModelProto:
    """``y = x + w`` with ``w`` in raw bytes, or in another file."""
    tensor = TensorProto(name="w", data_type=FLOAT, dims=shape)
    if external is None:
        tensor.raw_data = bytes(4 * shape[0]) if raw is None else raw
    else:
        tensor.data_location = TensorProto.EXTERNAL
        for key, text in external.items():
            tensor.external_data.add(key=key, value=text)
    node = helper.make_node("Add", ["x", "w"], ["y"])
    return model(graph([node], [value("x", FLOAT, ("N", shape[0]))], [value("y", FLOAT, ("N", shape[0]))], [tensor]))


# protobuf by hand


def varint(number: int) -> bytes:
    found = bytearray()
    while number > 0x7F:
        found.append(number & 0x7F | 0x80)
        number >>= 7
    found.append(number)
    return bytes(found)


def message(number: int, content: bytes) -> bytes:
    return varint(number << 3 | 2) + varint(len(content)) + content


def number(field: int, content: int) -> bytes:
    return varint(field << 3) + varint(content)
