"""Changes to ``ovh.conf``, line by line: what ``migrate login`` writes is marked, and every other line stays as it is.

Lines of the person's own that stand for the same values would be read twice, which the parser refuses: they are kept
as comments while the login lasts, and are themselves again after it.
"""

import configparser
import itertools
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from migrate.core.errors import ConfigurationError
from migrate.core.text import printable
from migrate.machine.disk import disk_errors
from migrate.machine.private import write_private

_BEGIN: Final = (
    "# migrate login {endpoint}: down to the next mark the lines are its own, and migrate logout removes them"
)
_END: Final = "# migrate login {endpoint}: end"
_KEPT: Final = "# migrate login keeps: "
_SECTION: Final = re.compile(r"\s*\[(?P<name>[^]]+)\]")
_VALUE: Final = re.compile(r"(?P<name>[^\s#;=:\[][^=:]*?)\s*[=:]")


def with_login(text: str, endpoint: str, values: Mapping[str, str], *, default: bool) -> str:
    """The text of a file with a login.

    Args:
        text: The file's text; an earlier login at this endpoint is replaced.
        endpoint: The endpoint, which names the section.
        values: What is written into it, by name.
        default: Whether this endpoint becomes the one that is used where none is named.
    """
    lines = _lines(without_login(text, endpoint))
    lines = _entered(lines, endpoint, endpoint, values)
    if default:
        lines = _entered(lines, endpoint, "default", {"endpoint": endpoint})
    return "\n".join(lines) + "\n"


def without_login(text: str, endpoint: str) -> str:
    """The text of a file without the login at this endpoint: as it was before, but for what others changed since.

    A mark that has lost its other one goes alone: the lines beside it may be the person's.
    """
    blocks = _blocks(text, endpoint)
    own = {number for start, end in blocks for number in range(start, end + 1)}
    marks = (_BEGIN.format(endpoint=endpoint), _END.format(endpoint=endpoint))
    apart = _is_own_section(text, endpoint)
    starts = {start for start, _ in blocks}
    found: list[str] = []
    section = ""
    for number, line in enumerate(_lines(text)):
        if number in starts and found and not found[-1] and apart:
            found.pop()  # the empty line that was put before a section of its own
        if number in own or line in marks:
            continue
        section = match["name"] if (match := _SECTION.match(line)) else section
        kept = line.startswith(_KEPT) and section in {endpoint, "default"}
        found.append(line.removeprefix(_KEPT) if kept else line)
    return "\n".join(found) + "\n" if found else ""


def login_in(text: str, endpoint: str) -> dict[str, str] | None:
    """What a login at this endpoint wrote into a file, by name; None where there is none."""
    blocks, lines = _blocks(text, endpoint), _lines(text)
    if not blocks:
        return None
    found: dict[str, str] = {}
    for start, end in blocks:
        for line in lines[start + 1 : end]:
            if match := _VALUE.match(line):
                found[match["name"]] = line[match.end() :].strip()
    return found


def _blocks(text: str, endpoint: str) -> list[tuple[int, int]]:
    """The numbers of the lines with the marks of each block: a beginning, and the end that follows it next."""
    begin, end = _BEGIN.format(endpoint=endpoint), _END.format(endpoint=endpoint)
    marks = [(number, line) for number, line in enumerate(_lines(text)) if line in {begin, end}]
    return [(one, two) for (one, first), (two, second) in itertools.pairwise(marks) if (first, second) == (begin, end)]


def read_text(file: Path) -> str:
    """The text of a file, empty where there is none.

    Raises:
        ConfigurationError: It cannot be read (``bad-configuration``).
    """
    try:
        return file.read_text(encoding="utf-8")
    except FileNotFoundError:
        return ""
    except (OSError, UnicodeDecodeError) as error:
        raise _unusable(file, str(error)) from error


def write_text(file: Path, text: str, endpoint: str, values: Mapping[str, str]) -> None:
    """Writes a file whole or not at all, for its owner alone; a link stays one. A file that would be empty goes.

    Args:
        file: The file.
        text: What it is to hold.
        endpoint: The section.
        values: What must be read from it afterwards.

    Raises:
        ConfigurationError: These values could not be read back, and nothing was written (``bad-configuration``).
        LocalError: The disk.
    """
    parser = configparser.RawConfigParser()
    try:
        parser.read_string(text)
    except configparser.Error as error:
        raise _unusable(file, str(error)) from error
    if any(parser.get(endpoint, name, fallback=None) != value for name, value in values.items()):
        raise _unusable(file, "what would be written could not be read back")
    place = file.resolve()
    if not text.strip() and not file.is_symlink():
        with disk_errors(place):
            place.unlink(missing_ok=True)
        return
    write_private(place, text)


def _entered(lines: list[str], endpoint: str, section: str, values: Mapping[str, str]) -> list[str]:
    block = [f"{name}={value}" for name, value in values.items()]
    begin, end = _BEGIN.format(endpoint=endpoint), _END.format(endpoint=endpoint)
    found: list[str] = []
    here, done = "", False
    for line in lines:
        match = _SECTION.match(line)
        here = match["name"] if match else here
        named = _VALUE.match(line)
        taken = here == section and named is not None and named["name"].lower() in values
        found.append(f"{_KEPT}{line}" if taken else line)
        if match and here == section and not done:
            found += [begin, *block, end]
            done = True
    if not done:
        found += [*([""] if found and found[-1] else []), begin, f"[{section}]", *block, end]
    return found


def _is_own_section(text: str, endpoint: str) -> bool:
    lines, begin = _lines(text), _BEGIN.format(endpoint=endpoint)
    return any(line == begin and _SECTION.match(after) for line, after in itertools.pairwise(lines))


def _lines(text: str) -> list[str]:
    return text.split("\n")[:-1] if text.endswith("\n") else text.split("\n") if text else []


def _unusable(file: Path, why: str) -> ConfigurationError:
    first = printable((why.splitlines() or [""])[0], 200)
    return ConfigurationError(
        f"{file} cannot be used: {first}.",
        code="bad-configuration",
        next_step=f"Correct {file}; it has a section [default] with `endpoint=` and one named as the endpoint.",
    )
