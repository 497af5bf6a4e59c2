"""The pages made from declarations are the ones in the repository, and nothing that they should say is missing."""

import ast
import importlib
import re
import sys
from collections.abc import Iterator
from dataclasses import MISSING, fields
from pathlib import Path
from types import ModuleType
from typing import Any, get_args

import pytest

from migrate.core.codes import access, files, hazards, machine, models, services, typed
from migrate.core.codes.catalogue import CODES, TABLES
from migrate.core.errors import EXIT_TEXTS, ExitCode
from migrate.core.options.declaration import Option, parameters
from migrate.core.options.tree import COMMANDS
from migrate.ovhcloud.config import _NAMES
from migrate.server.limits import Settings

ROOT = Path(__file__).parents[2]
SCRIPTS = ROOT / "scripts"


@pytest.fixture(scope="module", autouse=True)
def _scripts() -> Iterator[None]:
    sys.path.insert(0, str(SCRIPTS))
    yield
    sys.path.remove(str(SCRIPTS))


@pytest.fixture(scope="module")
def codes() -> ModuleType:
    return importlib.import_module("document_codes")


@pytest.fixture(scope="module")
def options() -> ModuleType:
    return importlib.import_module("document_options")


@pytest.fixture(scope="module")
def plan() -> ModuleType:
    return importlib.import_module("document_plan")


@pytest.mark.parametrize("name", ["codes", "options", "plan"])
def test_the_page_is_the_one_that_the_script_writes(name: str, request: pytest.FixtureRequest) -> None:
    made = request.getfixturevalue(name)
    assert made.TARGET.read_text(encoding="utf-8") == made.page(), "type: make docs"


# codes


def test_every_code_that_is_raised_has_a_meaning(codes: ModuleType) -> None:
    assert codes.unknown(codes.calls()) == []


@pytest.mark.parametrize(
    "text",
    [
        'LocalError("It broke.", code="never-heard-of")',
        'RemoteError("It broke.", code="network" if x else "never-heard-of")',
        'FormatError("never-heard-of", "It is broken.", "Mend it.")',
        'FormatError(reason="never-heard-of", text="", task="")',
        'case.danger(path, "never-heard-of", "It runs code.")',
        'Outcome(model="m", outcome="skipped", reason="never-heard-of")',
    ],
)
def test_a_code_without_a_meaning_is_found(codes: ModuleType, text: str) -> None:
    (found,) = codes.unknown([ast.parse(text, mode="eval").body])
    assert found[1] == "never-heard-of"


@pytest.mark.parametrize(
    ("literal", "table"),
    [
        (access.AccessCode, access.ACCESS),
        (files.FileCode, files.FILES),
        (hazards.HazardCode, hazards.HAZARDS),
        (machine.MachineCode, machine.MACHINE),
        (models.ModelCode, models.MODELS),
        (services.ServiceCode, services.SERVICES),
        (typed.TypingCode, typed.TYPING),
    ],
)
def test_a_table_has_what_the_type_checker_allows(literal: Any, table: dict[str, object]) -> None:
    assert set(get_args(literal)) == set(table)
    assert len(get_args(literal)) == len(set(get_args(literal)))


def test_a_code_is_in_one_table() -> None:
    assert sum(map(len, TABLES.values())) == len(CODES)


def test_meanings_are_sentences() -> None:
    for code, meaning in CODES.items():
        for text in (meaning.text, meaning.next_step):
            assert re.match(r"^[A-Z\-].*\.$", text, re.DOTALL), (code, text)


def test_no_code_is_explained_that_nothing_says(codes: ModuleType) -> None:
    said: set[str] = set()
    for path in codes.SOURCE.rglob("*.py"):
        parts = path.relative_to(codes.SOURCE).parts
        if parts[0] not in codes.ELSEWHERE and parts[:2] != ("core", "codes"):
            tree = ast.parse(path.read_text(encoding="utf-8"))
            said |= {node.value for node in ast.walk(tree) if isinstance(node, ast.Constant) and node.value in CODES}
    assert set(CODES) - said == set()


def test_verdicts_are_those_of_the_code(codes: ModuleType) -> None:
    found: dict[str, set[str]] = {}
    for call in codes.calls():
        name = call.func.attr if isinstance(call.func, ast.Attribute) else getattr(call.func, "id", "")
        if name == "FormatError":
            given = next((keyword.value for keyword in call.keywords if keyword.arg == "verdict"), None)
            sides = codes._sides(given) if given is not None else (ast.Constant("unreadable"),)
            verdicts = {side.value for side in sides}
        elif name in {"danger", "archive_error", "fail", "RecordError", "NameProblem"}:
            verdicts = {"quarantined"}
        elif name == "hazard":
            verdicts = {"ready"}
        else:
            continue
        for code in codes.codes_of(call):
            found.setdefault(code, set()).update(verdicts)
    assert len(found) > 80
    for code, verdicts in found.items():
        assert verdicts == set(CODES[code].verdicts), code


