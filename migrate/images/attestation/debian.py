"""What a base image holds besides Python packages: its system, its Python, and its Debian packages by dpkg's status."""

from __future__ import annotations

from email.parser import HeaderParser
from typing import Final

from msgspec import Struct

_INSTALLED: Final = "install ok installed"


class BaseContents(Struct, frozen=True, kw_only=True):
    """What was read of a base image.

    Attributes:
        python: The version of its Python, all three numbers.
        os_release: The text of ``/etc/os-release``; empty where it has none.
        status: The text of dpkg's status, a paragraph for each package; None where it has none.
    """

    python: str
    os_release: str = ""
    status: str | None = None


class DebianPackage(Struct, frozen=True, kw_only=True):
    """An installed package; ``source`` is the source package where it is called otherwise."""

    name: str
    version: str
    architecture: str
    source: str = ""


class System(Struct, frozen=True, kw_only=True):
    """The system of a base image as os-release(5) calls it, such as ``debian`` and ``12``; empty where it does not."""

    id: str = ""
    version: str = ""


def debian_packages(status: str) -> tuple[DebianPackage, ...]:
    """The installed packages, in the order of their names (deb-control(5), dpkg(1)).

    Args:
        status: ``/var/lib/dpkg/status``, or the files of ``/var/lib/dpkg/status.d`` with an empty line between them:
            images without a package manager have those, and these have no line ``Status``.
    """
    found = set()
    for paragraph in status.split("\n\n"):
        fields = HeaderParser().parsestr(paragraph.strip("\n"))
        name, version = fields.get("Package", ""), fields.get("Version", "")
        if not name or not version or fields.get("Status", _INSTALLED) != _INSTALLED:
            continue
        source = fields.get("Source", "").partition(" ")[0]
        found.add((name, version, fields.get("Architecture", ""), source if source != name else ""))
    return tuple(
        DebianPackage(name=name, version=version, architecture=architecture, source=source)
        for name, version, architecture, source in sorted(found)
    )


def system_of(os_release: str) -> System:
    """The system that an os-release(5) names."""
    lines = (line.partition("=") for line in os_release.splitlines())
    values = {name.strip(): value.strip().strip("\"'") for name, _, value in lines}
    return System(id=values.get("ID", ""), version=values.get("VERSION_ID", ""))
