"""What the files of the models are, before a person is asked, and what that changes for apps that answer now."""

import contextlib
from collections.abc import Iterable, Mapping

from msgspec import Struct
from msgspec.structs import replace

from migrate.core.codes.catalogue import stored_code
from migrate.core.errors import ExitCode, Interrupted, LocalError, MigrateError, NeedsYouError, RefusedError
from migrate.core.values import Artifact, Inspection, ModelRecord
from migrate.formats.inspect import demand_ready
from migrate.machine.room import Need
from migrate.migration.journal.bill import billed_app
from migrate.migration.journal.schemas import UnreadableError
from migrate.migration.journal.subjects import model_subject
from migrate.migration.journey import order
from migrate.migration.journey.forms import forms_of
from migrate.migration.journey.steps import files
from migrate.migration.look.look import look_at_all
from migrate.migration.look.same import has_digest
from migrate.migration.run import permissions
from migrate.migration.run.cloud_run import Run
from migrate.migration.run.step_engine import Recaller, Unsettled


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


def look_into(run: Run, records: Iterable[ModelRecord]) -> dict[str, MigrateError]:
    """Looks at the files of models that no earlier run has read as they are now; nothing is fetched or made.

    Returns:
        What keeps models from being moved, by id, as far as a look tells it.
    """
    every = tuple(records)
    unread = [record for record in every if not _is_read(run, record)]
    with contextlib.suppress(Interrupted):
        run.looked |= look_at_all(run, unread, jobs=run.options.jobs)
    for record in unread:
        looked = run.looked.get(record.id)
        if looked is not None and looked.inspection is not None:
            unchecked = () if looked.not_known else looked.unchecked
            run.found[record.id] = replace(looked.inspection, notes=(*looked.inspection.notes, *unchecked))
    return {record.id: error for record in every if (error := _stopping(run, record.id)) is not None}


def _is_read(run: Run, record: ModelRecord) -> bool:
    """Whether the journal says what the files are; then it is among what is known in this run."""
    try:
        order.read(run, Recaller(run.journal), record)
    except (Unsettled, MigrateError):
        return False
    return True


def _stopping(run: Run, model: str) -> MigrateError | None:
    """What keeps a model from being moved; None for what a look does not tell, or what may pass."""
    looked, found = run.looked.get(model), run.found.get(model)
    if looked is not None and looked.problem is not None:
        problem = looked.problem
        kind = RefusedError if problem.exit_code == ExitCode.REFUSED else NeedsYouError
        return kind(problem.text, code=stored_code(problem.code), next_step=problem.task) if problem.stays else None
    if found is None or (looked is not None and looked.not_known):
        return None
    try:
        demand_ready(found, permissions.allowing(run.options, found).again(model))
    except NeedsYouError as error:
        return error
    return None


def warn_of_room(run: Run, records: Iterable[ModelRecord]) -> None:
    """Tells a person, before anything is fetched, where the disks have no room for all models together.

    Each model is held against what is free once more when its turn comes, and fails alone.
    """
    known = {record.id: run.sizes[record.id] for record in records if record.id in run.sizes}
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
    except Unsettled:  # they lie otherwise than when they were fetched, and were not fetched again
        return not has_digest(run, record, served)
    except MigrateError:
        return False  # there are none, which the run tells
