"""What a base image must have to carry the runtimes, however it was looked into."""

from __future__ import annotations

from typing import Final

from migrate.core.errors import LocalError
from migrate.core.text import printable

PYTHONS: Final = ("3.11", "3.12", "3.13")
"""What the runtimes' locks are resolved for."""

MINIMUM_GLIBC: Final = (2, 28)
"""What the wheels are chosen for (manylinux_2_28)."""

NEXT_STEP: Final = "Name another with --base-image: a Debian-like linux/amd64 image with Python 3.11 to 3.13."


def demand_fit(name: str, implementation: str, python: str, libc: str) -> None:
    """Refuse a base that the packages do not run on.

    Args:
        name: What a person calls the image.
        implementation: Of its Python, such as ``cpython``.
        python: Its version, major.minor.
        libc: Such as ``glibc 2.36``; empty where it is another one.

    Raises:
        LocalError: Why it cannot be used (code ``base-unusable``).
    """
    if implementation != "cpython" or python not in PYTHONS:
        raise unusable(name, f"it has {implementation} {python}, and the wheels are for CPython 3.11 to 3.13")
    if not libc.startswith("glibc ") or tuple(int(part) for part in libc[6:].split(".")[:2]) < MINIMUM_GLIBC:
        raise unusable(name, f"its C library is {libc or 'not glibc'}, and the wheels need glibc 2.28 or newer")


def unusable(name: str, why: str) -> LocalError:
    """The error for a base image that cannot be used."""
    return LocalError(
        f"The base image {printable(name, 300)} cannot be used: {why}.", code="base-unusable", next_step=NEXT_STEP
    )
