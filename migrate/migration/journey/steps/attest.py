"""Attest: the SBOM and the provenance of an image, written beside the journal and kept beside it in its registry."""

from collections.abc import Callable
from pathlib import Path
from typing import Final

import msgspec

from migrate.core.errors import LocalError
from migrate.core.values import Descriptor, Documents, Image, PushedImage
from migrate.images.attestation.made_of import Subject
from migrate.images.base.fit import PYTHONS
from migrate.images.model.documents import created, gather, write_documents
from migrate.images.registry.client import RegistryClient
from migrate.images.registry.referrers import MANIFEST, attach
from migrate.migration.journal.journal import Stored
from migrate.migration.journey.models import Prepared
from migrate.migration.journey.steps.push import logged_in
from migrate.migration.journey.steps.registry import target
from migrate.migration.run.cloud_run import Run
from migrate.migration.run.run_context import RunContext
from migrate.migration.run.step_engine import Steps, Task
from migrate.migration.run.units import Unit

VERSION: Final = 1
TITLE: Final = "org.opencontainers.image.title"


def attest(
    run: RunContext,
    steps: Steps,
    unit: Unit,
    models: tuple[Prepared, ...],
    image: Stored[Image] | Stored[PushedImage],
    written: Callable[[Documents], None] = lambda _: None,
) -> Stored[Documents]:
    """The documents of an image; they stand while both files are there.

    Args:
        run: The run.
        steps: What walks the journey.
        unit: The unit.
        models: Its models.
        image: What they are about: the image in its registry, or on this machine where it goes nowhere else.
        written: Told of the documents when they were written.
    """
    runtime = models[0].runtime.value
    time = created(run.environ)

    def make(_: object) -> Documents:
        base = run.builder().base_of(runtime)
        python = ".".join(base.contents.python.split(".")[:2]) if base.contents is not None else PYTHONS[0]
        made_of = gather(
            [model.to_render(None) for model in models],
            runtime=runtime.runtime,
            subject=_subject(image.value),
            base=base,
            python=python,
            store=run.workspace.store,
            created=time,
        )
        documents = write_documents(made_of, run.documents(unit))
        written(documents)
        return documents

    return steps.do(
        Task(
            step="attest",
            version=VERSION,
            subject=unit.subject,
            models=unit.models,
            inputs=(_subject(image.value).digest, runtime.image_id, *(model.artifact.value.digest for model in models)),
            options={} if time is None else {"created": time},
        ),
        Documents,
        make,
        stands=lambda made: Path(made.sbom).is_file() and Path(made.provenance).is_file(),
        say=lambda made: made.sbom,
    )


def keep_beside(run: Run, unit: Unit, pushed: PushedImage, documents: Documents) -> None:
    """Keeps the documents of an image beside it in its registry; one that does not take them is told, and no failure.

    Raises:
        Interrupted: The run was asked to stop.
    """
    from migrate.images.attestation import provenance, sbom  # noqa: PLC0415 - 0.2 s, and seldom needed

    where = target(run, unit)
    repository = pushed.reference.rpartition(":")[0].removeprefix(f"{where.host}/")

    def send() -> None:
        client = RegistryClient(where.host, repository, where.credentials, pushing=True, stop=run.stop)
        manifest = client.manifest(pushed.digest)
        if manifest is None:
            raise client.failed(f"it does not have {pushed.digest} any more")
        kind = str(msgspec.json.decode(manifest, type=dict[str, object]).get("mediaType") or MANIFEST)
        subject = Descriptor(media_type=kind, digest=pushed.digest, size=len(manifest))
        run.cloud.session.before_effect()
        for text, media_type in ((documents.sbom, sbom.MEDIA_TYPE), (documents.provenance, provenance.MEDIA_TYPE)):
            path = Path(text)
            attach(client, subject, media_type, media_type, path.read_bytes(), {TITLE: path.name})

    try:
        logged_in(where, send)
    except LocalError as error:
        run.notice(
            f"The registry {where.host} does not keep the image's SBOM and provenance, which are in "
            f"{Path(documents.sbom).parent}: {error.what}",
            model=unit.models[0],
            warning=True,
        )


def _subject(image: Image | PushedImage) -> Subject:
    match image:
        case PushedImage():
            return Subject(name=image.reference, digest=image.digest, kind="manifest")
        case _:
            return Subject(name=image.reference, digest=image.image_id, kind="config")
