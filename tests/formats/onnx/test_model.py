"""Signatures, held against what onnxruntime says of the same bytes."""

from pathlib import Path
from typing import Any

import onnx
import onnxruntime
import pytest
from onnx import TensorProto, helper

from migrate.core.model_json import Field, ImageTransformer, Labels, OnnxSettings
from migrate.formats.onnx.description import Description, describe
from migrate.formats.reading.errors import FormatError
from migrate.formats.reading.wire import MAXIMUM_DEPTH
from tests.formats.models import (
    EXAMPLES,
    FLOAT,
    graph,
    identity,
    message,
    model,
    number,
    value,
    weights,
    zipmap,
)
from tests.golden_folders import paths

_ENGINE_WORDS = {
    "tensor(float)": "float",
    "tensor(float16)": "float",
    "tensor(double)": "double",
    "tensor(int8)": "integer",
    "tensor(uint8)": "integer",
    "tensor(int16)": "integer",
    "tensor(uint16)": "integer",
    "tensor(int32)": "integer",
    "tensor(uint32)": "integer",
    "tensor(int64)": "long",
    "tensor(uint64)": "long",
    "tensor(bool)": "boolean",
    "tensor(string)": "string",
}


def read(data: bytes) -> Description:
    return describe(lambda offset, length: data[offset : offset + length], len(data), {})


def refusal(made: onnx.ModelProto | bytes) -> FormatError:
    with pytest.raises(FormatError) as caught:
        read(made if isinstance(made, bytes) else made.SerializeToString())
    assert caught.value.text
    assert caught.value.task
    return caught.value


def session(data: bytes) -> Any:
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4
    return onnxruntime.InferenceSession(data, options)


def agree(data: bytes) -> Description:
    """The description, after holding it against the engine's own."""
    found = read(data)
    engine = session(data)
    inputs = {field.name: field for field in found.inputs}
    assert set(inputs) == {node.name for node in engine.get_inputs()}
    for node in engine.get_inputs():
        assert inputs[node.name].type == _ENGINE_WORDS[node.type]
        assert inputs[node.name].shape == tuple(size if isinstance(size, int) else -1 for size in node.shape)
    dynamic = any(field.shape[:1] == (-1,) for field in found.inputs if field.shape is not None)
    nodes = [node for node in engine.get_outputs() if not node.type.startswith("map(")]
    assert [field.name for field in found.outputs] == [node.name for node in nodes]
    for field, node in zip(found.outputs, nodes, strict=True):
        if node.type.startswith("seq(map("):
            assert (field.type, (field.shape or ())[0]) == ("float", -1)
            continue
        shape = tuple(size if isinstance(size, int) else -1 for size in node.shape)
        assert field.type == _ENGINE_WORDS[node.type]
        if field.shape is not None:
            assert field.shape == ((-1, *shape[1:]) if dynamic and shape else shape)
    return found


_REAL = sorted(EXAMPLES.glob("*/*.onnx")) + paths("_models/*/*.onnx")


@pytest.mark.parametrize("path", [path for path in _REAL if path.parent.name != "broken"], ids=lambda p: p.parent.name)
def test_real_models(path: Path) -> None:
    agree(path.read_bytes())


@pytest.mark.parametrize(
    "dtype",
    [
        *(TensorProto.FLOAT, TensorProto.DOUBLE, TensorProto.INT32, TensorProto.INT64, TensorProto.BOOL),
        *(TensorProto.STRING, TensorProto.FLOAT16, TensorProto.UINT32, TensorProto.UINT64),
        *(TensorProto.INT8, TensorProto.UINT8, TensorProto.INT16, TensorProto.UINT16),
    ],
)
def test_types(dtype: int) -> None:
    agree(identity(dtype).SerializeToString())


@pytest.mark.parametrize(
    ("dtype", "name"),
    [
        (TensorProto.BFLOAT16, "bfloat16"),
        (TensorProto.COMPLEX64, "complex64"),
        (TensorProto.FLOAT8E4M3FN, "float8e4m3fn"),
    ],
)
def test_types_that_the_service_has_no_word_for(dtype: int, name: str) -> None:
    problem = refusal(identity(dtype))
    assert (problem.verdict, problem.reason) == ("unsupported", "unsupported-input")
    assert name in problem.text
    node = helper.make_node("Cast", ["x"], ["y"], to=dtype)
    problem = refusal(model(graph([node], [value("x")], [value("y", dtype)])))
    assert (problem.verdict, problem.reason) == ("unsupported", "unsupported-output")


def test_a_dtype_that_nobody_knows_yet() -> None:
    made = identity()
    made.graph.input[0].type.tensor_type.elem_type = 999
    assert "number 999" in refusal(made).text


