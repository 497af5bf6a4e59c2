"""Every option of every command: what was typed, written back as a command and typed again, means the same.

The words come from the declarations, and both times the real parser reads them; only the command itself is not begun.
"""

import shlex
import string
from collections.abc import Iterator
from pathlib import Path
from typing import get_type_hints

import pytest
import typer
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from migrate.cli.application import command_line
from migrate.cli.calls import CALLS
from migrate.core.errors import ExitCode
from migrate.core.options.declaration import AS_JSON, PROGRAM, Argument, Option, Options, Parameter, parameters
from migrate.core.options.tree import COMMANDS

DIGESTS = ["sha256:" + digit * 64 for digit in "0af"]
TEXTS = ["plain", "with blank", "it's", 'a"b', "$HOME `id` \\ *", "-dashed", "--json", "a=b", "ü→", "two\nlines"]
SPECIAL = {  # values that the declaration checks
    "--allow-unsafe": DIGESTS,
    "--expect": DIGESTS,
    "--ticket": ["CHG0012345", "a.b_c-d", "7"],
    "--state": ["shared", "/abs/with blank", "~/of mine", "~nobody-has-this-name/x", "file:///srv/it's"],
    "--registry": ["r.test", "https://r.test/team", "127.0.0.1:5000/team/models"],
    "--region": ["BHS", "gra", "de"],
    "--rehearsal-timeout": ["1", "900", "0.5e3", "86413", "1234567.25"],
}


def values(parameter: Parameter) -> list[str]:
    """Some texts to type for a parameter."""
    about, kind = parameter.about, parameter.kind
    if isinstance(about, Option):
        if about.name in SPECIAL:
            return SPECIAL[about.name]
        if parameter.choices:
            return list(parameter.choices)
        if kind in (int, int | None):
            assert about.least is not None
            assert about.most is not None
            return [str(about.least), str(about.most), "7"]
    if kind in (Path, Path | None):
        return ["relative", "/abs/with blank", "~/of mine", "~nobody-has-this-name/x", "../it's", "-dashed", "./ü"]
    return TEXTS


def words(kind: type[Options], chosen: dict[str, list[str]]) -> list[str]:
    """A command line that gives these values, and something to what is required."""
    bare: list[str] = []
    named: list[str] = []
    for parameter in parameters(kind):
        texts = chosen.get(parameter.field, [])
        if not texts and parameter.required:
            texts = ["something"]
        if isinstance(parameter.about, Argument):
            bare += texts
        elif parameter.kind is bool:
            named += [parameter.about.name] if texts else []
        else:
            named += [word for text in texts for word in (parameter.about.name, text)]
    return [*kind.about.name.split(), *named, "--", *bare]


class Parser:
    """The real parser, made once for all command lines."""

    def __init__(self) -> None:
        self._found: list[Options] = []
        self._commands = typer.main.get_command(command_line(completion=False, perform=self._keep))

    def _keep(self, options: Options) -> ExitCode:
        self._found.append(options)
        return ExitCode.DONE

    def __call__(self, typed: list[str]) -> Options:
        """What it makes of a command line."""
        self._found.clear()
        self._commands(args=typed, prog_name=PROGRAM, standalone_mode=False)
        (options,) = self._found
        return options


parse = Parser()


def kept(options: Options) -> dict[str, object]:
    """The fields that the next command has too."""
    return {
        parameter.field: getattr(options, parameter.field)
        for parameter in parameters(type(options))
        if not isinstance(parameter.about, Option) or parameter.about.kept
    }


def again(options: Options) -> Options:
    program, *typed = shlex.split(options.command())
    assert program == PROGRAM
    return parse(typed)


@pytest.fixture(autouse=True)
def nothing_is_set(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for kind in COMMANDS:
        for parameter in parameters(kind):
            if isinstance(parameter.about, Option) and parameter.about.variable:
                monkeypatch.delenv(parameter.about.variable, raising=False)
    monkeypatch.chdir(tmp_path)


def each() -> Iterator[tuple[type[Options], Parameter]]:
    for kind in COMMANDS:
        for parameter in parameters(kind):
            yield kind, parameter


@pytest.mark.parametrize(
    ("kind", "parameter"), list(each()), ids=lambda one: one.field if isinstance(one, Parameter) else one.about.name
)
def test_each_option_comes_back(kind: type[Options], parameter: Parameter) -> None:
    given_values = [["set"]] if parameter.kind is bool else [[text] for text in values(parameter)]
    if parameter.repeated:
        given_values.append(values(parameter)[:3])
        given_values.append([*values(parameter)[:2]] * 2)
    counted = 0
    for texts in given_values:
        chosen = {parameter.field: texts}
        if kind.about.name == "sandbox fail" and parameter.field == "arguments":
            chosen["fault"] = ["429"]
        first = parse(words(kind, chosen))
        counted += getattr(first, parameter.field) != parameter.default
        second = again(first)
        assert kept(second) == kept(first), first.command()
        assert second.command() == first.command()
        if isinstance(parameter.about, Option) and not parameter.about.kept:
            assert getattr(second, parameter.field) == parameter.default
    assert counted >= len(given_values) - 1, "the values were not typed, or are the default"


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_options_come_back_together(data: st.DataObject) -> None:
    kind = data.draw(st.sampled_from(COMMANDS))
    chosen: dict[str, list[str]] = {}
    for parameter in parameters(kind):
        if isinstance(parameter.about, Argument) and not parameter.required and kind.about.name == "sandbox fail":
            continue  # a second argument needs the first
        if parameter.field in {"replicas", "scale_max"} and chosen.keys() & {"replicas", "scale_min"}:
            continue  # they contradict each other, or may
        if parameter.field == "scale_min" and "replicas" in chosen:
            continue
        if parameter.field in {"slim", "builder"} and chosen.keys() & {"slim", "builder"}:
            continue  # a model is converted by an engine
        if data.draw(st.booleans()):
            text = st.sampled_from(values(parameter))
            if parameter.kind in (str, str | None) and values(parameter) is TEXTS:
                text = st.text(string.printable, min_size=1) | text
            most = 3 if parameter.repeated else 1
            chosen[parameter.field] = data.draw(st.lists(text, min_size=1, max_size=most))
    first = parse(words(kind, chosen))
    assert kept(again(first)) == kept(first)


def test_a_variable_stands_for_its_option_and_is_written_back(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("MIGRATE_WORKSPACE", str(tmp_path / "a b"))
    first = parse(["run", "ns"])
    assert f"--workspace '{tmp_path}/a b'" in first.command()
    monkeypatch.delenv("MIGRATE_WORKSPACE")
    assert again(first) == first


def test_the_token_of_a_first_run_opens_the_old_endpoint_in_the_second(tmp_path: Path) -> None:
    first = parse(["run", "ns", "--old-token-file", "my token"])
    assert first.command() == f"migrate run ns --old-token-file '{tmp_path}/my token'"
    assert again(first) == first


def test_every_command_is_carried_out_by_a_function_of_its_own_options() -> None:
    assert set(CALLS) == set(COMMANDS)
    for kind, call in CALLS.items():
        assert get_type_hints(call)["options"] is kind


def test_json_is_asked_for_in_two_ways() -> None:
    assert parse(["list", AS_JSON.name]).json
    assert parse(["list", "-o", "json"]).json
    assert not parse(["list", "-o", "text"]).json
