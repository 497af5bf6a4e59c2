"""The runtimes: one folder each in dockerfile_templates, with its Dockerfile.j2 and its hashed lock.

A flow is served by the runtimes of its steps in one image, named ``a+b``: the packages of both locks, which pin the
same versions of what they share (``dockerfile_templates/constraints.txt``).
"""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Final

from msgspec import Struct

import migrate
from migrate.core.errors import UsageError

SHARED: Final = "base.j2"  # what the runtimes' templates have in common

_SEPARATOR: Final = b"\0"


class Template(Struct, frozen=True, kw_only=True):
    """A runtime's files; ``digest`` (``sha256:``) is over the templates and the locks."""

    runtime: str
    dockerfile: Path
    locks: tuple[Path, ...]
    digest: str


def templates_folder() -> Path:
    """Where dockerfile_templates is: beside the package in a checkout, inside it when installed from the wheel."""
    package = Path(migrate.__file__).resolve().parent
    inside = package / "dockerfile_templates"
    return inside if inside.is_dir() else package.parent / "dockerfile_templates"


def runtimes() -> tuple[str, ...]:
    """The runtimes that there are."""
    return tuple(sorted(file.parent.name for file in templates_folder().glob("*/Dockerfile.j2")))


def template_of(runtime: str) -> Template:
    """The files of a runtime, or of several joined by ``+``.

    Raises:
        UsageError: There is no such runtime (code ``unknown-runtime``).
    """
    parts = runtime.split("+")
    if not set(parts) <= set(runtimes()) or parts != sorted(set(parts)):
        raise UsageError(
            f"There is no runtime {runtime!r}.",
            code="unknown-runtime",
            next_step=f"The runtimes are: {', '.join(runtimes())}.",
        )
    folder = templates_folder()
    shared = folder / SHARED
    dockerfile = folder / parts[0] / "Dockerfile.j2" if len(parts) == 1 else shared
    locks = tuple(folder / part / "requirements.lock" for part in parts)
    files = (dockerfile, *([shared] if shared != dockerfile and shared.exists() else []), *locks)
    digest = hashlib.sha256(_SEPARATOR.join(file.read_bytes() for file in files)).hexdigest()
    return Template(runtime=runtime, dockerfile=dockerfile, locks=locks, digest=f"sha256:{digest}")
