"""What is wrong with a value that was typed, before anything is begun."""

import math
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Final
from urllib.parse import unquote, urlsplit

from migrate.core.addresses import registry_address
from migrate.core.errors import UsageError
from migrate.core.options.declaration import absolute
from migrate.core.text import printable

_DIGEST: Final = re.compile(r"sha256:[0-9a-f]{64}")
_TICKET: Final = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9._-]{0,61}[A-Za-z0-9])?")  # what a label's value may be


def check_digests(given: Sequence[str]) -> tuple[str, ...]:
    """The digests themselves, each once.

    Raises:
        UsageError: One of them is not ``sha256:`` and 64 hexadecimal digits (``bad-digest``).
    """
    for digest in given:
        if not _DIGEST.fullmatch(digest):
            raise UsageError(
                f"{printable(digest, 100)!r} is not the digest of a file.",
                code="bad-digest",
                next_step="Write it as sha256: and the file's 64 hexadecimal digits in lower case, as sha256sum does.",
            )
    return tuple(dict.fromkeys(given))


def check_registry(address: str) -> str:
    """The address of a registry without its scheme.

    Raises:
        UsageError: It is none.
    """
    return str(registry_address(address))


def check_seconds(seconds: float) -> float:
    """The time itself, if it ends.

    Raises:
        UsageError: It is ``inf`` or ``nan``, which numbers may be.
    """
    if math.isfinite(seconds):
        return seconds
    raise UsageError(f"{seconds} is not a number of seconds.", code="usage", next_step="Give a number, such as 900.")


def check_digest_of_plan(text: str) -> str:
    """The digest of a plan itself.

    Raises:
        UsageError: It is none (``bad-digest``).
    """
    if _DIGEST.fullmatch(text):
        return text
    raise UsageError(
        f"{printable(text, 100)!r} is not the digest of a plan.",
        code="bad-digest",
        next_step="Copy it from what migrate plan or migrate show printed: sha256: and 64 hexadecimal digits.",
    )


def check_ticket(text: str) -> str:
    """The number of a change, if it can be the value of a label.

    Raises:
        UsageError: It cannot.
    """
    if _TICKET.fullmatch(text):
        return text
    raise UsageError(
        f"{printable(text, 80)!r} cannot be a label of an app.",
        code="usage",
        next_step="Give at most 63 letters, digits, dots, dashes and underscores, such as CHG0012345.",
    )


def check_state(text: str) -> str:
    """The absolute path of the folder that ``--state`` names: by a path, or by a ``file:`` URL of this machine.

    Raises:
        UsageError: It is an URL of another kind (``bad-state``).
    """
    parts = urlsplit(text)
    if parts.scheme == "file" and parts.netloc in {"", "localhost"} and parts.path:
        return str(Path(unquote(parts.path)))
    if not text.strip() or "://" in text or parts.scheme == "file":
        raise UsageError(
            f"{printable(text)!r} is no place for --state, which is a folder on a disk that the machines share.",
            code="bad-state",
            next_step="Give its path, or file:///PATH; mount it first where it is on another machine.",
        )
    return str(absolute(Path(text)))
