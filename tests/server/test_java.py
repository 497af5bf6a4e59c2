"""Java's habits, on the golden vectors and on numbers that nobody chose."""

import math
import re

import numpy as np
import orjson
from hypothesis import given
from hypothesis import strategies as st

from migrate.server.java import hash_order, number_text, string_hash
from migrate.server.rendering.json import tensor_text

PLAIN = re.compile(r"-?(0|[1-9]\d*)\.\d+")
SCIENTIFIC = re.compile(r"-?[1-9]\.\d+E-?\d+")


def test_string_hash_is_javas() -> None:
    # The values that String.hashCode documents by its formula; the last one overflows and has a surrogate pair.
    assert string_hash("") == 0
    assert string_hash("a") == 97
    assert string_hash("ab") == 97 * 31 + 98
    assert string_hash("\U0001f600") == (0xD83D * 31 + 0xDE00) % 2**32
    assert string_hash("probabilities") < 2**32


def test_hash_order_grows_its_table_as_a_map_does() -> None:
    few = [chr(65 + number) for number in range(12)]
    assert hash_order(reversed(few)) == tuple(few)
    # The 13th name doubles the table of 16, so that "P" (80) and "@" (64) no longer share a bucket.
    assert hash_order(["P", "@"]) == ("P", "@")
    assert hash_order(["P", "@", *few]).index("@") < hash_order(["P", "@", *few]).index("P")


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_number_text_reads_back_and_has_javas_form(number: float) -> None:
    text = number_text(repr(number))
    assert float(text) == number
    assert math.copysign(1, float(text)) == math.copysign(1, number)
    plain = number == 0 or 1e-3 <= abs(number) < 1e7
    assert (PLAIN if plain else SCIENTIFIC).fullmatch(text)


@given(st.lists(st.floats(width=32), min_size=1, max_size=5))
def test_float32_tensors_have_the_shortest_text_of_their_own_precision(numbers: list[float]) -> None:
    data = np.array(numbers, np.float32)
    back = np.array([float(item) for item in orjson.loads(tensor_text(data))], np.float32)
    np.testing.assert_array_equal(back, data)


def test_words_for_what_is_no_number() -> None:
    data = np.array([[np.nan, np.inf], [-np.inf, 1e-5]])
    assert tensor_text(data) == b'[["NaN","Infinity"],["-Infinity",1.0E-5]]'
    assert tensor_text(np.array(np.float32(0.1))) == b"0.1"


def test_the_smallest_numbers_have_two_digits_where_one_suffices() -> None:
    smallest = np.array([1, 2, 3], np.int32).view(np.float32)
    assert tensor_text(smallest) == b"[1.4E-45,2.8E-45,4.2E-45]"
    assert tensor_text(np.array([5e-324, -5e-324, 1e-323, 1e-300])) == b"[4.9E-324,-4.9E-324,9.9E-324,1.0E-300]"
