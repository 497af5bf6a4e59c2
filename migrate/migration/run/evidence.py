"""What shows why a model is not done: a failed proof in one sentence, and the last lines of a log."""

from typing import Final

from msgspec import Struct

from migrate.core.text import printable
from migrate.core.values import Mismatch, Parity
from migrate.migration.journal.journal import Journal
from migrate.migration.journal.subjects import model_subject

_LOG: Final = "log"


class Log(Struct, frozen=True):
    """The last lines that a model's server wrote before it failed here."""

    lines: tuple[str, ...]


def keep_evidence(journal: Journal, model: str, lines: tuple[str, ...]) -> None:
    """Writes the lines that show why a model is not done, in place of those of an earlier run; none takes them away."""
    if lines:
        journal.put(model_subject(model), _LOG, "", Log(lines))
    else:
        journal.forget(model_subject(model), _LOG)


def evidence_of(journal: Journal, model: str) -> tuple[str, ...]:
    """The same lines again."""
    stored = journal.get(model_subject(model), _LOG, Log)
    return stored.value.lines if stored is not None else ()


def mismatch_text(mismatch: Mismatch) -> str:
    """One difference: the tensor, where in it, of which sample, and what was said of it."""
    if not mismatch.tensor or mismatch.text.startswith("/describe"):
        return f"sample {printable(mismatch.sample)}: {mismatch.text}"
    index = f" at {list(mismatch.index)}" if mismatch.index else ""
    return f"tensor {printable(mismatch.tensor)!r}{index} of sample {printable(mismatch.sample)}: {mismatch.text}"


def first_mismatch(parity: Parity) -> str:
    """What differs first, and how much else does."""
    if not parity.mismatches:
        return "no sample could be compared"
    more = len(parity.mismatches) - 1
    return mismatch_text(parity.mismatches[0]) + (f"; {more} more" if more else "")
