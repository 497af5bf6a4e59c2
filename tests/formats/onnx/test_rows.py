"""Which graphs compute each row from one row alone: what is proven holds in onnxruntime, and what mixes rows is not."""

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import onnx
import onnxruntime
import pytest
from onnx import TensorProto, helper, numpy_helper
from onnx.backend.test.loader import load_model_tests

from migrate.formats.onnx.rows import rows_apart
from migrate.formats.onnx.structure import read_model
from migrate.formats.reading.wire import Wire
from tests.e2e.harness import ROOT

Node = tuple[str, list[str], dict[str, Any]]
ROWS = 5


def proven(model: onnx.ModelProto, inputs: Mapping[str, tuple[int, ...]] | None = None) -> bool:
    content = model.SerializeToString()
    wire = Wire(lambda offset, length: content[offset : offset + length], len(content))
    given = {tensor.name for tensor in model.graph.initializer}
    shapes = {
        value.name: tuple(dim.dim_value or -1 for dim in value.type.tensor_type.shape.dim)
        for value in model.graph.input
        if value.name not in given
    }
    outputs = frozenset(value.name for value in model.graph.output)
    return rows_apart(wire, read_model(wire), inputs or shapes, outputs)


def chain(*nodes: Node, columns: int = 4, **constants: Any) -> onnx.ModelProto:
    """``x`` of rows through nodes, each of which takes the one before (``@``) and others; the last one gives ``y``."""
    made, last = [], "x"
    for number, (operator, inputs, attributes) in enumerate(nodes):
        names = [last if name == "@" else name for name in inputs]
        last = "y" if number == len(nodes) - 1 else f"t{number}"
        domain = attributes.pop("domain", "")
        made.append(helper.make_node(operator, names, [last], domain=domain, **attributes))
    graph = helper.make_graph(
        made,
        "chain",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["n", columns])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, None)],
        [numpy_helper.from_array(np.array(value), name) for name, value in constants.items()],
    )
    opsets = [helper.make_opsetid("", 17), helper.make_opsetid("ai.onnx.ml", 1)]
    return helper.make_model(graph, opset_imports=opsets, ir_version=8)


F = np.float32


@pytest.mark.parametrize(
    "model",
    [
        chain(("Gemm", ["@", "w", "b"], {}), ("Relu", ["@"], {}), w=np.ones((4, 3), F), b=np.ones(3, F)),
        chain(("MatMul", ["@", "w"], {}), ("Softmax", ["@"], {}), w=np.ones((4, 3), F)),
        chain(("Add", ["@", "b"], {}), b=np.ones((1, 4), F)),
        chain(("ReduceSum", ["@", "axes"], {}), axes=np.array([1], np.int64)),
        chain(("Reshape", ["@", "to"], {}), to=np.array([-1, 2, 2], np.int64)),
        chain(("Reshape", ["@", "to"], {}), to=np.array([0, -1], np.int64)),
        chain(("Concat", ["@", "x"], {"axis": -1})),
        chain(
            ("Unsqueeze", ["@", "axes"], {}), ("Transpose", ["@"], {"perm": [0, 2, 1]}), axes=np.array([1], np.int64)
        ),
    ],
    ids=lambda model: "-".join(node.op_type for node in model.graph.node),
)
def test_rows_that_stay_apart(model: onnx.ModelProto) -> None:
    assert proven(model)
    assert stays_apart(model, {"x": (-1, 4)})


@pytest.mark.parametrize(
    "model",
    [
        chain(("Softmax", ["@"], {"axis": 0})),
        chain(("ReduceMean", ["@"], {})),
        chain(("ReduceMean", ["@"], {"axes": [0]})),
        chain(("ReduceMean", ["@"], {"axes": [-2]})),
        chain(("ArgMax", ["@"], {})),
        chain(("Transpose", ["@"], {})),
        chain(("Concat", ["@", "x"], {"axis": 0})),
        chain(("Reshape", ["@", "to"], {}), to=np.array([-1, 2], np.int64)),
        chain(("Reshape", ["@", "to"], {}), to=np.array([-1], np.int64)),
        chain(("Reshape", ["@", "to"], {}), to=np.array([4, -1], np.int64)),
        chain(("Add", ["@", "b"], {}), b=np.ones((2, 4), F)),
        chain(("Add", ["@", "b"], {}), b=np.ones((1, 1, 4), F)),
        chain(("MatMul", ["w", "@"], {}), w=np.ones((4, 4), F)),
        chain(("Gemm", ["@", "w"], {"transA": 1}), w=np.ones((4, 4), F)),
        chain(("Squeeze", ["@"], {})),
        chain(("Unsqueeze", ["@", "axes"], {}), axes=np.array([0], np.int64)),
        chain(("CumSum", ["@", "axis"], {}), axis=np.array(0, np.int64)),
        chain(("Clip", ["@", "", "x"], {})),
        # Rows of one value and rows of four: repeated along the rows, where there are four of them.
        chain(("ReduceSum", ["@", "axes"], {"keepdims": 0}), ("Add", ["@", "x"], {}), axes=np.array([1], np.int64)),
    ],
    ids=lambda model: "-".join(node.op_type for node in model.graph.node),
)
def test_rows_that_touch_or_may(model: onnx.ModelProto) -> None:
    assert not proven(model)


