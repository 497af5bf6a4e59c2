"""Pickles in a model's files: read to their end, and told by what they import."""

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Final

from migrate.formats.pickle.imports import group_of
from migrate.formats.pickle.machine import Reading, read_pickle
from migrate.formats.pickle.opcodes import OPCODES, PickleError
from migrate.formats.reading.case import PROGRAM, Case
from migrate.formats.reading.errors import FormatError, quoted
from migrate.formats.reading.wire import Read

if TYPE_CHECKING:
    from migrate.core.codes.catalogue import Code

IsData = Callable[[str, str], bool]

_LISTED: Final = 4


def is_data(module: str, name: str) -> bool:
    """Whether an import is allowed in a file that is loaded as it is."""
    return group_of(module, name) == "data"


def read_data(
    case: Case, path: str, where: str, read: Read, start: int, size: int, *, data: IsData = is_data
) -> Reading:
    """Read one pickle that a format has at a known place; what it may do is noted on the case.

    Args:
        case: The artifact; its dangers grow.
        path: The artifact's file.
        where: The pickle's own name in it, for messages; empty where it is the file.
        read: The bytes.
        start: Where it begins.
        size: How many bytes there are.
        data: Which imports are allowed.

    Raises:
        FormatError: It cannot be followed to its end.
        NotKnown: It is read elsewhere, and is longer than may be read.
    """
    reading = read_pickle(read, start, size)
    reading.demand_whole()
    name = quoted(where or path)
    imports = [one for one in reading.imports if not data(*one)]
    if reading.error is not None:
        raise _broken(path, name, reading.error, imports)
    note_imports(case, path, name, imports)
    for problem in reading.problems[:1]:
        case.danger(path, "pickle-unusual", f"The pickle {name} does what plain data never does: it {problem}.")
    return reading


def note_imports(case: Case, path: str, name: str, imports: Iterable[tuple[str, str]]) -> None:
    """Note what a pickle imports beyond data, the worst first."""
    groups: dict[str, list[str]] = {}
    for module, attribute in imports:
        groups.setdefault(group_of(module, attribute), []).append(f"{module}.{attribute}")
    texts: dict[str, tuple[Code, str]] = {
        "dangerous": ("pickle-dangerous", "runs code of the machine it is loaded on"),
        "unknown": ("pickle-unknown-import", "imports code that is in no runtime"),
        "framework": (PROGRAM, "is a program"),
        "data": (PROGRAM, "is a program"),
    }
    for group, (code, verb) in texts.items():
        if group in groups:
            case.danger(path, code, f"The pickle {name} {verb}: it calls {_names(groups[group])} when it is loaded.")


def hidden_pickle(read: Read, size: int) -> Reading | None:
    """What a file is as a pickle, whatever its name; None where it is none, or one that imports nothing.

    Tensors are any bytes, and now and then they begin like a pickle of the oldest protocols: one of those counts when
    it reaches its end.
    """
    head = read(0, 2)
    if head[:1] not in OPCODES:
        return None
    reading = read_pickle(read, 0, size)
    reading.demand_whole()
    if not reading.imports:
        return None
    is_marked = head[:1] == b"\x80" and head[1:] <= b"\x05"
    return reading if is_marked or reading.error is None else None


def _broken(path: str, name: str, error: PickleError, imports: list[tuple[str, str]]) -> FormatError:
    groups = {group_of(*one) for one in imports}
    if groups - {"framework"} or (groups and error.kind != "truncated"):
        # a pickle runs as it is read: what comes before the break has run by then
        listed = _names([".".join(one) for one in imports])
        return FormatError(
            "pickle-broken",
            f"The pickle {name} is not one that a program wrote: {error.text}, and it imports {listed} before that.",
            "Do not load this file. Export the model again from where it was trained.",
            verdict="quarantined",
        )
    if error.kind == "truncated":
        text = f"The file {quoted(path)} is incomplete: {error.text}."
        return FormatError("truncated", text, "Upload the complete file in its place.")
    return FormatError(
        "corrupt",
        f"The pickle {name} is broken: {error.text}.",
        "Export the model again and put the new file in its place.",
        verdict="unsupported" if error.kind == "too-complex" else "unreadable",
    )


def _names(names: list[str]) -> str:
    more = f" and {len(names) - _LISTED} more" if len(names) > _LISTED else ""
    return ", ".join(map(quoted, names[:_LISTED])) + more
