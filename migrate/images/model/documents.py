"""The SBOM and the provenance of an image, or of a context for other builders: gathered, and written beside it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import migrate
from migrate.core.values import Documents
from migrate.images.attestation.lock import as_wheels, counting, parse_lock, read_installed
from migrate.images.attestation.made_of import LockFile, MadeOf, ModelPart
from migrate.images.engine.connection import PLATFORM
from migrate.images.runtime import server_code, wheels
from migrate.images.runtime.templates import template_of
from migrate.machine.disk import disk_errors

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from migrate.images.attestation.made_of import BasePart, Subject
    from migrate.images.engine.connection import Engine
    from migrate.images.model.context import ModelToRender

SBOM: Final = "sbom.cdx.json"
PROVENANCE: Final = "provenance.intoto.json"


def gather(
    models: Sequence[ModelToRender],
    *,
    runtime: str,
    subject: Subject,
    base: BasePart,
    python: str,
    store: Path,
    created: int | None,
) -> MadeOf:
    """All parts of an image.

    Args:
        models: The models in it, as they are in it.
        runtime: The runtime's name.
        subject: The image.
        base: What it starts from.
        python: Its Python, major.minor.
        store: The content store, where the runtime's packages are unless somebody deleted them.
        created: See ``MadeOf``.

    Raises:
        LocalError: The packages are not those of the lock (code ``wheels-failed``).
    """
    locks = template_of(runtime).locks
    pins = counting((pin for lock in locks for pin in parse_lock(lock.read_text(encoding="utf-8"))), python)
    packages = wheels.vendored(locks, python=python, store=store)
    installed = read_installed(packages) if packages.is_dir() else None
    return MadeOf(
        subject=subject,
        platform=PLATFORM,
        runtime=runtime,
        base=base,
        wheels=as_wheels(pins, installed),
        wheels_read=installed is not None,
        locks=tuple(
            LockFile(runtime=lock.parent.name, digest=f"sha256:{wheels.digest_of_file(lock)}") for lock in locks
        ),
        server=f"sha256:{server_code.server_digest()}",
        tool_version=migrate.__version__,
        models=tuple(
            ModelPart(id=model.record.id, artifact=model.artifact, inspection=model.inspection) for model in models
        ),
        created=created,
    )


def write_documents(made_of: MadeOf, folder: Path, dockerfile: bytes | None = None) -> Documents:
    """Write both files into a folder, which is made where it is missing; what they replace is replaced whole.

    Args:
        made_of: The parts.
        folder: Where they go.
        dockerfile: See ``provenance``.

    Raises:
        LocalError: The disk.
    """
    from migrate.images.attestation.provenance import provenance  # noqa: PLC0415 - 0.2 s, and seldom needed
    from migrate.images.attestation.sbom import sbom  # noqa: PLC0415

    bill = sbom(made_of)
    with disk_errors(folder):
        folder.mkdir(parents=True, exist_ok=True)
        for name, data in ((SBOM, bill), (PROVENANCE, provenance(made_of, bill, dockerfile))):
            partial = folder / f"{name}.partial"
            partial.write_bytes(data)
            partial.replace(folder / name)
    return Documents(sbom=str(folder / SBOM), provenance=str(folder / PROVENANCE), subject=made_of.subject.digest)


def created(environ: Mapping[str, str]) -> int | None:
    """SOURCE_DATE_EPOCH, where it is a number of seconds (https://reproducible-builds.org/specs/source-date-epoch/)."""
    text = environ.get("SOURCE_DATE_EPOCH", "").strip()
    return int(text) if text.isascii() and text.isdecimal() and len(text) < 12 else None


def base_digest(engine: Engine, reference: str, image_id: str) -> str:
    """The id of a base image, if it is still the one that an image starts with; empty where it is not known."""
    base, image = engine.image(reference), engine.image(image_id)
    layers = [((found or {}).get("RootFS") or {}).get("Layers") or [] for found in (base, image)]
    starts = bool(layers[0]) and layers[1][: len(layers[0])] == layers[0]
    return str((base or {}).get("Id", "")) if starts else ""
