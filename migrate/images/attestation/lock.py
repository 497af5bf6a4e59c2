"""A runtime's lock as values, and the packages that its wheels became, by their dist-info."""

from __future__ import annotations

import functools
import re
import threading
from typing import TYPE_CHECKING, Final

from msgspec import Struct
from packaging.markers import Marker
from packaging.metadata import parse_email
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from migrate.core.errors import LocalError
from migrate.core.text import printable, type_again

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path

# packaging reads markers with ast.literal_eval, whose depth CPython 3.11 counts in one place for all threads: where two
# are in it, one ends in SystemError (https://github.com/python/cpython/issues/106905).
_PARSING: Final = threading.RLock()
_HASH: Final = re.compile(r"--hash=sha256:([0-9a-f]{64})")
_LONGEST_NAME: Final = 80  # of a licence that is no SPDX expression: some packages put the whole text there
_CLASSIFIER: Final = "License :: "
# Every image is for this; https://packaging.python.org/specifications/dependency-specifiers/ names the markers.
_LINUX: Final = {
    "implementation_name": "cpython",
    "os_name": "posix",
    "platform_machine": "x86_64",
    "platform_python_implementation": "CPython",
    "platform_release": "",
    "platform_system": "Linux",
    "platform_version": "",
    "sys_platform": "linux",
    "extra": "",
}


class Pinned(Struct, frozen=True, kw_only=True):
    """A line of a lock: the normalised name, the version, where it counts, and the SHA-256 of each of its files."""

    name: str
    version: str
    marker: str = ""
    hashes: tuple[str, ...] = ()


class Wheel(Struct, frozen=True, kw_only=True):
    """A package in an image. ``hashes`` are those that its lock accepts; ``licence`` is empty where it is not known."""

    name: str
    version: str
    hashes: tuple[str, ...] = ()
    licence: str = ""


def parse_lock(text: str) -> tuple[Pinned, ...]:
    """The lines of a lock as ``uv pip compile --generate-hashes`` writes it.

    Raises:
        ValueError: A line is no ``name==version``.
    """
    with _PARSING:
        return _parsed(text)


@functools.lru_cache(maxsize=16)  # the models of one runtime all ask for the same lock
def _parsed(text: str) -> tuple[Pinned, ...]:
    found = []
    for line in text.replace("\\\n", " ").splitlines():
        words, hashes = line.partition(" --hash=")[0].strip(), tuple(sorted(_HASH.findall(line)))
        if not words or words.startswith("#"):
            continue
        requirement = Requirement(words)
        (specifier,) = requirement.specifier
        if specifier.operator != "==":
            message = f"not pinned: {words!r}"
            raise ValueError(message)
        found.append(
            Pinned(
                name=canonicalize_name(requirement.name),
                version=specifier.version,
                marker=str(requirement.marker or ""),
                hashes=hashes,
            )
        )
    return tuple(found)


def counting(pins: Iterable[Pinned], python: str) -> tuple[Pinned, ...]:
    """Those that count in an image, in the order of their names, once.

    Args:
        pins: Of one lock, or of several that agree.
        python: The image's Python, major.minor: uv takes the first release of it, whatever the image's own is.
    """
    where = {**_LINUX, "python_version": python, "python_full_version": f"{python}.0"}
    where["implementation_version"] = where["python_full_version"]
    with _PARSING:
        counted = {(pin.name, pin.version): pin for pin in pins if not pin.marker or Marker(pin.marker).evaluate(where)}
    return tuple(counted[key] for key in sorted(counted))


def as_wheels(pins: Sequence[Pinned], installed: Sequence[Wheel] | None) -> tuple[Wheel, ...]:
    """The packages of an image, with the hashes that the lock accepts.

    Args:
        pins: What counts of the runtime's locks.
        installed: What lies in the folder of its packages; None where that is gone, and the locks alone speak.

    Raises:
        LocalError: The folder holds something else than the locks say (code ``wheels-failed``).
    """
    if installed is None:
        return tuple(Wheel(name=pin.name, version=pin.version, hashes=pin.hashes) for pin in pins)
    licences = {(wheel.name, wheel.version): wheel.licence for wheel in installed}
    wanted = {(pin.name, pin.version) for pin in pins}
    if odd := sorted(wanted ^ licences.keys()):
        names = ", ".join(f"{name} {version}" for name, version in odd[:5])
        raise LocalError(
            f"The packages of the runtime are not those of its lock: {printable(names, 300)}.",
            code="wheels-failed",
            next_step=type_again("Delete the folder store/wheels of the workspace"),
        )
    return tuple(
        Wheel(name=pin.name, version=pin.version, hashes=pin.hashes, licence=licences[pin.name, pin.version])
        for pin in pins
    )


def read_installed(packages: Path) -> tuple[Wheel, ...]:
    """The packages that lie in a folder, by the METADATA of each dist-info."""
    return tuple(described(file.read_bytes()) for file in sorted(packages.glob("*.dist-info/METADATA")))


def described(metadata: bytes) -> Wheel:
    """What a METADATA file says of its package."""
    raw, _ = parse_email(metadata)
    return Wheel(
        name=canonicalize_name(raw.get("name", "")),
        version=raw.get("version", ""),
        licence=licence_of(
            expression=raw.get("license_expression", ""),
            text=raw.get("license", ""),
            classifiers=raw.get("classifiers", []),
        ),
    )


def licence_of(*, expression: str, text: str, classifiers: Sequence[str]) -> str:
    """The licence of a package: the SPDX expression, else what its classifiers say, else the first line of the text.

    Classifiers come before the text, which is often a whole licence, or a word that could be several.

    Args:
        expression: ``License-Expression`` (core metadata 2.4).
        text: ``License``.
        classifiers: ``Classifier``.
    """
    if expression.strip():
        return expression.strip()
    short = next((line.strip() for line in text.splitlines() if line.strip()), "")
    named = sorted(
        {line.rpartition(" :: ")[2] for line in classifiers if line.startswith(_CLASSIFIER)} - {"OSI Approved"}
    )
    if named:
        return " AND ".join(named)
    return short[:_LONGEST_NAME]