def test_the_kinds_of_error_are_read_from_the_source(codes: ModuleType) -> None:
    kinds = codes.raised()
    assert kinds["quota-exceeded"] == {"NeedsYouError"}
    assert kinds["shares-app"] == {"UsageError", "NeedsYouError"}
    unknown = {code for code, meaning in CODES.items() if not kinds.get(code) and not meaning.verdicts}
    assert unknown == {"interrupted", "bug", "undone"}  # these are no errors


# options, variables, exit codes


def test_every_option_of_every_command_is_on_the_page(options: ModuleType) -> None:
    page = options.page()
    for kind in COMMANDS:
        section = page.split(f"## `migrate {kind.about.name}`\n")[1].split("\n## ")[0]
        for parameter in parameters(kind):
            names = parameter.about.names if isinstance(parameter.about, Option) else (parameter.about.metavar,)
            assert all(f"`{name}`" in section for name in names), (kind, names)


def test_the_page_says_how_a_command_is_typed(options: ModuleType) -> None:
    usages = {kind.about.name: options.usage(kind) for kind in COMMANDS}
    assert usages["why"] == "migrate why [OPTIONS] SOURCE MODEL"
    assert usages["list"] == "migrate list [OPTIONS] [SOURCE]"
    assert usages["sandbox fail"] == "migrate sandbox fail [OPTIONS] [FAULT] [NAME=VALUE]..."


def test_every_variable_that_is_read_is_on_the_page(options: ModuleType, codes: ModuleType) -> None:
    known = {name for name, _ in options.variables()}
    families = tuple(name.removesuffix("*") for name in known if name.endswith("*"))
    read = {f"OVH_{name.upper()}" for name in _NAMES}
    for path in codes.SOURCE.rglob("*.py"):
        parts = path.relative_to(codes.SOURCE).parts
        if parts[0] in codes.ELSEWHERE or parts[:2] in {("parity", "oracles"), ("core", "options")}:
            continue  # what stands alone, and the declarations themselves
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Constant) and isinstance(node.value, str):
                read |= set(re.findall(r"\A(?:MIGRATE|OVH)_[A-Z_]+\Z", node.value))
            for name in _asked(node):
                read.add(name)
    read -= {"PATH"}
    assert {name for name in read if name not in known and not name.startswith(families)} == set()
    # read by libraries: requests, docker, platformdirs; the rest is asked for by name
    assert {name for name in known - read if not name.endswith("*")} == {
        "HTTPS_PROXY", "MIGRATE_WORKSPACE", "MIGRATE_SANDBOX", "MIGRATE_STATE",
    }  # fmt: skip


def _asked(node: ast.AST) -> Iterator[str]:
    """The names in ``environ.get("NAME")`` and ``environ["NAME"]``."""
    match node:
        case ast.Call(func=ast.Attribute(attr="get", value=owner), args=[ast.Constant(value=str(name)), *_]):
            pass
        case ast.Subscript(value=owner, slice=ast.Constant(value=str(name)), ctx=ast.Load()):
            pass
        case _:
            return
    if (owner.attr if isinstance(owner, ast.Attribute) else getattr(owner, "id", "")).startswith("environ"):
        yield name


def test_exit_codes_are_told_alike() -> None:
    assert set(EXIT_TEXTS) == set(ExitCode)
    rows = re.findall(r"^\| (\d+) \| (.+) \|$", (ROOT / "README.md").read_text(encoding="utf-8"), re.MULTILINE)
    assert {ExitCode(int(code)): text for code, text in rows} == EXIT_TEXTS


def test_the_servers_settings_are_told_with_their_defaults() -> None:
    page = (ROOT / "docs" / "server-settings.md").read_text(encoding="utf-8")
    told = dict(re.findall(r"^\| `(MIGRATE_\w+)` \| `?([^|`]+?)`? \|", page, re.MULTILINE))
    for setting in fields(Settings):
        default = "none" if setting.default is MISSING else setting.default
        shown = told[f"MIGRATE_{setting.name.upper()}"]
        assert shown == str(int(default) if isinstance(default, (bool, float)) else default), setting.name
