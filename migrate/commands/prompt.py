"""Questions to a person. Without a terminal a question is an error that names the option."""

import sys
from typing import Final

from migrate.core.errors import RefusedError, UsageError

_TRIES: Final = 3  # before an answer that is neither counts as no


def agree(question: str, *, option: str, refused: str) -> None:
    """Asks; returns when the answer is yes.

    Args:
        question: Ends in a question mark.
        option: What answers it beforehand, such as ``--yes``.
        refused: What did not happen, in a sentence.

    Raises:
        UsageError: There is nobody to ask.
        RefusedError: The answer is no.
    """
    if not (sys.stdin.isatty() and sys.stderr.isatty()):
        raise UsageError(
            f"This needs an answer, and there is no terminal to ask at: {question}",
            code="needs-answer",
            next_step=f"Add {option}.",
        )
    for _ in range(_TRIES):
        sys.stderr.write(f"{question} [y/N] ")
        sys.stderr.flush()
        said = sys.stdin.readline().strip().lower()
        if said in {"y", "yes"}:
            return
        if said in {"", "n", "no"}:
            break
        sys.stderr.write("Answer y or n.\n")
    raise RefusedError(refused, code="declined")
