from typing import Any, Literal

import pytest

from migrate.core.errors import UsageError
from migrate.core.options.plans import PlanOptions
from migrate.core.options.sources import RunOptions

HERE = "oci:/srv/base.tar"
THERE = "mirror.example/python:3.11"


@pytest.mark.parametrize(
    ("chosen", "builder"),
    [
        ({}, "auto"),
        ({"base_image": THERE}, "auto"),
        ({"base_image": HERE}, "none"),
        ({"slim": True}, "engine"),
        ({"builder": "none", "base_image": HERE}, "none"),
        ({"builder": "engine", "slim": True}, "engine"),
    ],
)
def test_auto_is_what_the_other_options_need(
    chosen: dict[str, Any], builder: Literal["auto", "engine", "none"]
) -> None:
    assert RunOptions(source="models@GRA", **chosen).chosen_builder == builder


@pytest.mark.parametrize(
    ("chosen", "word"),
    [
        ({"builder": "none", "slim": True}, "--slim"),
        ({"base_image": HERE, "slim": True}, "--base-image"),
        ({"builder": "engine", "base_image": HERE}, "--builder none"),
    ],
)
def test_what_contradicts_itself_is_refused(chosen: dict[str, Any], word: str) -> None:
    with pytest.raises(UsageError) as caught:
        RunOptions(source="models@GRA", **chosen)
    assert word in caught.value.next_step


def test_a_plan_holds_no_path() -> None:
    with pytest.raises(UsageError, match="a plan holds no path"):
        PlanOptions(source="models@GRA", base_image=HERE)
