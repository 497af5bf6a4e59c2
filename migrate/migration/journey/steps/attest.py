"""Attest: the SBOM and the provenance of a unit's image, written beside the journal."""

from pathlib import Path
from typing import Final

from migrate.core.values import Documents, Image, PushedImage
from migrate.images.attestation.made_of import Subject
from migrate.images.base.fit import PYTHONS
from migrate.images.model.documents import created, gather, write_documents
from migrate.migration.journal.journal import Stored
from migrate.migration.journey.models import Prepared
from migrate.migration.run.run_context import RunContext
from migrate.migration.run.step_engine import Steps, Task
from migrate.migration.run.units import Unit

VERSION: Final = 1


def attest(
    run: RunContext,
    steps: Steps,
    unit: Unit,
    models: tuple[Prepared, ...],
    image: Stored[Image] | Stored[PushedImage],
) -> Stored[Documents]:
    """The documents of an image; they stand while both files are there.

    Args:
        run: The run.
        steps: What walks the journey.
        unit: The unit.
        models: Its models.
        image: What they are about: the image in its registry, or on this machine where it goes nowhere else.
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
        return write_documents(made_of, run.documents(unit))

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


def _subject(image: Image | PushedImage) -> Subject:
    match image:
        case PushedImage():
            return Subject(name=image.reference, digest=image.digest, kind="manifest")
        case _:
            return Subject(name=image.reference, digest=image.image_id, kind="config")
