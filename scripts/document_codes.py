"""Writes docs/codes.md from the tables in migrate/core/codes and from the places that raise the codes.

    python scripts/document_codes.py

What a code means is in the tables. Which errors carry it, and so with which exit code a command ends, is read from the
source, as far as a code stands in the call that makes the error.
"""

import ast
from collections.abc import Iterable, Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Final

import migrate
from migrate.core import errors
from migrate.core.codes.catalogue import CODES, TABLES
from migrate.core.errors import ExitCode, MigrateError

TARGET: Final = Path(__file__).parents[1] / "docs" / "codes.md"
SOURCE: Final = Path(migrate.__file__).parent
ELSEWHERE: Final = ("server", "sandbox")  # they stand alone; the server's errors are HTTP statuses

_ENDS: Final = {"interrupted": ExitCode.INTERRUPTED, "bug": ExitCode.BUG, "blamed": ExitCode.NEEDS_YOU}
# A run goes on after these: the next best proof, or the original runtime, takes their place.
_SURVIVED: Final = frozenset({"old-endpoint-gone", "no-description"}) | {
    f"conversion-{what}" for what in ("failed", "timeout", "emulated", "differs")
}
_WHOSE: Final = {
    "you": "you",
    "file": "the file",
    "remote": "the service",
    "machine": "this machine",
    "bug": "a bug",
}
_HEAD: Final = """<!-- Made by scripts/document_codes.py (make docs); change migrate/core/codes instead. -->

# Reason and error codes

A code is a stable word for programs: `error.code` and `models[].reason` in what `--json` prints, `--json` of `status`,
and `migrate why`. The sentence beside it names the file, the model or the place, and its next step may know more than
the one here.

*Whose* says who can do something about it: **you** (what was typed, configured or decided), **the file** (the model's
own files), **the service** (OVHcloud, its storage, a registry, the old endpoint), **this machine**, or **a bug** of
this tool. *Ends with* is the exit code of a command that ends by it; where only some models do, `run` ends with that
code, or with 4 where their codes differ ([options.md](options.md) lists the exit codes). A dash says that nothing ends
by it.
"""
_OF_FILES: Final = """
A model of such files has the verdict in the third column ([verdicts.md](verdicts.md)); `run` then ends with 4, and
`build`, `export` and `serve` with 4, or with 8 where the verdict is quarantined.
"""


def main() -> None:
    """Write the page."""
    TARGET.write_text(page(), encoding="utf-8")
    print(f"wrote {TARGET.name}: {len(CODES)} codes")


def page() -> str:
    """The page's text."""
    kinds = raised()
    parts = [_HEAD]
    for title, table in TABLES.items():
        of_files = all(meaning.verdicts for meaning in table.values())
        parts.append(f"\n## {title}\n{_OF_FILES if of_files else ''}\n")
        parts.append(f"| code | whose | {'verdict' if of_files else 'ends with'} | what it means | next step |\n")
        parts.append("|---|---|---|---|---|\n")
        for code, meaning in table.items():
            third = ", ".join(meaning.verdicts) if of_files else _ends(code, kinds.get(code, set()))
            cells = (f"`{code}`", _WHOSE[meaning.whose], third, meaning.text, meaning.next_step)
            parts.append(f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in cells)} |\n")
    return "".join(parts)


def _ends(code: str, kinds: set[str]) -> str:
    """The exit codes of commands that end by a code; a dash where none does."""
    if code in _SURVIVED:
        return "-"
    ends = {_exit_code(kind) for kind in kinds} | ({_ENDS[code]} if code in _ENDS else set())
    return ", ".join(str(int(end)) for end in sorted(ends)) or "-"


def _exit_code(kind: str) -> ExitCode:
    found: ExitCode = getattr(errors, kind).exit_code
    return found


