"""Declarations as values: every field has one, secrets have none, and what a command writes back is quoted."""

from pathlib import Path

import pytest

from migrate.core.errors import UsageError
from migrate.core.options.declaration import Argument, Command, Option, Options, absolute, parameters
from migrate.core.options.shared import ALLOW_UNSAFE
from migrate.core.options.sources import RunOptions, Typed, UndoOptions, WhyOptions
from migrate.core.options.tree import COMMANDS


def every_option() -> list[Option]:
    found = [parameter.about for kind in COMMANDS for parameter in parameters(kind)]
    return [about for about in found if isinstance(about, Option)]


def test_a_field_without_a_declaration_is_a_mistake() -> None:
    class Odd(Options, frozen=True, kw_only=True):
        about = Command(name="odd", group="Look", short="", help="", example="")
        plain: int = 0

    with pytest.raises(TypeError, match=r"Odd\.plain"):
        parameters(Odd)


def test_one_name_is_one_declaration() -> None:
    by_name: dict[str, set[int]] = {}
    for option in every_option():
        for name in option.names:
            by_name.setdefault(name, set()).add(id(option))
    assert {name: len(found) for name, found in by_name.items() if len(found) > 1} == {}


def test_the_first_name_is_the_long_one_and_each_help_is_a_sentence() -> None:
    for option in every_option():
        assert option.name.startswith("--")
        assert option.help.endswith((".", "-o json."))
        assert option.help[0].isupper()


def test_a_secret_is_never_the_value_of_an_option() -> None:
    for kind in COMMANDS:
        for parameter in parameters(kind):
            assert "Secret" not in str(parameter.kind)
            if any(word in parameter.field for word in ("token", "password", "secret", "key")):
                assert parameter.kind == Path | None, parameter  # a file that holds it


def test_commands_about_one_source_name_the_same_place() -> None:
    typed = Typed("my models@GRA", project="p", workspace=Path("/a b"))
    assert typed.undo("it's") == ("migrate undo 'my models@GRA' --model 'it'\"'\"'s' --project p --workspace '/a b'")
    assert typed.list() == "migrate list 'my models@GRA' --project p --workspace '/a b'"
    assert typed.status() == "migrate status 'my models@GRA' --project p --workspace '/a b'"
    assert typed.why("iris") == "migrate why 'my models@GRA' iris --project p --workspace '/a b'"
    assert typed.run() == "migrate run 'my models@GRA' --project p --workspace '/a b'"


def test_what_is_typed_next_shares_the_source_with_other_machines_as_before() -> None:
    assert RunOptions(source="ns", state="/shared").typed.undo() == "migrate undo ns --state /shared"
    assert UndoOptions(source="ns", state="/shared").typed.undo("a") == "migrate undo ns --model a --state /shared"
    assert UndoOptions(source="ns", state="/shared").typed.run() == "migrate run ns --state /shared"
    assert RunOptions(source="ns", state="/shared").typed.why("a") == "migrate why ns a"


def test_going_on_means_the_same_options() -> None:
    assert RunOptions(source="ns").again() == "migrate run ns"
    assert RunOptions(source="ns", models=("a", "b")).again("iris") == "migrate run ns --model iris"
    full = RunOptions(
        source="ns",
        workspace=Path("/w"),
        models=("a", "b"),
        layout="packed",
        jobs=2,
        region="BHS",
        registry="r.test/team",
        registry_user="me",
        samples=Path("/my samples"),
        old_token_file=Path("/run/token"),
        proof="recorded",
        adopt=True,
        slim=True,
        cpus=2,
        scale_min=0,
        scale_max=3,
    )
    assert full.again() == (
        "migrate run ns --model a --model b --slim --samples '/my samples' --proof recorded "
        "--old-token-file /run/token --region BHS --cpus 2 --scale-min 0 --scale-max 3 --registry r.test/team "
        "--registry-user me --adopt --layout packed --jobs 2 --workspace /w"
    )


@pytest.mark.parametrize(
    ("typed", "why"),
    [
        ({"replicas": 1, "scale_min": 1}, "--replicas is a fixed number"),
        ({"replicas": 1, "scale_max": 1}, "--replicas is a fixed number"),
        ({"scale_min": 3, "scale_max": 2}, "--scale-min 3 is more than --scale-max 2"),
    ],
)
def test_sizes_that_contradict_each_other(typed: dict[str, int], why: str) -> None:
    with pytest.raises(UsageError, match=why):
        RunOptions(source="ns", **typed)  # type: ignore[arg-type]


def test_what_was_called_cross_checked_asks_for_no_more_than_before() -> None:
    assert RunOptions(source="ns").least_proof == "engine"
    assert RunOptions(source="ns", proof="cross-checked").least_proof == "engine"
    assert RunOptions(source="ns", proof="verified").least_proof == "verified"


def test_consent_is_for_once() -> None:
    agreed = RunOptions(source="ns", yes=True, authorize=True, dry_run=True, as_json=True, output="json")
    assert agreed.again() == "migrate run ns"
    assert UndoOptions(source="ns", yes=True, models=("a",)).command() == "migrate undo ns --model a"
    once = {option.name for option in every_option() if not option.kept}
    assert once == {
        "--yes",
        "--authorize",
        "--dry-run",
        "--json",
        "--output",
        "--new-token",
        "--replace",
        "--fix",
        "--verbose",
    }


def test_what_looks_like_an_option_stands_behind_two_dashes() -> None:
    assert WhyOptions(source="ns", model="-rf", project="p").command() == "migrate why --project p -- ns -rf"


def test_paths_mean_the_same_elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", "/home/me")
    assert absolute(Path("a b")) == tmp_path / "a b"
    assert absolute(Path("~/a")) == Path("/home/me/a")
    assert absolute(Path("~nobody-has-this-name/a")) == tmp_path / "~nobody-has-this-name/a"


def test_a_parameter_knows_how_it_is_typed() -> None:
    kinds = {parameter.field: parameter for parameter in parameters(RunOptions)}
    assert kinds["allow_unsafe"].about is ALLOW_UNSAFE
    assert isinstance(kinds["source"].about, Argument)
    assert kinds["source"].required
    assert not kinds["models"].required
    assert kinds["layout"].choices == ("separate", "packed")
