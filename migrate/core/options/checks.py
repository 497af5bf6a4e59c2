"""What is wrong with a value that was typed, before anything is begun."""

import math
import re
from collections.abc import Sequence
from typing import Final

from migrate.core.errors import UsageError
from migrate.core.text import printable

_DIGEST: Final = re.compile(r"sha256:[0-9a-f]{64}")


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
    """The address itself, if its first part names a host: anything else would mean Docker Hub.

    Raises:
        UsageError: It does not.
    """
    host = address.removeprefix("https://").removeprefix("http://").strip("/").partition("/")[0]
    if "." in host or ":" in host or host == "localhost":
        return address
    raise UsageError(
        f"{address!r} is not the address of a registry.",
        code="bad-registry",
        next_step="Write it as HOST[/PATH], for example a1b2.c1.gra9.container-registry.ovh.net/models.",
    )


def check_seconds(seconds: float) -> float:
    """The time itself, if it ends.

    Raises:
        UsageError: It is ``inf`` or ``nan``, which numbers may be.
    """
    if math.isfinite(seconds):
        return seconds
    raise UsageError(f"{seconds} is not a number of seconds.", code="usage", next_step="Give a number, such as 900.")
