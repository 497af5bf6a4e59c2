"""What people are told to type: one sentence sends them back, and every command and option that a text names exists."""

import ast
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import migrate
from migrate.core.options.declaration import Option, parameters
from migrate.core.options.tree import COMMANDS
from migrate.core.text import plan_again, type_again

ROOT = Path(migrate.__file__).parent
ELSEWHERE = ("server", "sandbox")  # they stand alone, and people type nothing at them
AGAIN = re.compile(
    r"\b(run|type|repeat|start)\b( it| the (same )?command| this| migrate)? (again|anew|once more)\b", re.IGNORECASE
)
COMMAND = re.compile(r"(?<!and )(?<!of )\bmigrate ([a-z]+(?: (?:start|stop|status|env|fail)\b)?)")
OPTION = re.compile(r"(?<![\w-])--[a-z][a-z-]+")
FOREIGN = re.compile(  # commands of others with their options, and words of a lock and of mmdebstrap
    r"\b(docker|ovhai|sudo|apt-get|timedatectl|uv|pip|python3?|mount|run --rm) |^ ?--(hash|aptopt)="
)


@cache
def texts() -> tuple[tuple[Path, ast.AST, str], ...]:
    """Every text of the tool that is not a docstring: plain ones, and f-strings with ``{}`` for what is put in."""
    return tuple(_texts())


def _texts() -> Iterator[tuple[Path, ast.AST, str]]:
    for path in sorted(ROOT.rglob("*.py")):
        if path.relative_to(ROOT).parts[0] in ELSEWHERE:
            continue
        tree = ast.parse(path.read_text(encoding="utf-8"))
        documented = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)
        skipped = {
            id(node.body[0].value)
            for node in ast.walk(tree)
            if isinstance(node, documented) and node.body and isinstance(node.body[0], ast.Expr)
        }
        for node in ast.walk(tree):
            if isinstance(node, ast.JoinedStr):
                skipped |= {id(part) for part in node.values}
        for node in ast.walk(tree):
            if id(node) in skipped:
                continue
            if isinstance(node, ast.Constant) and isinstance(node.value, str):
                yield path, node, node.value
            elif isinstance(node, ast.JoinedStr):
                yield (
                    path,
                    node,
                    "".join(part.value if isinstance(part, ast.Constant) else "{}" for part in node.values),
                )


def test_the_sentence() -> None:
    assert type_again() == "Type the same command again."
    assert type_again("Free some space") == "Free some space, then type the same command again."
    assert type_again("Look", adding="--yes", note="it asks no more") == (
        "Look, then type the same command again with --yes; it asks no more."
    )


def test_nobody_else_says_it() -> None:
    said = [(path.name, text) for path, _, text in texts() if AGAIN.search(text) and path.name != "text.py"]
    # the summary of a command in its help, and the sandbox's own: stop, then start
    assert [name for name, _ in said] == ["sandbox.py", "sources.py"], said


def test_a_command_with_something_put_in_is_written_by_its_declaration() -> None:
    by_hand = [
        (path.name, text)
        for path, node, text in texts()
        if isinstance(node, ast.JoinedStr) and re.search(r"\bmigrate [a-z ]+[^`.,;]*\{\}", text)
    ]
    assert by_hand == []


def test_every_command_that_a_text_names_exists() -> None:
    known = {kind.about.name for kind in COMMANDS} | {"sandbox", "state"}
    named = [(path.name, match) for path, _, text in texts() for match in COMMAND.findall(text)]
    assert len(named) > 10
    assert [(name, word) for name, word in named if word not in known] == []


def test_every_option_that_a_text_names_exists() -> None:
    known = {
        name
        for kind in COMMANDS
        for parameter in parameters(kind)
        if isinstance(parameter.about, Option)
        for name in parameter.about.names
    } | {"--help", "--version", "--install-completion", "--show-completion", "--build-arg"}  # the last one is docker's
    named = [
        (path.name, option)
        for path, _, text in texts()
        if " " in text and not FOREIGN.search(text)  # a bare one is a word of another program's command line
        for option in OPTION.findall(text)
    ]
    assert len(named) > 20
    assert [(name, option) for name, option in named if option not in known] == []


def test_a_plan_says_to_plan_again_for_whoever_reads_it_typed_another_command() -> None:
    assert plan_again(type_again(adding="--accept-agpl")) == "Plan again with --accept-agpl."
    told = plan_again(
        type_again("Make sure that you trust it", adding="--allow-unsafe sha256:3f", note="then it loads")
    )
    assert told == "Make sure that you trust it, then plan again with --allow-unsafe sha256:3f; then it loads."
