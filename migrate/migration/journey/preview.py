"""What the files of the models are, before a person is asked, and what that changes for apps that answer now."""

import contextlib
from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Final

from msgspec import Struct

from migrate.core.errors import Interrupted, LocalError, MigrateError
from migrate.core.values import Artifact, Inspection, ModelRecord
from migrate.machine.room import Need
from migrate.migration.journal.bill import billed_app
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


def keep_served(run: Run) -> None:
    """Writes what apps serve of which an earlier release wrote only that they are there.

    Once other files are fetched the journal says nothing else of it, and nobody would be asked before a replacement.
    """
    for effect in run.journal.effects.existing("app"):
        if effect.lost is None and effect.external_id is not None and "artifacts" not in effect.intent:
            known = {name: _known(run, name) for name in billed_app(effect, None).models}
            run.journal.effects.learn(
                effect,
                artifacts={name: artifact.digest for name, (artifact, _) in known.items() if artifact},
                forms={name: forms_of(inspection) for name, (_, inspection) in known.items() if inspection},
            )


def _known(run: Run, model: str) -> tuple[Artifact | None, Inspection | None]:
    """What the journal has of a model; nothing where a newer release wrote it, which is told when it is needed."""
    try:
        artifact = run.journal.usable(model_subject(model), "fetch", Artifact)
        inspection = run.journal.usable(model_subject(model), "inspect", Inspection)
    except UnreadableError:
        return None, None
    return artifact.value if artifact else None, inspection.value if inspection else None


def former(run: Run) -> dict[str, Former]:
    """What was known of the models before their files are looked into, by id."""
    served = [effect.intent for effect in run.journal.effects.existing("app")]
    artifacts, forms = _merged(served, "artifacts"), _merged(served, "forms")
    found = {}
    for record in run.listing.models:
        name = record.id
        artifact, inspection = _known(run, name)
        digest, form = artifacts.get(name), forms.get(name)
        found[name] = Former(
            digest if isinstance(digest, str) else artifact.digest if artifact else None,
            {str(key): str(text) for key, text in form.items()} if isinstance(form, dict) else forms_of(inspection),
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


def warn_of_room(run: Run, records: Iterable[ModelRecord], sizes: Mapping[str, int]) -> None:
    """Tells a person, before anything is fetched, where the disks have no room for all models together.

    Each model is held against what is free once more when its turn comes, and fails alone.
    """
    known = {record.id: sizes[record.id] for record in records if record.id in sizes}
    missing = sum(size for name, size in known.items() if _known(run, name)[0] is None)
    download = Need(folder=run.workspace.store, size=missing, what="the downloads")
    try:
        with run.room.hold(download, run.needs(sum(known.values()), max(known.values(), default=0))):
            pass
    except LocalError as error:
        run.notice(f"{error.what} Models for which there is no room will fail; the others are moved.", warning=True)


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
