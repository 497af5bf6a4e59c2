"""The runtimes: one folder each in dockerfile_templates, with its Dockerfile.j2 and its hashed lock."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Final

from msgspec import Struct

import migrate
from migrate.core.errors import UsageError


class Template(Struct, frozen=True, kw_only=True):
    """A runtime's files; ``digest`` (``sha256:``) is over the template and the lock."""

    runtime: str
    dockerfile: Path
    lock: Path
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
    """The files of a runtime.

    Raises:
        UsageError: There is no such runtime (code ``unknown-runtime``).
    """
    if runtime not in runtimes():
        raise UsageError(
            f"There is no runtime {runtime!r}.",
            code="unknown-runtime",
            next_step=f"The runtimes are: {', '.join(runtimes())}.",
        )
    folder = templates_folder() / runtime
    dockerfile, lock = folder / "Dockerfile.j2", folder / "requirements.lock"
    both = hashlib.sha256(dockerfile.read_bytes() + _SEPARATOR + lock.read_bytes()).hexdigest()
    return Template(runtime=runtime, dockerfile=dockerfile, lock=lock, digest=f"sha256:{both}")


_SEPARATOR: Final = b"\0"
