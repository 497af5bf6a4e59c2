"""What is said of a code."""

from typing import Literal

from msgspec import Struct

Whose = Literal["you", "file", "remote", "machine", "bug"]
"""Who can do something about it: whoever types, the model's files, a service elsewhere, this machine, or this tool."""


class Meaning(Struct, frozen=True):
    """The meaning of a code.

    Attributes:
        whose: Who can do something about it.
        text: What happened, in a sentence or two.
        next_step: What to do, where nothing more is known; the error itself may know more.
        verdicts: For codes of a model's files, what is said of the model.
    """

    whose: Whose
    text: str
    next_step: str
    verdicts: tuple[str, ...] = ()
