"""Prove: every recorded request asked of the new app, its answer held against the old one."""

from typing import Final

from migrate.apps.app import model_url
from migrate.core.values import App, Parity
from migrate.machine.patience import NEW_ANSWER
from migrate.migration.journal.journal import Stored
from migrate.migration.journal.subjects import model_subject
from migrate.migration.journey.models import Prepared
from migrate.migration.journey.steps.tokens import proof_token
from migrate.migration.run.cloud_run import Run
from migrate.migration.run.step_engine import Progress, Steps, Task
from migrate.migration.run.units import Unit
from migrate.parity.http import describe_at, http_caller
from migrate.parity.replay import replay

VERSION: Final = 1


def prove(run: Run, steps: Steps, unit: Unit, model: Prepared, app: Stored[App], image: str) -> Stored[Parity]:
    """The proof of one model on its app. One that did not pass is kept as evidence and made again by the next run.

    Args:
        run: The run.
        steps: What walks the journey.
        unit: The unit that the app serves.
        model: The model.
        app: The running app.
        image: The digest of what it runs.
    """
    recording, settings = model.recording, model.inspection.value.settings

    def make(progress: Progress) -> Parity:
        token = proof_token(run, unit, app.value)
        url = model_url(app.value, model.record.id)
        describe = describe_at(url, token, timeout=NEW_ANSWER) if recording.value.describe is not None else None
        call = http_caller(url, token, timeout=NEW_ANSWER)
        return replay(recording.value, settings, call, describe=describe, progress=progress)

    return steps.do(
        Task(
            step="prove",
            version=VERSION,
            subject=model_subject(model.record.id),
            models=(model.record.id,),
            inputs=(app.value.id, image, recording.digest),
        ),
        Parity,
        make,
        stands=lambda parity: parity.passed,
        outside=True,
        say=lambda parity: f"{parity.level}, {parity.calls} calls, {'equal' if parity.passed else 'different'}",
    )
