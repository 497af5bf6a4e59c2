"""Keys change with everything that a value is made from."""

from hypothesis import given
from hypothesis import strategies as st

from migrate.migration.run.step_engine import step_key

BASE = ("build", 1, ("sha256:a", "sha256:b"), {"base": None})


def test_a_key_changes_with_step_version_inputs_and_options() -> None:
    keys = {
        step_key(*BASE),
        step_key("push", *BASE[1:]),
        step_key("build", 2, *BASE[2:]),
        step_key("build", 1, ("sha256:a",), {"base": None}),
        step_key("build", 1, ("sha256:b", "sha256:a"), {"base": None}),
        step_key("build", 1, BASE[2], {"base": "python:3.12"}),
        step_key("build", 1, BASE[2], {"base": "None"}),
        step_key("build", 1, BASE[2]),
    }
    assert len(keys) == 8
    assert all(len(key) == 64 for key in keys)


def test_the_order_of_options_says_nothing() -> None:
    assert step_key("s", 1, (), {"a": 1, "b": 2}) == step_key("s", 1, (), {"b": 2, "a": 1})


@given(st.lists(st.text(max_size=5), max_size=4), st.lists(st.text(max_size=5), max_size=4))
def test_two_lists_of_inputs_never_share_a_key(one: list[str], other: list[str]) -> None:
    assert (step_key("s", 1, tuple(one)) == step_key("s", 1, tuple(other))) == (one == other)
