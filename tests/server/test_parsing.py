"""JSON bodies into tensors: the rules one by one, and the quick way held against the exact one."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from onnx import TensorProto

from migrate.server.errors import PARSE_FAILURE, HttpError
from migrate.server.inputs import feeds_of
from migrate.server.model import Field, Index, Model
from migrate.server.model_files import ModelFileError, read_models
from migrate.server.parsing.fast import FastDecoder
from migrate.server.parsing.json import BuildError, build_tensor, parse_tensors
from migrate.server.parsing.numbers import LONG_BYTES, NumberReader
from migrate.server.tensors import convert, resolve_shape, roll, simplified
from tests.server.models import WORDS


def parse(text: str | bytes) -> dict[str, Any]:
    body = text.encode() if isinstance(text, str) else text
    return {name: tensor.data.tolist() for name, tensor in parse_tensors(body, depth_limit=32).items()}


def model_of(kind: int, shape: list[int]) -> Model:
    field = Field(name="x", type=WORDS[kind], shape=tuple(shape))
    return Model(schema=1, id="", engine="", entry="", inputs=(field,), outputs=())


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('{"x": 1}', 1),
        ('{"x": [1, 2.5]}', [1.0, 2.5]),
        ('{"x": 1, "x": 2}', 2),
        ('{"x": [1]} trailing', [1]),
        ('\ufeff{"x": [true]}', [True]),
        ('{"x": 1e400}', float("inf")),
        ('{"x": [[null, 1], [2, null]]}', [[0, 1], [2, 0]]),
        ('{"x": "é\\n"}', "é\n"),
    ],
)
def test_what_is_read(text: str, expected: object) -> None:
    assert parse(text)["x"] == expected


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-16-be", "utf-32", "utf-32-le", "utf-32-be"])
def test_other_encodings_of_unicode(encoding: str) -> None:
    assert parse('{"x": ["ü"]}'.encode(encoding)) == {"x": ["ü"]}


@pytest.mark.usefixtures("no_garbage")
@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        "null",
        "1",
        '{"x": NaN}',
        '{"x": [1, "a"]}',
        '{"x": [1, true]}',
        '{"x": {}}',
        '{"x": [[1], 2]}',
        '{"x": [1, []]}',
        '{"x": [null, null]}',
        '{"x": [[], []]}',
        '{"x": 9223372036854775808}',
        "{'x': 1}",
        '{"x": 1,}',
        '{"x": "\x01"}',
        '{"x": "\\ud800"}',
        '{"\\udfff": 1}',
        b"\xff\xfe\x00",
        b'{"x": "\xff"}',
        "[" * 2000,
        '{"x": ' + "[" * 40 + "1" + "]" * 40 + "}",
    ],
)
def test_what_is_refused_has_the_one_text(text: str | bytes) -> None:
    with pytest.raises(HttpError) as caught:
        parse(text)
    assert (caught.value.status, caught.value.message) == (400, PARSE_FAILURE)
    assert caught.value.detail


def test_types_widen() -> None:
    assert build_tensor([1, 2**31]).type == "long"
    assert build_tensor([1, 2**40, 0.5]).type == "double"
    assert build_tensor(2**31 - 1).type == "integer"
    assert build_tensor(-(2**63)).type == "long"
    with pytest.raises(BuildError, match=r"several where found \[boolean, integer, string\]"):
        build_tensor([1, "a", True])


def outcome(decode: Callable[[], Any]) -> Any:
    """What a decoder gives, or the message that it refuses with."""
    try:
        return decode()
    except HttpError as error:
        return error.message


LEAVES = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False)
    | st.text(max_size=3)
    | st.just([])
    | st.just({})
)
VALUES = st.recursive(LEAVES, lambda inner: st.lists(inner, max_size=4), max_leaves=12)
KINDS = [
    TensorProto.FLOAT,
    TensorProto.DOUBLE,
    TensorProto.INT32,
    TensorProto.INT64,
    TensorProto.BOOL,
    TensorProto.STRING,
]
SHAPES = st.lists(st.sampled_from([-1, -1, 1, 2, 3]), max_size=3)


NUMBERS = st.integers(-(2**54), 2**54) | st.floats(allow_nan=False, allow_infinity=False)
TABLES = st.tuples(st.integers(1, 3), st.integers(1, 3)).flatmap(
    lambda size: st.lists(st.lists(NUMBERS, min_size=size[1], max_size=size[1]), min_size=size[0], max_size=size[0])
)


@given(VALUES | TABLES | st.lists(TABLES, max_size=2), st.sampled_from(KINDS), SHAPES, st.booleans())
@example([[1, 2], [3]], TensorProto.FLOAT, [-1], True)
@example([[1], 2], TensorProto.FLOAT, [-1], True)
@example([1, [2]], TensorProto.FLOAT, [-1], True)
@example([[[1], 2], [3, 4]], TensorProto.FLOAT, [-1, 2], True)
@example([[1, []], [2, 3, 4]], TensorProto.FLOAT, [-1], True)
@example([-0.0, 0, 2**53 + 1], TensorProto.DOUBLE, [3], True)
@example([[[[1, 2]]]], TensorProto.DOUBLE, [2], True)
def test_the_quick_way_gives_what_the_exact_way_gives(value: object, kind: int, shape: list[int], long: bool) -> None:
    model = model_of(kind, shape)
    # Long bodies of numbers have a reader of their own.
    body = json.dumps({"x": value}).encode().replace(b":", b":" + b" " * LONG_BYTES * long, 1)
    quick = outcome(lambda: FastDecoder(model).decode(body))
    exact = outcome(lambda: feeds_of(model, parse_tensors(body, depth_limit=32)))
    if quick is None:
        return
    if isinstance(quick, str) or isinstance(exact, str):
        assert quick == exact
        return
    assert quick["x"].dtype == exact["x"].dtype
    np.testing.assert_array_equal(quick["x"], exact["x"])


@pytest.mark.parametrize(
    "text",
    [
        b'{"x":[1],"x":[2]}',
        b'{"x":[1],"y":[2]}',
        b'{"y":[1]}',
        b'{"x":1}',
        b"[[1]]",
        b'{"x":[1]} ]',
        b'{"x":[01]}',
        b'{"x":[NaN]}',
        b'{"x":[1e999]}',
        b'{"x":[1,-9223372036854775809]}',
        b'{"x":[1,18446744073709551616]}',
        b'{"x":["1"]}',
        b'{"x":[null]}',
        b'{"x":[true]}',
        b'{"x":[{"b64":"AA=="}]}',
        b'{"x":[1],"\xff":[2]}',
        b'{"x":[[[1]]]}',
        b"",
    ],
)
def test_a_reader_of_numbers_takes_nothing_else(text: bytes) -> None:
    assert NumberReader({"x": 1}).read(text) is None


def test_a_reader_of_numbers_reads_them() -> None:
    found = NumberReader({"x": 2, "y": 1}).read(
        b'{ "y" : [-0.0, 1e-400] ,"\\u0078":[[[1,2.5]],[[3,9007199254740993]]]}'
    )
    assert found is not None
    assert found["x"].tolist() == [[[1, 2.5]], [[3, 2.0**53]]]
    assert [str(value) for value in found["y"]] == ["-0.0", "0.0"]
    assert not NumberReader.applies(("x", "a[0]"))


TABLE = Model(
    schema=1,
    id="",
    engine="",
    entry="",
    inputs=(
        Field(
            name="x",
            type="float",
            shape=(-1, 3),
            fields=(Index("a", index=2), Index("b", index=0), Index("c", index=1)),
        ),
        Field(name="s", type="string", shape=(-1, 1), fields=(Index("s", index=0),)),
    ),
    outputs=(),
)
CELLS = st.none() | st.integers(-9, 9) | st.floats(-9, 9) | st.text(max_size=2)
COLUMNS = st.dictionaries(st.sampled_from([*"abcsx", "other"]), CELLS | st.lists(CELLS, max_size=3))


@given(COLUMNS)
@example({"a": 1, "b": 2, "c": 3, "s": "t"})
@example({"a": [1, 4], "b": [2, 5], "c": [3, 6], "s": ["t", "u"]})
def test_the_quick_way_with_columns(columns: dict[str, object]) -> None:
    body = json.dumps(columns).encode()
    quick = outcome(lambda: FastDecoder(TABLE).decode(body))
    exact = outcome(lambda: feeds_of(TABLE, parse_tensors(body, depth_limit=32)))
    if quick is None:
        return
    if isinstance(quick, str) or isinstance(exact, str):
        assert quick == exact
        return
    assert quick["x"].dtype == exact["x"].dtype
    for name in ("x", "s"):
        np.testing.assert_array_equal(quick[name], exact[name])


def test_the_quick_way_is_taken_by_the_usual_request() -> None:
    decoder = FastDecoder(model_of(TensorProto.FLOAT, [-1, 3]))
    for value in ([1, 2, 3], [[1.5, 2, 3]], [[1, 2, 3], [4, 5, 6]]):
        assert decoder.decode(json.dumps({"x": value}).encode()) is not None
    found = FastDecoder(TABLE).decode(b'{"a":[1,4],"b":[2,5],"c":[3,6],"s":["t","u"]}')
    assert found is not None
    assert found["x"].tolist() == [[2, 3, 1], [5, 6, 4]]


@given(st.lists(st.integers(-3, 4), max_size=4).map(tuple), st.lists(st.integers(0, 4), max_size=4).map(tuple))
def test_a_resolved_shape_has_the_same_size_or_is_refused(wanted: tuple[int, ...], sent: tuple[int, ...]) -> None:
    wanted = tuple(max(dim, -1) for dim in wanted)
    resolved = outcome(lambda: resolve_shape(sent, wanted))
    if isinstance(resolved, str):
        assert resolved == f"Unable to resolve shape {list(sent)} into {list(wanted)}"
    else:
        assert np.zeros(sent).reshape(resolved).shape == resolved


def test_conversion_narrows_as_java() -> None:
    doubles = np.array([1e30, -1e30, np.nan, 2.9, -2.9])
    assert convert(doubles, "integer").tolist() == [2**31 - 1, -(2**31), 0, 2, -2]
    assert convert(doubles, "long").tolist() == [2**63 - 1, -(2**63), 0, 2, -2]
    assert convert(np.array([2**33 + 5, -1]), "integer").tolist() == [5, -1]
    assert convert(np.array([1e300]), "float").tolist() == [np.inf]


def test_windows_need_their_rows() -> None:
    assert roll(np.arange(6).reshape(3, 2), 2).tolist() == [[[0, 1], [2, 3]], [[2, 3], [4, 5]]]
    with pytest.raises(HttpError, match="Required batch size is 4"):
        roll(np.arange(3), 4)


def test_every_dimension_of_one_goes() -> None:
    assert simplified(np.zeros((1, 3, 1))).shape == (3,)
    assert simplified(np.zeros((1, 1))).shape == ()


def test_model_json_is_checked(tmp_path: Path) -> None:
    with pytest.raises(ModelFileError, match="no folder with"):
        read_models(tmp_path)
    folder = tmp_path / "one"
    folder.mkdir()
    good = {
        "schema": 1,
        "id": "a",
        "engine": "onnx",
        "entry": "m",
        "inputs": [{"name": "x", "type": "float"}],
        "outputs": [],
    }
    for change, why in (
        ({"schema": 2}, "has schema 2, and this server reads up to 1: a later version"),
        ({"schema": 2, "inputs": {"of": "another form"}}, "has schema 2"),
        ({"schema": 0}, "schema 0"),
        ({"schema": "1"}, "int"),
        ({"id": None}, "no id"),
        ({"entry": "../../words.txt"}, "outside"),
        ({"inputs": []}, "needs inputs"),
        ({"inputs": 3}, "array"),
    ):
        (folder / "model.json").write_text(json.dumps({**good, **change}))
        with pytest.raises(ModelFileError, match=why):
            read_models(tmp_path)
    rest = {key: value for key, value in good.items() if key != "schema"}
    (folder / "model.json").write_text(json.dumps({**rest, "id": "", "outputs": rest["inputs"], "of": "tomorrow"}))
    ((model,), _) = read_models(tmp_path)
    assert (model.schema, model.id) == (1, "")
