"""The old runtime's values: parsing, shapes, conversions and texts, by the golden vectors of single rules."""

import json
import struct
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from migrate.sandbox.running.old_runtime.models import _with_image
from migrate.sandbox.running.old_runtime.tensors import RefusalError, Tensor, build, columns, fit, narrow, resolve, roll
from migrate.sandbox.running.old_runtime.texts import hash_map_order, number_text, write_tensors
from tests import golden_folders

OWN: dict[str, list[dict[str, Any]]] = {
    "parse": [
        {"input": [1, 2.5], "expect": {"type": "double", "shape": [2], "nullable": False}},
        {"input": [[1], [2, 3]], "expect": {"error": "ragged"}},
        {"input": 3000000000, "expect": {"type": "long", "shape": [], "nullable": False}},
    ],
    "resolve_shape": [
        {"from": [28, 28], "to": [-1, -1, -1, 1], "expect": [28, 28, 1, 1]},
        {"from": [4], "to": [-1, 4], "expect": [1, 4]},
        {"from": [5], "to": [2, 2], "expect": "error"},
    ],
    "image_shape": [
        {"shape": [-1, 8, 8, 1], "expect": {"image_shape": ["BATCH_SIZE", "HEIGHT", "WIDTH", "CHANEL"]}},
        {"shape": [1, 224, 224, 4], "expect": {"image_shape": ["CHANEL", "BATCH_SIZE", "HEIGHT", "WIDTH"]}},
        {"shape": [-1, 3], "expect": None},
    ],
    "java_hashmap_order": [
        {"names": ["output_label", "output_probability"], "expect": ["output_probability", "output_label"]}
    ],
    "java_float_text": [
        {"float32": 1e-05, "text": "1.0E-5"},
        {"float32": 123456.79, "text": "123456.79"},
        {"float32": 1e-45, "text": "1.4E-45"},
    ],
}


def vectors(kind: str) -> list[dict[str, Any]]:
    return OWN[kind] + golden_folders.vectors(kind)


@pytest.mark.parametrize("vector", vectors("parse"))
def test_parse(vector: dict[str, Any]) -> None:
    if "error" in vector["expect"]:
        with pytest.raises(RefusalError):
            build(vector["input"])
        return
    tensor = build(vector["input"])
    got = {"type": tensor.type, "shape": list(tensor.shape), "nullable": tensor.nullable}
    assert got == vector["expect"]


@pytest.mark.parametrize("vector", vectors("resolve_shape"))
def test_resolve_shape(vector: dict[str, Any]) -> None:
    if vector["expect"] == "error":
        with pytest.raises(RefusalError, match="Unable to resolve shape"):
            resolve(tuple(vector["from"]), vector["to"])
        return
    assert list(resolve(tuple(vector["from"]), vector["to"])) == vector["expect"]


@pytest.mark.parametrize("vector", vectors("image_shape"))
def test_image_shape(vector: dict[str, Any]) -> None:
    found = _with_image({"name": "x", "type": "float", "shape": vector["shape"]}).get("image_transformer")
    if vector["expect"] is None:
        assert found is None
    else:
        assert found["image_shape"] == vector["expect"]["image_shape"]
        assert found["property_chanel"] == vector["expect"].get("property_chanel", found["property_chanel"])


@pytest.mark.parametrize("vector", vectors("java_hashmap_order"))
def test_hash_map_order(vector: dict[str, Any]) -> None:
    assert hash_map_order(vector["names"]) == vector["expect"]


@pytest.mark.parametrize("vector", vectors("java_float_text"))
def test_float_text(vector: dict[str, Any]) -> None:
    number = np.float32(vector["float32"]) if "float32" in vector else np.float64(vector["float64"])
    assert number_text(number) == vector["text"]


@given(st.floats(width=32))
def test_float_texts_read_back(value: float) -> None:
    text = number_text(np.float32(value))
    got = np.float32(json.loads(text))
    assert struct.pack("f", got) == struct.pack("f", np.float32(value)) or np.isnan(got)


@pytest.mark.parametrize(
    ("value", "kind", "expected"),
    [
        (1e20, "integer", 2**31 - 1),
        (-1e20, "long", -(2**63)),
        (9.3e18, "long", 2**63 - 1),
        (float("nan"), "integer", 0),
        (-1.9, "integer", -1),
        (1e300, "float", np.inf),
    ],
)
def test_java_narrowing_of_doubles(value: float, kind: str, expected: float) -> None:
    assert narrow(np.array([value]), kind).tolist() == [expected]


def test_long_to_integer_keeps_the_low_bits() -> None:
    assert narrow(np.array([2**32 + 5], np.int64), "integer").tolist() == [5]


def test_nulls_become_zeros() -> None:
    assert fit(build([None, 2]), "float", [-1]).tolist() == [0.0, 2.0]
    with pytest.raises(RefusalError, match="Internal error"):
        fit(build([None, "a"]), "string", [-1])


def test_windows_roll_over_rows() -> None:
    assert roll(build([[1, 2], [3, 4], [5, 6]]), 2) == Tensor("integer", (2, 2, 2), [1, 2, 3, 4, 3, 4, 5, 6])
    with pytest.raises(RefusalError):
        roll(build([1]), 2)


FIELD = {"name": "t", "fields": [{"name": "a", "index": 1}, {"name": "b", "index": 0}]}


def test_columns_are_placed_by_their_index() -> None:
    table = columns(FIELD, {"a": build([1.5, 2.5]), "b": build([3, 4])})
    assert table == Tensor("double", (2, 2), [3, 1.5, 4, 2.5])
    assert columns(FIELD, {"a": build(1), "b": build(2)}).shape == (1, 2)


@pytest.mark.parametrize(
    ("a", "b", "status", "message"),
    [
        ([1], [[1]], 400, "vectors"),
        ([1], [1, 2], 400, "of the same size"),
        ([1], [1.5], 500, "Internal"),
        ([1], ["x"], 500, "Internal"),
        ([1, None], [1, 2], 500, "Internal"),
    ],
)
def test_columns_that_do_not_fit(a: object, b: object, status: int, message: str) -> None:
    with pytest.raises(RefusalError, match=message) as caught:
        columns(FIELD, {"a": build(a), "b": build(b)})
    assert caught.value.status == status


def test_a_missing_column_is_named() -> None:
    with pytest.raises(RefusalError, match="either a tensor with name t or with name b"):
        columns(FIELD, {"a": build([1])})


def test_answers_are_written_as_java_wrote_them() -> None:
    tensors = {
        "label": np.array([[7]], np.int64),
        "flag": np.array([True, False]),
        "text": np.array([['a"ü']], object),
        "odd": np.array([np.nan, np.inf, -np.inf, 1.0, 1e7], np.float64),
    }
    parts = {
        '"label":7',
        '"flag":[true,false]',
        '"text":"a\\"ü"',
        '"odd":["NaN","Infinity","-Infinity",1.0,1.0E7]',
    }
    body = write_tensors(tensors, simplify=True)
    assert all(part in body for part in parts)
    assert len(body) == sum(map(len, parts)) + 5
    assert write_tensors({"label": tensors["label"]}, simplify=False) == '{"label":[[7]]}'