def raised() -> dict[str, set[str]]:
    """The kinds of errors that carry each code, where the code stands in the call."""
    names = {kind.__name__ for kind in MigrateError.__subclasses__()}
    found: dict[str, set[str]] = {}
    for call in calls():
        kinds = {name for name in (_name(call.func), *(_name(one) for one in call.args[:1])) if name in names}
        for code in codes_of(call):
            found.setdefault(code, set()).update(kinds)
    for kind in classes():
        bases = {name for name in map(_name, kind.bases) if name in names}
        for call in (node for node in ast.walk(kind) if bases and isinstance(node, ast.Call)):
            for code in codes_of(call):
                found.setdefault(code, set()).update(bases)
    for kind_name, call in made_for_others(names):
        for code in codes_of(call):
            found.setdefault(code, set()).add(kind_name)
    return found


def made_for_others(names: set[str]) -> Iterator[tuple[str, ast.Call]]:
    """Calls of a file's own functions that take a code and return an error of one of these kinds, with the kind."""
    for path in sorted(SOURCE.rglob("*.py")):
        if path.relative_to(SOURCE).parts[0] not in ELSEWHERE:
            nodes = list(ast.walk(ast.parse(path.read_text(encoding="utf-8"))))
            makers = {
                node.name: node.returns.id
                for node in nodes
                if isinstance(node, ast.FunctionDef)
                and isinstance(node.returns, ast.Name)
                and node.returns.id in names
                and any(one.arg == "code" for one in node.args.args)
            }
            made = (node for node in nodes if isinstance(node, ast.Call))
            yield from ((makers[_name(call.func)], call) for call in made if _name(call.func) in makers)


def classes() -> Iterator[ast.ClassDef]:
    """Every class of the tool, for errors that give themselves their codes."""
    for path in sorted(SOURCE.rglob("*.py")):
        if path.relative_to(SOURCE).parts[0] not in ELSEWHERE:
            yield from (n for n in ast.walk(ast.parse(path.read_text(encoding="utf-8"))) if isinstance(n, ast.ClassDef))


@cache
def calls() -> tuple[ast.Call, ...]:
    """Every call in the tool."""
    return tuple(_calls())


def _calls() -> Iterator[ast.Call]:
    for path in sorted(SOURCE.rglob("*.py")):
        if path.relative_to(SOURCE).parts[0] not in ELSEWHERE:
            yield from (n for n in ast.walk(ast.parse(path.read_text(encoding="utf-8"))) if isinstance(n, ast.Call))


def codes_of(call: ast.Call) -> set[str]:
    """The known codes that stand in a call as they are, also as the two sides of a condition."""
    values = [*call.args, *(keyword.value for keyword in call.keywords)]
    sides = [side for value in values for side in _sides(value)]
    return {side.value for side in sides if isinstance(side, ast.Constant) and side.value in CODES}


def unknown(made: Iterable[ast.Call]) -> list[tuple[str, str]]:
    """Codes in calls that make errors or results, and that no table has."""
    missing: list[tuple[str, str]] = []
    for call in made:
        name = _name(call.func)
        given = [keyword.value for keyword in call.keywords if keyword.arg == _CARRIES.get(name)]
        at = _PLACES.get(name)
        values = given or (call.args[at : at + 1] if at is not None else [])
        sides = [side.value for value in values for side in _sides(value) if isinstance(side, ast.Constant)]
        missing += [(name, side) for side in sides if isinstance(side, str) and side and side not in CODES]
    return missing


# The calls that carry a code, with its parameter, and where it may stand without that name.
_CARRIES: Final[Mapping[str, str]] = {
    **{kind.__name__: "code" for kind in MigrateError.__subclasses__()},
    "FormatError": "reason",
    "Inspection": "reason",
    "Outcome": "reason",
    "replace": "reason",
    "Hazard": "code",
}
_PLACES: Final[Mapping[str, int]] = {"FormatError": 0, "danger": 1, "hazard": 1, "archive_error": 1}


def _sides(value: ast.expr) -> tuple[ast.expr, ...]:
    return (value.body, value.orelse) if isinstance(value, ast.IfExp) else (value,)


def _name(node: ast.expr) -> str:
    return node.id if isinstance(node, ast.Name) else node.attr if isinstance(node, ast.Attribute) else ""


if __name__ == "__main__":
    main()
