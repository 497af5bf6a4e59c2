"""What a person is asked when a key or a token stops working in the middle, and whoever asks."""

from collections.abc import Callable

from msgspec import Struct


class Request(Struct, frozen=True):
    """What stopped, in a sentence; what to do about it, as the beginning of one; and what may be typed in instead.

    ``typed`` is the word for a secret that takes the old one's place in this run; empty where none can.
    """

    what: str
    to_do: str
    typed: str = ""


Ask = Callable[[Request], str | None]
"""Waits until a person says that it is mended: the secret that was typed, or an empty text where it is mended
elsewhere; None where there is nobody to ask. Raises Interrupted where the person stops the run instead."""


def nobody(_: Request) -> str | None:
    """There is nobody to ask."""
    return None
