"""Sizes, durations, differences and verdicts in words."""

from typing import Final

from migrate.core.secret import redact
from migrate.core.text import printable
from migrate.core.values import Outcome

PROOFS: Final = {
    "live": "live",
    "recorded": "recorded",
    "verified": "verified (the rows in its file)",
    "cross-checked": "cross-checked (by a second engine)",
    "engine": "engine (the same engine called directly)",
    "self": "self (well-formed, not proven)",
}
VERDICTS: Final = {"done": "migrated", "needs-you": "needs you", "failed": "failed", "skipped": "skipped"}
MARKS: Final = {"done": "✓", "needs-you": "!", "failed": "✗", "skipped": "-"}
STYLES: Final = {"done": "green", "needs-you": "yellow", "failed": "red", "skipped": "dim"}

_SKIPPED: Final = {"interrupted": "stopped", "undone": "undone"}  # by the reason

BYTES: Final = frozenset({"fetch", "build", "push", "render"})  # the steps whose progress is bytes


def verdict(outcome: Outcome) -> str:
    """How a model's journey ended, in a word or two."""
    word = VERDICTS[outcome.outcome]
    return _SKIPPED.get(outcome.reason, word) if outcome.outcome == "skipped" else word


def safe(text: str, limit: int = 120) -> str:
    """Text from outside, fit for a terminal; redacted first, for an escaped or cut secret would not be found."""
    return printable(redact(text), limit)


def lines(text: str, limit: int = 600) -> str:
    """The same, with the lines that this tool gave it: what came from outside has none."""
    return "\n".join(safe(line, limit) for line in text.split("\n"))


def whole(text: str) -> str:
    """The same, never cut: a command that allows many files is copied whole."""
    return safe(text, len(text) + 1)


def size(count: int) -> str:
    """Bytes as people write them: ``1.5 MB`` (powers of 1000, as object storage and registries count)."""
    number, unit = float(count), "B"
    for unit in ("B", "kB", "MB", "GB", "TB"):
        if number < 999.5 or unit == "TB":
            break
        number /= 1000
    return f"{number:.0f} {unit}" if unit == "B" or number >= 99.5 else f"{number:.1f} {unit}"


def duration(seconds: float) -> str:
    """Seconds as people write them: ``0.4 s``, ``12 s``, ``3 min 05 s``."""
    if seconds < 9.95:
        return f"{seconds:.1f} s"
    whole = round(seconds)
    return f"{whole} s" if whole < 60 else f"{whole // 60} min {whole % 60:02} s"


def amount(done: int, total: int | None, *, bytes_: bool) -> str:
    """Progress: ``3.1 of 12.0 MB`` of bytes, ``3/5`` of calls."""
    if not bytes_:
        return str(done) if total is None else f"{done}/{total}"
    return size(done) if total is None else f"{size(done)} of {size(total)}"


def count(number: int, word: str) -> str:
    """``1 app``, ``2 apps``."""
    return f"{number} {word}" if number == 1 else f"{number} {word}s"


def difference(worst: float | None) -> str:
    """The worst difference of a proof."""
    if worst is None:
        return "nothing compared"
    return "0" if worst == 0 else f"{worst:.2g}"


def tally(outcomes: tuple[Outcome, ...]) -> str:
    """The line ``4 of 5 migrated, 1 needs you``."""
    counts = {kind: sum(outcome.outcome == kind for outcome in outcomes) for kind in VERDICTS}
    parts = [f"{counts['done']} of {len(outcomes)} migrated"]
    if counts["needs-you"]:
        parts.append(f"{counts['needs-you']} need{'s' if counts['needs-you'] == 1 else ''} you")
    words = [verdict(outcome) for outcome in outcomes if outcome.outcome in {"failed", "skipped"}]
    parts += [f"{words.count(word)} {word}" for word in sorted(set(words))]
    return ", ".join(parts)


def said(outcome: Outcome, most: int = 5) -> list[str]:
    """What a model's files said, as lines: its notes, then its hazards; no more than so many."""
    lines = [*outcome.notes, *(f"{hazard.code}: {hazard.text}" for hazard in outcome.hazards)]
    more = [f"and {len(lines) - most} more: see `migrate why`"] if len(lines) > most else []
    return lines[:most] + more
