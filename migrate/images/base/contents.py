"""What an image holds below the tool's own layers, read once: its system, its Python, its Debian packages."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import msgspec

from migrate.core.errors import LocalError
from migrate.images.attestation.debian import BaseContents
from migrate.images.engine import containers
from migrate.machine.disk import disk_errors
from migrate.machine.patience import CONTAINER_PROBE

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from migrate.images.engine.connection import Engine

# Images without a package manager have a file for each package in status.d.
PROBE: Final = """
import glob, json, platform
def text(name):
    try:
        with open(name, encoding="utf-8", errors="replace") as file:
            return file.read()
    except OSError:
        return None
parts = [text(name) for name in sorted(glob.glob("/var/lib/dpkg/status.d/*")) if not name.endswith(".md5sums")]
status = text("/var/lib/dpkg/status") or "\\n\\n".join(part for part in parts if part) or None
os_release = text("/etc/os-release") or text("/usr/lib/os-release") or ""
print(json.dumps({"python": platform.python_version(), "os_release": os_release, "status": status}))
"""


def read_contents(engine: Engine, image_id: str, store: Path) -> BaseContents | None:
    """What is in an image of an engine; see ``kept_contents``.

    Raises:
        LocalError: The engine does not answer, or the disk.
    """
    return kept_contents(image_id, store, lambda: _asked(engine, image_id))


def kept_contents(image_id: str, store: Path, ask: Callable[[], str]) -> BaseContents | None:
    """What is in an image: asked once, and kept in the store under the image's id.

    Args:
        image_id: ``sha256:`` and hex digits.
        store: The content store.
        ask: What ``PROBE`` writes where the image runs.

    Returns:
        None where it says nothing.

    Raises:
        LocalError: The engine does not answer, or the disk.
    """
    kept = store / "bases" / f"{image_id.removeprefix('sha256:')}.json"
    try:
        return msgspec.json.decode(kept.read_bytes(), type=BaseContents)
    except (OSError, msgspec.MsgspecError):
        pass  # not asked yet
    found = parse_contents(ask())
    if found is not None:
        with disk_errors(kept):
            kept.parent.mkdir(parents=True, exist_ok=True)
            partial = kept.with_suffix(".partial")
            partial.write_bytes(msgspec.json.encode(found))
            partial.replace(kept)
    return found


def parse_contents(output: str) -> BaseContents | None:
    """What the probe says in its last line; None where that is something else."""
    lines = output.strip().splitlines()
    try:
        return msgspec.json.decode(lines[-1] if lines else "", type=BaseContents)
    except msgspec.MsgspecError:
        return None


def _asked(engine: Engine, image_id: str) -> str:
    try:
        code, output = containers.run(
            engine, image_id, ["python3", "-I", "-c", PROBE], purpose="contents", timeout=CONTAINER_PROBE
        )
    except LocalError as error:
        if error.code != "engine-failed":
            raise
        return ""
    return "" if code else output