@pytest.mark.parametrize(
    ("shape", "out", "expected", "expected_out"),
    [
        (("N", 2), ("N", 2), [-1, 2], [-1, 2]),
        ((None, None, 3), (None, None, 3), [-1, -1, 3], [-1, -1, 3]),
        ((4, 2), (4, 2), [4, 2], [4, 2]),
        ((), (), [], []),
        (("N", 2), (1, 2), [-1, 2], [-1, 2]),  # exporters declare a batch of 1 where any comes out
        ((1, "N"), (1, "N"), [1, -1], [1, -1]),
        ((-1, 2), (-1, 2), [-1, 2], [-1, 2]),
    ],
)
def test_shapes(shape: tuple[Any, ...], out: tuple[Any, ...], expected: list[int], expected_out: list[int]) -> None:
    found = read(identity(FLOAT, shape, out).SerializeToString())
    assert found.inputs[0].shape == tuple(expected)
    assert found.outputs[0].shape == tuple(expected_out)


def test_any_dynamic_input_frees_the_first_dimension_of_every_output() -> None:
    nodes = [helper.make_node("Identity", ["x"], ["y"]), helper.make_node("Identity", ["c"], ["d"])]
    inputs = [value("x", FLOAT, ("N", 2)), value("c", FLOAT, (3, 2))]
    made = model(graph(nodes, inputs, [value("y", FLOAT, (1, 2)), value("d", FLOAT, (3, 2))]))
    assert [field.shape for field in read(made.SerializeToString()).outputs] == [(-1, 2), (-1, 2)]


def test_undeclared_shapes() -> None:
    made = identity(FLOAT, None, None).SerializeToString()
    assert read(made).inputs == (Field("x", "float", ()),)
    assert read(made).outputs == (Field("y", "float"),)
    assert session(made).get_inputs()[0].shape == []


def test_a_rank_0_output_of_a_dynamic_model_stays_a_scalar() -> None:
    node = helper.make_node("ReduceSum", ["x"], ["y"], keepdims=0)
    made = model(graph([node], [value("x")], [value("y", FLOAT, ())]))
    assert agree(made.SerializeToString()).outputs == (Field("y", "float", ()),)


def test_a_dimension_of_size_0_is_refused() -> None:
    assert refusal(identity(FLOAT, (0, 2), (0, 2))).reason == "unsupported-input"


def test_inputs_are_in_hash_order_and_outputs_in_the_graphs() -> None:
    names = ["pclass", "sex", "age", "fare", "embarked"]
    nodes = [helper.make_node("Identity", [name], [f"{name}_out"]) for name in names]
    made = model(graph(nodes, [value(name) for name in names], [value(f"{name}_out") for name in names]))
    found = agree(made.SerializeToString())
    assert [field.name for field in found.inputs] == ["fare", "sex", "embarked", "pclass", "age"]
    assert [field.name for field in found.outputs] == [f"{name}_out" for name in names]


@pytest.mark.parametrize("ir", [3, 8])
def test_inputs_with_a_value_of_their_own_are_no_inputs(ir: int) -> None:
    made = weights()
    made.ir_version = ir
    made.graph.input.append(value("w", FLOAT, (4,)))
    assert [field.name for field in agree(made.SerializeToString()).inputs] == ["x"]


def test_a_sparse_initializer_is_a_value_too() -> None:
    sparse = helper.make_sparse_tensor(
        helper.make_tensor("w", FLOAT, [1], [2.0]), helper.make_tensor("i", TensorProto.INT64, [1], [0]), [4]
    )
    made = weights()
    del made.graph.initializer[:]
    made.graph.sparse_initializer.append(sparse)
    made.graph.input.append(value("w", FLOAT, (4,)))
    assert [field.name for field in agree(made.SerializeToString()).inputs] == ["x"]


@pytest.mark.parametrize("through", [False, True])
@pytest.mark.parametrize(
    ("labels", "expected"),
    [([0, 1, 2], [0, 1, 2]), ([7, -3], [-3, 7]), (["no", "yes"], ["no", "yes"]), (["b", "a", "é"], ["b", "a", "é"])],
)
def test_class_labels(labels: Any, expected: Any, through: bool) -> None:
    made = zipmap(labels, through=through)
    found = read(made.SerializeToString())
    assert found.outputs == (Field("y", "float", (-1, len(labels))),)
    assert found.engine == OnnxSettings({"y": Labels(tuple(expected))}, rows_apart=True)
    if not through:
        row = session(made.SerializeToString()).run(None, {"x": [[0.5] * len(labels)]})[0][0]
        assert set(row) == set(expected)


