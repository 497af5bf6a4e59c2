"""A failed proof in one sentence."""

from migrate.core.text import printable
from migrate.core.values import Mismatch, Parity


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
