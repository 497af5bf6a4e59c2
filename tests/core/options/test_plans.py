"""A run that applies a plan speaks as apply: what the plan decides is planned again, and not typed."""

from pathlib import Path

import pytest

from migrate.core.options.plans import AppliedOptions, ApplyOptions, PlanOptions
from migrate.core.options.sources import RunOptions
from migrate.core.text import type_again

RUN = RunOptions(source="models@GRA")
APPLIED = AppliedOptions(
    source="models@GRA", applied=ApplyOptions(plan=Path("/a/plan.json")), planned=PlanOptions(source="models@GRA")
)


def test_others_are_told_the_command_that_was_typed() -> None:
    assert RUN.doing == "run models@GRA"
    assert APPLIED.doing == "apply plan.json, of models@GRA"


@pytest.mark.parametrize(
    ("text", "as_applied"),
    [
        (
            type_again("Give each replica more memory", adding="--cpus NUMBER"),
            "Give each replica more memory, then plan again with --cpus NUMBER.",
        ),
        (type_again(adding="--allow-unsafe sha256:0"), "Plan again with --allow-unsafe sha256:0."),
        (
            type_again("Take it over with --adopt, or undo it where it was made"),
            "Take it over with --adopt, or undo it where it was made, then plan again.",
        ),
        ("Give at most --cpus 4.", "Give at most --cpus 4. The plan decides that: plan again."),
        ("Give answers with --samples.", "Give answers with --samples. The plan decides that: plan again."),
        (type_again("Wait a while"), None),
        (type_again(adding="--workspace and another folder"), None),
        ("Type: migrate plan models@GRA --adopt", None),
        ("", None),
    ],
)
def test_a_next_step_names_no_option_that_apply_does_not_have(text: str, as_applied: str | None) -> None:
    assert RUN.advice(text) == text
    assert APPLIED.advice(text) == (text if as_applied is None else as_applied)
