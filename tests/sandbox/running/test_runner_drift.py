"""Each way of drifting alters one tensor, whatever the answer looks like."""

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from migrate.sandbox.running.drift import Mode, alter


@pytest.mark.parametrize(
    ("mode", "answer", "expected"),
    [
        ("scale", {"n": 3, "p": [1.0, 2.0], "q": 4.0}, {"n": 3, "p": [1.01, 2.02], "q": 4.0}),
        ("scale", {"zero": 0.0, "p": 2.0}, {"zero": 0.0, "p": 2.02}),
        ("scale", {"odd": ["NaN", 2.0]}, {"odd": ["NaN", 2.02]}),
        ("swap", {"p": 0.5, "label": [0, 1, 2, 0]}, {"p": 0.5, "label": [2, 1, 0, 2]}),
        ("swap", {"label": 2}, {"label": 3}),
        ("swap", {"flag": True, "label": [1, 1]}, {"flag": True, "label": [0, 0]}),
        ("swap", {"band": ["low", "high"]}, {"band": ["high", "low"]}),
        ("swap", {"band": "low"}, {"band": "wol"}),
        ("swap", {"band": "a"}, {"band": "a'"}),
        ("swap", {"p": [[0.1, 0.9]]}, {"p": [[0.9, 0.1]]}),
        ("nan", {"n": 1, "p": [[0.1], [0.2]]}, {"n": 1, "p": [["NaN"], [0.2]]}),
        ("nan", {"p": 0.5}, {"p": "NaN"}),
    ],
)
def test_alterations(mode: Mode, answer: dict[str, Any], expected: dict[str, Any]) -> None:
    assert json.loads(alter(json.dumps(answer).encode(), mode)) == expected


@pytest.mark.parametrize("mode", ["scale", "swap", "nan"])
@pytest.mark.parametrize("body", [b"", b"no json", b"[1.5]", b"{}", b'{"flag":true}'])
def test_what_cannot_drift_stays(mode: Mode, body: bytes) -> None:
    assert alter(body, mode) == body


LEAVES = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text()
ANSWERS = st.dictionaries(st.text(), st.recursive(LEAVES, lambda inner: st.lists(inner, max_size=4), max_leaves=10))


@settings(deadline=None)
@given(ANSWERS, st.sampled_from(["scale", "swap", "nan"]))
def test_at_most_one_tensor_is_altered(answer: dict[str, Any], mode: Mode) -> None:
    altered = json.loads(alter(json.dumps(answer).encode(), mode))
    assert list(altered) == list(answer)
    assert sum(repr(altered[name]) != repr(value) for name, value in answer.items()) <= 1
