"""A failed proof in one sentence."""

from migrate.core.values import Parity


def first_mismatch(parity: Parity) -> str:
    """What differs first, and how much else does."""
    if not parity.mismatches:
        return "no sample could be compared"
    more = len(parity.mismatches) - 1
    return parity.mismatches[0].text + (f" ({more} more difference{'s' if more > 1 else ''})" if more else "")
