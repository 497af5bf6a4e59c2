"""The Dockerfiles of this project, read as instructions, so that an image without an engine has no second source.

Only what ``dockerfile_templates/`` writes is understood, and anything else is a programming error: a Dockerfile of
somebody else is never read here. What the instructions mean is Docker's (docs.docker.com/reference/dockerfile).
"""

from __future__ import annotations

import json
import re
import shlex
from typing import TYPE_CHECKING, Final

from msgspec import Struct

if TYPE_CHECKING:
    from collections.abc import Iterator

_LINE: Final = re.compile(r"([A-Z]+)[ ]+(.+)", re.DOTALL)
_FROM: Final = re.compile(r"\S+(?: AS (\S+))?")
_COPY: Final = re.compile(r"([a-z][a-z0-9-]*)/ /")
_PLAIN: Final = ("ENTRYPOINT", "ENV", "EXPOSE", "LABEL", "USER", "WORKDIR")


class Instruction(Struct, frozen=True):
    """An instruction. ``text`` is as it stands in the file, for the image's history.

    Attributes:
        name: ``COPY``, ``ENTRYPOINT``, ``ENV``, ``EXPOSE``, ``LABEL``, ``USER`` or ``WORKDIR``.
        words: Of COPY the folder of the context, whose content goes to the root; of ENV and LABEL ``name=value``
            each; of the others what stands behind them.
        text: The whole instruction in one line.
    """

    name: str
    words: tuple[str, ...]
    text: str


def read_instructions(text: str) -> tuple[Instruction, ...]:
    """The instructions of a Dockerfile of one base image: a later stage starts from the stage before it.

    Raises:
        ValueError: There is something in it that no template writes.
    """
    found: list[Instruction] = []
    stages: list[str] = []
    for line in _lines(text):
        match = _LINE.fullmatch(line)
        name, rest = (match[1], match[2].strip()) if match is not None else ("", line)
        if name == "FROM":
            stage = _FROM.fullmatch(rest)
            if stage is None or (stages and rest != stages[-1]):
                message = f"not the stage before it: {line!r}"
                raise ValueError(message)
            stages.append(stage[1] or "")
        elif name != "ARG":
            found.append(Instruction(name, _words(name, rest), f"{name} {' '.join(rest.split())}"))
    return tuple(found)


def _lines(text: str) -> Iterator[str]:
    for line in text.replace("\\\n", " ").splitlines():
        if line.strip() and not line.lstrip().startswith("#"):
            yield line.strip()


def _words(name: str, rest: str) -> tuple[str, ...]:
    if "$" not in rest:
        copied = _COPY.fullmatch(rest)
        if name == "COPY" and copied is not None:
            return (copied[1],)
        if name == "ENTRYPOINT":
            return tuple(json.loads(rest))
        if name in _PLAIN:
            words = tuple(shlex.split(rest))
            if name not in {"ENV", "LABEL"} or all("=" in word for word in words):
                return words
    message = f"not an instruction of the templates: {name} {rest!r}"
    raise ValueError(message)
