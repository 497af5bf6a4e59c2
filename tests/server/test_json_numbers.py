"""Many numbers are written in one pass, each as it is written alone, which is as Java writes it."""

from typing import Any

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from migrate.server.rendering.json import leaf_texts, row_texts, tensor_text

EDGES = [0.0, -0.0, 1e-3, 9.999e-4, 1e-4, 1.5e-5, 1e-6, -1e-7, 1.5e-7, 9.99, 10.0005, -100.0001, 9999999.0, 1e7, 1e16]
LAST = [1.4e-45, 1e-44, 1.1754944e-38, 5e-324, 1e-323, 2.2e-308, 4e-40, 1e-39]
VALUES = st.one_of(
    st.floats(),
    st.floats(-1, 1, allow_subnormal=False),
    st.floats(-1e-2, 1e-2),
    st.sampled_from([*EDGES, *LAST]),
)


@given(st.lists(VALUES, min_size=1, max_size=12), st.sampled_from([np.float16, np.float32, np.float64]))
@example(EDGES, np.float32)
@example(LAST, np.float32)
@example(LAST, np.float64)
@example([1e-7, 1.5e-7, 0.5], np.float32)
@example([10.0001, 0.0001], np.float64)
def test_in_one_pass_as_alone(values: list[float], kind: Any) -> None:
    with np.errstate(all="ignore"):
        data = np.array(values, kind)
    many = np.tile(data, 40)
    wide = data.astype(np.float32) if kind is np.float16 else data
    alone = [leaf_texts(wide[place : place + 1])[0] for place in range(len(wide))]
    quoted = [text if text[-1].isdigit() else f'"{text}"' for text in alone]
    assert tensor_text(many).decode() == "[" + ",".join(quoted * 40) + "]"
    table = many.reshape(40, len(data))
    row = ",".join(quoted)
    assert tensor_text(table).decode() == "[" + ",".join([f"[{row}]"] * 40) + "]"
    assert row_texts(table) == ([f"[{row}]".encode()] * 40 if len(data) > 1 else [row.encode()] * 40)


@pytest.mark.parametrize("value", ["1.0E-4", "1.5E-5", "1.0E-7", "1.5E-7", "10.0005", "-1.25E-6", "9999999.0", "0.001"])
def test_java_writes(value: str) -> None:
    text = tensor_text(np.full(64, float(value))).decode()
    assert text == "[" + ",".join([value] * 64) + "]"
