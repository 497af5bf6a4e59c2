"""What an undo tells: after a failure, the command that goes on with the same models."""

import pytest

from migrate.commands.undo import show_undone
from migrate.core.options.sources import UndoOptions
from migrate.migration.undo.undo import Undone


def test_the_command_that_goes_on_names_the_same_models(capsys: pytest.CaptureFixture[str]) -> None:
    options = UndoOptions(source="ns", models=("a b", "c"), project="p", yes=True)
    show_undone(Undone(source="ns", project="p", deleted=("app 1",), stay=(), failed=("app 2: no answer",)), options)
    assert capsys.readouterr().out.splitlines() == [
        "ns in the project p",
        "deleted  app 1",
        "failed   app 2: no answer",
        "1 deleted.",
        "Go on with: migrate undo ns --model 'a b' --model c --project p",
    ]


def test_what_stays_is_counted_and_the_option_that_names_all_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    show_undone(
        Undone(source="ns", project="p", deleted=(), stay=tuple(f"image {n}" for n in range(7)), failed=()),
        UndoOptions(source="ns"),
    )
    shown = capsys.readouterr().out
    assert "stays    and 2 more; with --json all are named" in shown
    assert shown.endswith("There was nothing to delete.\n")
