"""Writes docs/options.md from the declarations: every command with its options, the variables, and the exit codes.

python scripts/document_options.py
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Final

from migrate.core.errors import EXIT_TEXTS
from migrate.core.options.declaration import PROGRAM, Argument, Option, Options, Parameter, parameters
from migrate.core.options.tree import COMMANDS, VARIABLES

TARGET: Final = Path(__file__).parents[1] / "docs" / "options.md"

_HEAD: Final = """<!-- Made by scripts/document_options.py (make docs); change migrate/core/options instead. -->

# Commands, options, environment variables and exit codes

`migrate COMMAND --help` says the same of one command. The command that is printed as the next one to type has the
options of the one that was typed, but for those marked *once*: they answer a question for this time, or say how the
command answers.
"""
_VARIABLES: Final = """
## Environment variables

Those of the inference server are in [server-settings.md](server-settings.md).

| variable | what it sets |
|---|---|
"""
_EXITS: Final = """
## Exit codes

Where models of a run end for different reasons, the run ends with 4. [codes.md](codes.md) has every reason.

| code | meaning |
|---|---|
"""


def main() -> None:
    """Write the page."""
    TARGET.write_text(page(), encoding="utf-8")
    print(f"wrote {TARGET.name}: {len(COMMANDS)} commands")


def page() -> str:
    """The page's text."""
    parts = [_HEAD, *map(_command, COMMANDS), _VARIABLES]
    parts += [_cells(f"`{name}`", text) for name, text in variables()]
    parts.append(_EXITS)
    parts += [_cells(str(int(code)), text) for code, text in EXIT_TEXTS.items()]
    return "".join(parts)


def variables() -> Iterator[tuple[str, str]]:
    """Every variable with what it sets: first those that stand for options, then the others."""
    seen: set[str] = set()
    for kind in COMMANDS:
        for option in (p.about for p in parameters(kind) if isinstance(p.about, Option)):
            for name in (option.variable, *option.instead):
                if name and name not in seen:
                    seen.add(name)
                    holds = "the token itself, instead of" if name == "MIGRATE_OLD_TOKEN" else "stands for"
                    yield name, f"{holds} `{option.name}`"
    for variable in VARIABLES:
        yield variable.name, variable.text


def usage(kind: type[Options]) -> str:
    """How a command is typed, as its help has it."""
    words = [PROGRAM, *kind.about.name.split(), "[OPTIONS]"]
    for parameter in parameters(kind):
        if isinstance(parameter.about, Argument):
            word = parameter.about.metavar
            words.append(word if parameter.required or word.startswith("[") else f"[{word}]")
    return " ".join(words)


def _command(kind: type[Options]) -> str:
    about = kind.about
    parts = [f"\n## `{PROGRAM} {about.name}`\n\n{about.help}\n\n    {usage(kind)}\n\nFor example:\n\n"]
    parts += [f"    {line}\n" for line in about.example.splitlines()]
    parts.append("\n| | counts for | default | what it says | |\n|---|---|---|---|---|\n")
    parts += [_row(parameter) for parameter in parameters(kind)]
    return "".join(parts)


def _row(parameter: Parameter) -> str:
    about = parameter.about
    if isinstance(about, Argument):
        return _cells(f"`{about.metavar}`", "", "", about.help, "")
    value = about.metavar or "|".join(parameter.choices)
    typed = ", ".join(f"`{name}`" for name in about.names) + (f" `{value}`" if value else "")
    limits = f" {about.least} to {about.most}." if about.most is not None else ""
    text = f"{about.help.removesuffix('.')}.{limits}"
    again = "" if about.kept else "once"
    return _cells(typed, about.counts.value, _default(parameter), text, again)


def _default(parameter: Parameter) -> str:
    if parameter.required:
        return "required"
    if parameter.default in (None, (), False):
        return ""
    default = parameter.default
    return f"`{int(default) if isinstance(default, float) and default.is_integer() else default}`"


def _cells(*texts: str) -> str:
    return f"| {' | '.join(text.replace('|', chr(92) + '|') for text in texts)} |\n"


if __name__ == "__main__":
    main()
