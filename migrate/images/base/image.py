"""The base image of every runtime: a Python on Debian, pulled where that is possible and bootstrapped where it is not.

python -m migrate.images.base.image [--no-bootstrap]     make sure that it is there (for scripts/setup)
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import sys
from typing import TYPE_CHECKING, Any, Final

from msgspec import Struct

from migrate.core.errors import LocalError, MigrateError
from migrate.core.text import printable
from migrate.images.base import bootstrap
from migrate.images.base.fit import NEXT_STEP, demand_fit, unusable
from migrate.images.engine import containers
from migrate.images.engine.connection import Engine, connect
from migrate.images.engine.references import check_reference
from migrate.machine.disk import FULL
from migrate.machine.patience import CONTAINER_PROBE

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

PUBLIC_BASE: Final = "python:3.11-slim-bookworm"
# What Docker, runc and crun say of an image without the program.
_NO_PROGRAM: Final = re.compile(
    r"executable file .{0,80}not found|command that was not found|exec format error", re.IGNORECASE
)
_PROBE: Final = """
import json, os, platform, sys
libc = os.confstr("CS_GNU_LIBC_VERSION") if "CS_GNU_LIBC_VERSION" in os.confstr_names else None
print(json.dumps(["%d.%d" % sys.version_info[:2], libc or "", platform.machine(), sys.implementation.name]))
"""


class Base(Struct, frozen=True, kw_only=True):
    """A base image that was looked into: ``python`` is major.minor, ``libc`` such as ``glibc 2.36``."""

    reference: str
    image_id: str
    python: str
    libc: str


class Located(Struct, frozen=True, kw_only=True):
    """A base image that is on the engine; ``image_id`` changes with its content."""

    reference: str
    image_id: str


def ensure_base(engine: Engine, reference: str | None, progress_text: Callable[[str], None]) -> Base:
    """The base image, on the engine and found fit.

    Args:
        engine: Where it must be.
        reference: A configured base image; None for the tool's own choice (the public Python image, or a bootstrapped
            one where no registry has it).
        progress_text: Told what is done when it takes long.

    Raises:
        LocalError: It cannot be had, or it cannot carry the runtimes (code ``base-unusable``).
    """
    return look_into(engine, locate_base(engine, reference, progress_text))


def locate_base(
    engine: Engine,
    reference: str | None,
    progress_text: Callable[[str], None],
    *,
    ways: Sequence[str] = ("pull", "bootstrap"),
) -> Located:
    """The base image on the engine: present, else pulled, else bootstrapped. Quick where it is present.

    Args:
        engine: Where it must be.
        reference: A configured base image, or None.
        progress_text: Told what is done when it takes long.
        ways: How the tool's own choice may be had where it is missing.
    """
    if reference is not None:
        return _locate_configured(engine, check_reference(reference), progress_text)
    for name in names(engine, None):
        if found := engine.image(name):
            return Located(reference=name, image_id=str(found["Id"]))
    if "pull" in ways and _pulled(engine, progress_text, last_way="bootstrap" not in ways):
        name = PUBLIC_BASE
    else:
        name = bootstrap.bootstrap(engine, progress_text)
    return Located(reference=name, image_id=_id_of(engine, name))


def names(engine: Engine, reference: str | None) -> tuple[str, ...]:
    """What the base image may be called on an engine, the best first.

    Args:
        engine: The engine.
        reference: A configured base image, or None.
    """
    if reference is not None:
        return (check_reference(reference),)
    made = bootstrap.existing(engine)
    return (PUBLIC_BASE, made) if made else (PUBLIC_BASE,)


def _pulled(engine: Engine, progress_text: Callable[[str], None], *, last_way: bool) -> bool:
    progress_text(f"pulling the base image {PUBLIC_BASE}")
    try:
        engine.pull(PUBLIC_BASE)
    except LocalError as error:
        if last_way or error.code in ("engine-not-running", FULL):
            raise
        progress_text(error.what)
        return False
    return True


def _locate_configured(engine: Engine, reference: str, progress_text: Callable[[str], None]) -> Located:
    if engine.image(reference) is None:
        progress_text(f"pulling the base image {reference}")
        try:
            engine.pull(reference)
        except LocalError as error:
            if error.code in ("engine-not-running", FULL):
                raise
            raise LocalError(
                f"The base image {reference} is not on this engine and cannot be pulled: {error.what}",
                code="base-unusable",
                next_step=NEXT_STEP,
            ) from error
    return Located(reference=reference, image_id=_id_of(engine, reference))


def _id_of(engine: Engine, reference: str) -> str:
    found = engine.image(reference)
    if found is None:
        raise LocalError(f"The image {reference} vanished from the engine.", code="base-unusable", next_step=NEXT_STEP)
    return str(found["Id"])


def look_into(engine: Engine, located: Located) -> Base:
    """Check that a base image can carry the runtimes: architecture, Python, C library.

    Raises:
        LocalError: It cannot, and why (code ``base-unusable``).
    """
    image: dict[str, Any] = engine.image(located.image_id) or {}
    if (image.get("Os"), image.get("Architecture")) != ("linux", "amd64"):
        raise _unusable(located, f"it is for {image.get('Os')}/{image.get('Architecture')}, not linux/amd64")
    try:
        code, output = containers.run(
            engine, located.image_id, ["python3", "-c", _PROBE], purpose="base", timeout=CONTAINER_PROBE
        )
    except LocalError as error:
        if error.code != "engine-failed" or not _NO_PROGRAM.search(error.what):
            raise  # an engine that starts no container would start none of another image either
        raise _unusable(located, f"python3 does not start in it ({error.what.rstrip('.')})") from error
    if code:
        raise _unusable(located, f"python3 in it ends with {code}: {printable(output.strip()[-200:], 200)}")
    try:
        python, libc, machine, implementation = json.loads(output.strip().splitlines()[-1])
    except (ValueError, IndexError) as error:
        raise _unusable(located, "python3 in it does not say its version") from error
    if machine != "x86_64":
        raise _unusable(located, f"its Python is built for {machine}")
    demand_fit(located.reference, implementation, python, libc)
    return Base(reference=located.reference, image_id=located.image_id, python=python, libc=libc)


def _unusable(located: Located, why: str) -> LocalError:
    return unusable(located.reference, why)


def main(arguments: list[str]) -> int:
    """Make sure that the base image is there, for ``scripts/setup``."""

    def say(text: str) -> None:
        sys.stderr.write(f"setup: {text}\n")

    try:
        ways = [argument.removeprefix("--") for argument in arguments] or ["pull", "bootstrap"]
        with contextlib.closing(connect(os.environ)) as engine:
            located = locate_base(engine, None, say, ways=ways)
    except MigrateError as error:
        sys.stderr.write(f"setup: {error.what} {error.next_step}\n")
        return int(error.exit_code)
    sys.stdout.write(f"{located.reference}\n" if os.isatty(1) else "")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
