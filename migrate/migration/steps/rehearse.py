"""Rehearse: the image runs here as AI Deploy will run it, before anything is pushed or billed."""

from typing import Final
from urllib.parse import quote

import msgspec

from migrate.core.errors import NeedsYouError
from migrate.core.values import Image, Parity, Rehearsal, Sample
from migrate.images.rehearse import RunningRehearsal
from migrate.images.rehearse import rehearse as start_rehearsal
from migrate.migration.context import Run
from migrate.migration.journal import Stored
from migrate.migration.perform import Progress, Steps, Task
from migrate.migration.steps.evidence import first_mismatch
from migrate.migration.steps.image import Prepared
from migrate.migration.subjects import Unit, model_subject
from migrate.parity.answer import Answer, Call
from migrate.parity.replay import replay

VERSION: Final = 1


def rehearse(
    run: Run, steps: Steps, unit: Unit, image: Stored[Image], models: tuple[Prepared, ...]
) -> Stored[Rehearsal]:
    """The rehearsal of an image.

    Raises:
        NeedsYouError: An answer differs from its reference here already.
    """
    return steps.do(
        Task(
            step="rehearse",
            version=VERSION,
            subject=unit.subject,
            models=unit.models,
            inputs=(image.value.image_id, *(model.recording.digest for model in models)),
        ),
        Rehearsal,
        lambda progress: _rehearse(run, unit, image.value, models, progress),
        stands=lambda _: True,
        say=lambda rehearsal: f"ready after {rehearsal.cold_start:.1f} s, {rehearsal.calls} calls",
    )


def _rehearse(run: Run, unit: Unit, image: Image, models: tuple[Prepared, ...], progress: Progress) -> Rehearsal:
    plan = run.plan(unit, tuple(model.record for model in models))
    memory = run.memory(plan)
    proofs: list[tuple[Prepared, Parity]] = []
    with start_rehearsal(run.engine(), image, memory=memory, timeout=run.options.rehearsal_timeout) as running:
        for done, model in enumerate(models):
            progress(done, len(models))
            call = caller(running, model.record.id)
            parity = replay(model.recording.value, model.inspection.value.settings, call)
            run.journal.put(model_subject(model.record.id), "rehearsal-proof", image.image_id, parity)
            proofs.append((model, parity))
        cold_start, peak = running.cold_start, running.memory()
    for model, parity in proofs:
        if not parity.passed:
            raise NeedsYouError(
                f"The new image answers differently in its rehearsal: {first_mismatch(parity)}.",
                code="rehearsal-differs",
                next_step="Nothing was pushed or deployed. See every difference with `"
                f"{run.options.typed.command('why', model.record.id)}` and report it.",
            )
    return Rehearsal(
        image_id=image.image_id,
        cold_start=cold_start,
        calls=sum(parity.calls for _, parity in proofs),
        worst_difference=max((parity.worst_difference or 0.0 for _, parity in proofs), default=0.0),
        memory=peak,
    )


def caller(running: RunningRehearsal, model_id: str) -> Call:
    """How a model of a rehearsed image is asked."""
    path = f"/{quote(model_id, safe='')}/eval"
    headers = {"Content-Type": "application/json", "Accept": "application/json"}

    def call(sample: Sample) -> Answer:
        status, _, content = running.call("POST", path, headers, msgspec.json.encode(sample.request))
        try:
            body = msgspec.json.decode(content)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            body = None
        return Answer(
            status=status,
            body=body if isinstance(body, dict) else None,
            text=content[:2000].decode("utf-8", "replace"),
        )

    return call