def test_class_labels_of_another_origin_are_left_to_the_server() -> None:
    held = helper.make_sequence_type_proto(
        helper.make_map_type_proto(TensorProto.INT64, helper.make_tensor_type_proto(FLOAT, []))
    )
    then = helper.make_graph(
        [helper.make_node("ZipMap", ["x"], ["t"], domain="ai.onnx.ml", classlabels_int64s=[0, 1])],
        "then",
        [],
        [helper.make_value_info("t", held)],
    )
    other = helper.make_graph(
        [helper.make_node("ZipMap", ["x"], ["e"], domain="ai.onnx.ml", classlabels_int64s=[0, 1])],
        "else",
        [],
        [helper.make_value_info("e", held)],
    )
    node = helper.make_node("If", ["c"], ["y"], then_branch=then, else_branch=other)
    inputs = [value("x", FLOAT, ("N", 2)), value("c", TensorProto.BOOL, ())]
    made = model(graph([node], inputs, [helper.make_value_info("y", held)]), opsets={"": 16, "ai.onnx.ml": 1})
    found = read(made.SerializeToString())
    assert found.outputs[0].shape == (-1, -1)
    assert found.engine == OnnxSettings()


def test_sequences_of_tensors_are_refused() -> None:
    node = helper.make_node("SequenceConstruct", ["x"], ["y"])
    out = helper.make_tensor_sequence_value_info("y", FLOAT, None)
    problem = refusal(model(graph([node], [value("x")], [out])))
    assert (problem.verdict, problem.reason) == ("unsupported", "unsupported-output")
    assert "sequence of tensors" in problem.text


def test_maps_as_inputs_are_refused() -> None:
    node = helper.make_node("DictVectorizer", ["x"], ["y"], domain="ai.onnx.ml", string_vocabulary=["a", "b"])
    held = helper.make_map_type_proto(TensorProto.STRING, helper.make_tensor_type_proto(FLOAT, []))
    made = graph([node], [helper.make_value_info("x", held)], [value("y", FLOAT, (1, 2))])
    assert refusal(model(made, opsets={"": 13, "ai.onnx.ml": 1})).reason == "unsupported-input"


def test_bare_maps_are_dropped_and_alone_refused() -> None:
    held = helper.make_map_type_proto(TensorProto.INT64, helper.make_tensor_type_proto(FLOAT, []))
    made = identity()
    made.graph.output.insert(0, helper.make_value_info("m", held))
    assert [field.name for field in read(made.SerializeToString()).outputs] == ["y"]
    del made.graph.output[1]
    assert refusal(made).reason == "unsupported-output"


def test_optional_and_sparse_values_are_refused() -> None:
    made = identity()
    made.graph.output[0].type.CopyFrom(helper.make_optional_type_proto(helper.make_tensor_type_proto(FLOAT, [1])))
    assert "optional" in refusal(made).text
    made.graph.output[0].type.CopyFrom(helper.make_sparse_tensor_type_proto(FLOAT, [1]))
    assert "sparse tensor" in refusal(made).text
    made.graph.output[0].ClearField("type")
    assert "without a type" in refusal(made).text


def test_image_inputs_say_how_the_image_lies() -> None:
    found = read(identity(FLOAT, ("N", 28, 28, 1), ("N", 28, 28, 1)).SerializeToString())
    assert found.inputs[0].image_transformer == ImageTransformer(
        ("BATCH_SIZE", "HEIGHT", "WIDTH", "CHANEL"), ("GRAY_SCALE",)
    )


def test_custom_operators_are_refused_by_name() -> None:
    node = helper.make_node("Magic", ["x"], ["y"], domain="com.example")
    made = model(graph([node], [value("x")], [value("y")]), opsets={"": 13, "com.example": 1})
    problem = refusal(made)
    assert (problem.verdict, problem.reason) == ("unsupported", "custom-operators")
    assert "com.example:Magic" in problem.text


def test_custom_operators_are_found_in_subgraphs() -> None:
    def branch(domain: str, name: str) -> onnx.GraphProto:
        node = helper.make_node("Identity" if not domain else "Magic", ["x"], [name], domain=domain)
        return helper.make_graph([node], name, [], [value(name)])

    node = helper.make_node("If", ["c"], ["y"], then_branch=branch("", "t"), else_branch=branch("com.example", "e"))
    inputs = [value("x"), value("c", TensorProto.BOOL, ())]
    assert refusal(model(graph([node], inputs, [value("y")]))).reason == "custom-operators"


def test_the_models_own_functions_are_no_custom_operators() -> None:
    inner = helper.make_node("Identity", ["a"], ["b"])
    function = helper.make_function("com.example", "Magic", ["a"], ["b"], [inner], [helper.make_opsetid("", 13)])
    node = helper.make_node("Magic", ["x"], ["y"], domain="com.example")
    made = model(graph([node], [value("x")], [value("y")]), opsets={"": 13, "com.example": 1}, functions=[function])
    agree(made.SerializeToString())
    made.functions[0].node[0].domain = "com.other"
    assert "com.other:Identity" in refusal(made).text


