"""What the files of the models are, before a person is asked, and what that changes for apps that answer now."""

import contextlib
from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Final

from msgspec import Struct

from migrate.core.errors import Interrupted, MigrateError
from migrate.core.values import Artifact, Inspection, ModelRecord
from migrate.migration.journal.schemas import UnreadableError
from migrate.migration.journal.subjects import model_subject
from migrate.migration.journey import order
from migrate.migration.journey.forms import forms_of
from migrate.migration.journey.steps import files
from migrate.migration.run.run_context import Run
from migrate.migration.run.step_engine import Performer, Recaller, Unsettled

LARGEST: Final = 200_000_000  # bytes of a model that is fetched before anybody is asked


class Former(Struct, frozen=True):
    """What an app serves of a model, or else what an earlier run knew: the digest of its files, and its forms."""

    digest: str | None
    forms: dict[str, str]


def former(run: Run) -> dict[str, Former]:
    """What was known of the models before their files are looked into, by id."""
    served = [effect.intent for effect in run.journal.effects.existing("app")]
    artifacts, forms = _merged(served, "artifacts"), _merged(served, "forms")
    found = {}
    for record in run.listing.models:
        name, subject = record.id, model_subject(record.id)
        try:
            artifact = run.journal.usable(subject, "fetch", Artifact)
            inspection = run.journal.usable(subject, "inspect", Inspection)
        except UnreadableError:
            continue  # of a newer release, which the model's own journey tells
        digest, form = artifacts.get(name), forms.get(name)
        found[name] = Former(
            digest if isinstance(digest, str) else artifact.value.digest if artifact else None,
            {str(key): str(text) for key, text in form.items()}
            if isinstance(form, dict)
            else forms_of(inspection.value if inspection else None),
        )
    return found


def _merged(intents: Iterable[Mapping[str, object]], field: str) -> dict[str, object]:
    merged: dict[str, object] = {}
    for intent in intents:
        one = intent.get(field)
        merged |= one if isinstance(one, dict) else {}
    return merged


def look_into(run: Run, records: Iterable[ModelRecord], sizes: Mapping[str, int]) -> None:
    """Fetches and inspects models that are not large, side by side; nothing of them is loaded or made.

    What goes wrong is left to the run itself, which tells it of each model.
    """
    steps = Performer(run.journal, run.emit, run.stop)

    def read(record: ModelRecord) -> None:
        with contextlib.suppress(MigrateError, Interrupted):
            order.read(run, steps, record)

    small = [record for record in records if sizes.get(record.id, LARGEST) < LARGEST]
    with ThreadPoolExecutor(max_workers=run.options.jobs, thread_name_prefix="preview") as pool:
        list(pool.map(read, small))


def changed(run: Run, record: ModelRecord, served: str | None) -> bool:
    """Whether a model's files are others than those with this digest, which its app serves."""
    if served is None:
        return False
    try:
        return files.fetch(run, Recaller(run.journal), record).value.digest != served
    except Unsettled:
        return True  # they lie otherwise than when they were fetched, and were not fetched again
    except MigrateError:
        return False  # there are none, which the run tells