def test_a_batch_of_fixed_size_is_no_batch() -> None:
    model = chain(("Relu", ["@"], {}))
    assert proven(model)
    assert not proven(model, {"x": (3, 4)})


def test_the_sample_models_are_what_is_proven() -> None:
    found = {
        path.parent.name: proven(onnx.load(path))
        for path in sorted((ROOT / "examples" / "models").glob("*/*.onnx"))
        if path.parent.name != "broken"
    }
    assert found == {"digits": False, "housing": True, "iris": True, "titanic": True}  # digits has a convolution


def operators() -> Iterator[tuple[str, onnx.ModelProto, dict[str, tuple[int, ...]]]]:
    """The onnx package's own tests of single operators, those for which rows are proven to stay apart."""
    for test in load_model_tests(kind="node"):
        model = test.model
        if model is None:
            continue
        dims = [value.type.tensor_type.shape.dim for value in model.graph.input]
        if not all(dims) or len({sizes[0].dim_value for sizes in dims}) != 1:
            continue
        shapes = {
            value.name: (-1, *(size.dim_value or -1 for size in sizes[1:]))
            for value, sizes in zip(model.graph.input, dims, strict=True)
        }
        if proven(model, shapes):
            yield test.name, model, shapes


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::RuntimeWarning")  # of the onnx package, which makes its cases anew
def test_what_is_proven_of_an_operator_holds() -> None:
    held, wrong = set(), []
    for name, model, shapes in operators():
        for value in (*model.graph.input, *model.graph.output):
            if value.type.tensor_type.shape.dim:
                value.type.tensor_type.shape.dim[0].Clear()
        apart = stays_apart(model, shapes)
        if apart is False:
            wrong.append(name)
        elif apart:
            held.update(node.op_type for node in model.graph.node)
    assert wrong == []
    assert len(held) > 60, sorted(held)


def stays_apart(model: onnx.ModelProto, shapes: Mapping[str, tuple[int, ...]]) -> bool | None:
    """Whether a row's answer is the same alone as between other rows, in onnxruntime; None where it lacks the model."""
    engine: Any = onnxruntime
    random = np.random.default_rng(3)
    try:
        session = engine.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
        kinds = {node.name: node.type for node in session.get_inputs()}
        feeds = {
            name: values(random, kinds[name], (ROWS, *(size if size > 0 else 3 for size in shape[1:])))
            for name, shape in shapes.items()
        }
        whole = session.run(None, feeds)
    except Exception:  # noqa: BLE001 - whatever it lacks, such a model is never served
        return None
    for row in range(ROWS):
        alone = session.run(None, {name: data[row : row + 1] for name, data in feeds.items()})
        if not all(same(one, many[row : row + 1]) for one, many in zip(alone, whole, strict=True)):
            return False
    return True


def same(one: Any, other: Any) -> bool:
    if one.dtype.kind == "f":
        return bool(one.shape == other.shape and np.allclose(one, other, rtol=1e-5, atol=1e-6, equal_nan=True))
    return bool(np.array_equal(one, other))


def values(random: np.random.Generator, kind: str, shape: tuple[int, ...]) -> Any:
    word = kind.removeprefix("tensor(").removesuffix(")")
    if word == "bool":
        return random.integers(0, 2, shape).astype(bool)
    if word == "string":
        return random.integers(0, 9, shape).astype(str).astype(object)
    if "int" in word:
        return random.integers(1, 5, shape).astype(word)
    return random.uniform(0.1, 0.9, shape).astype({"float": "float32", "double": "float64"}.get(word, word))