def test_an_unused_unknown_domain_does_no_harm() -> None:
    made = identity()
    made.opset_import.append(helper.make_opsetid("com.example", 99))
    agree(made.SerializeToString())


def test_a_model_without_inputs_is_refused() -> None:
    node = helper.make_node("Constant", [], ["y"], value=helper.make_tensor("t", FLOAT, [1], [1.0]))
    assert refusal(model(graph([node], [], [value("y", FLOAT, (1,))]))).reason == "no-inputs"


def test_known_words_of_text_inputs() -> None:
    nodes = [
        helper.make_node("Concat", ["a", "b"], ["ab"], axis=1),
        helper.make_node("OneHotEncoder", ["ab"], ["h"], domain="ai.onnx.ml", cats_strings=["red", "green"]),
        helper.make_node(
            "LabelEncoder", ["c"], ["n"], domain="ai.onnx.ml", keys_strings=["S", "M"], values_int64s=[0, 1]
        ),
    ]
    inputs = [value(name, TensorProto.STRING, ("N", 1)) for name in "abc"]
    outputs = [value("h", FLOAT, ("N", 2, 2)), value("n", TensorProto.INT64, ("N", 1))]
    found = read(model(graph(nodes, inputs, outputs), opsets={"": 13, "ai.onnx.ml": 2}).SerializeToString())
    assert found.engine.words == {"a": ("red", "green"), "b": ("red", "green"), "c": ("S", "M")}


# broken files


def test_every_cut_of_a_model_is_refused() -> None:
    data = weights().SerializeToString()
    for end in range(len(data)):
        problem = refusal(data[:end])
        assert problem.verdict == "unreadable"
        assert problem.reason in ("truncated", "corrupt", "empty")


def test_a_cut_model_says_how_much_is_missing() -> None:
    data = weights().SerializeToString()
    problem = refusal(data[:-20])
    assert problem.reason == "truncated"
    assert f"ends at byte {len(data) - 20}" in problem.text


@pytest.mark.parametrize("trailer", [b"\0\0", b"\xfa\x7f\x03abc", b"garbage", b"PK\x05\x06" + bytes(18)])
def test_data_after_the_model_is_refused(trailer: bytes) -> None:
    assert refusal(identity().SerializeToString() + trailer).verdict == "unreadable"


def test_two_models_in_one_file_are_refused() -> None:
    problem = refusal(identity().SerializeToString() * 2)
    assert problem.reason == "corrupt"
    assert "2 graphs" in problem.text


def test_models_without_versions_or_outputs_are_refused() -> None:
    for name in ("ir_version", "opset_import", "graph"):
        made = identity()
        made.ClearField(name)
        assert refusal(made).reason == "corrupt"
    made = identity()
    del made.graph.output[:]
    assert refusal(made).reason == "corrupt"


def test_duplicate_names_are_refused() -> None:
    made = identity()
    made.graph.input.append(value("x"))
    assert "same name" not in refusal(made).task
    assert refusal(made).reason == "corrupt"


def test_tensors_that_do_not_fill_their_shape_are_refused() -> None:
    assert refusal(weights(raw=bytes(15))).reason == "corrupt"
    made = weights()
    made.graph.initializer[0].dims[0] = -4
    assert refusal(made).reason == "corrupt"


def test_types_nested_beyond_all_measure_are_refused() -> None:
    nested = message(1, number(1, 1))
    for _ in range(MAXIMUM_DEPTH):
        nested = message(4, message(1, nested))
    out = message(1, b"y") + message(2, nested)
    top = number(1, 8) + message(7, message(12, out)) + message(8, number(2, 13))
    assert refusal(top).reason == "too-complex"


def test_graphs_nested_beyond_all_measure_are_refused() -> None:
    inner = b""
    for _ in range(MAXIMUM_DEPTH):
        inner = message(1, message(4, b"If") + message(5, message(1, b"b") + message(6, inner)))
    io = message(11, message(1, b"x") + message(2, message(1, number(1, 1))))
    io += message(12, message(1, b"y") + message(2, message(1, number(1, 1))))
    top = number(1, 8) + message(7, inner + io) + message(8, number(2, 13))
    assert refusal(top).reason == "too-complex"
    assert refusal(top).verdict == "unsupported"


@pytest.mark.parametrize(
    "value_type",
    [
        message(1, number(1, 1)) + message(1, number(1, 1)),  # two types
        message(1, number(1, 1) + message(2, b"") + message(2, b"")),  # two shapes
        message(1, message(2, message(1, b"") * 100)),  # a hundred dimensions
        number(1, 1),
        message(1, message(1, b"x")),
    ],
)
def test_types_that_say_two_things_are_refused(value_type: bytes) -> None:
    io = message(12, message(1, b"y") + message(2, value_type))
    assert refusal(number(1, 8) + message(7, io) + message(8, number(2, 13))).reason == "corrupt"
