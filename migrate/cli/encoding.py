"""Texts for terminals and pipes whose encoding lacks some characters: no run ends because a mark cannot be written."""

import codecs
import io
from typing import Final, TextIO

ERRORS: Final = "migrate-plain"
"""The name of the handler (https://docs.python.org/3/library/codecs.html#codecs.register_error)."""

_PLAIN: Final = {"✓": "+", "✗": "x", "→": "->", "…": "...", "─": "-", "━": "-", "╸": "-", "╺": "-"}
_BRAILLE: Final = range(0x2800, 0x2900)  # what spinners turn with


def use_plain_text(*streams: TextIO) -> None:
    """Lets streams write what their encoding lacks as plain characters, or escaped by their numbers."""
    codecs.register_error(ERRORS, _replace)
    for stream in streams:
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors=ERRORS)


def _replace(error: UnicodeError) -> tuple[str, int]:
    if not isinstance(error, UnicodeEncodeError):
        raise error
    lacking = error.object[error.start : error.end]
    return "".join(map(_plain, lacking)), error.end


def _plain(character: str) -> str:
    if ord(character) in _BRAILLE:
        return "*"
    return _PLAIN.get(character) or character.encode("ascii", "backslashreplace").decode("ascii")
