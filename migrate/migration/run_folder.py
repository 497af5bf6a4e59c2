"""The journey of the models of one folder as far as it goes on this machine: build, export, serve.

The steps are those of a run over a source. Their journal is in memory, because one command does all that is to be done.
"""

import threading
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path
from typing import Final
from urllib.parse import quote

from msgspec import Struct
from msgspec.structs import replace

from migrate.core.codes.catalogue import stored_code
from migrate.core.errors import MigrateError, NeedsYouError, RefusedError, UsageError
from migrate.core.events import Emit
from migrate.core.names import slug
from migrate.core.options.declaration import absolute
from migrate.core.options.folders import BuildOptions, ExportOptions, ServeOptions
from migrate.core.options.shared import OUT
from migrate.core.options.sources import ListOptions
from migrate.core.text import printable, type_again
from migrate.core.values import Documents, Image, ModelRecord, Parity, Recording, Rehearsal
from migrate.formats.inspect import demand_ready
from migrate.formats.recognise import recognise
from migrate.images.model.context import ModelToRender
from migrate.machine.disk import disk_errors, scratch_folder
from migrate.machine.patience import REHEARSED_ANSWER
from migrate.machine.room import Need
from migrate.migration.journal.database import MEMORY
from migrate.migration.journal.journal import Journal
from migrate.migration.journey import order
from migrate.migration.journey.models import Inspected, Prepared
from migrate.migration.journey.steps.attest import attest
from migrate.migration.journey.steps.convert import convert
from migrate.migration.journey.steps.record import record_given
from migrate.migration.run import permissions
from migrate.migration.run.builder import chosen_engine
from migrate.migration.run.once import Once
from migrate.migration.run.run_context import RunContext
from migrate.migration.run.step_engine import Performer
from migrate.migration.run.units import BlamedError, Unit, packed_id, unit_of
from migrate.migration.run.workspace import Workspace
from migrate.parity.http import http_caller
from migrate.parity.replay import first_mismatch, replay
from migrate.sources.listing import list_models
from migrate.sources.reference import FolderRef

_MEMORY: Final = 4 << 30  # one unit of ai1-1-cpu (contract: AI Deploy images)
_ANY_NAME: Final = "model"
_NAMED: Final = 3  # models in one sentence
FolderOptions = BuildOptions | ExportOptions | ServeOptions

_SHARED: Final = "refused: another model of the same image cannot be converted"


class Built(Struct, frozen=True):
    """A rehearsed image of this machine, with the models and documents of it, and why others are not, by their ids."""

    image: Image
    rehearsal: Rehearsal
    models: tuple[Prepared, ...]
    documents: Documents
    left_out: dict[str, str] = {}


class FolderRun(RunContext):
    """What the steps need for the models of one folder.

    Attributes:
        options: What the person chose.
        steps: What walks the journey.
    """

    options: FolderOptions

    def __init__(
        self,
        options: FolderOptions,
        *,
        journal: Journal,
        workspace: Workspace,
        contexts: Path,
        emit: Emit,
        stop: threading.Event,
        environ: Mapping[str, str],
    ) -> None:
        super().__init__(journal=journal, workspace=workspace, contexts=contexts, emit=emit, stop=stop, environ=environ)
        self.options = options
        self.steps = Performer(journal, self.emit, stop)
        self._uses_engine: Once[bool] = Once()

    def needs(self, size: int, largest: int | None = None) -> tuple[Need, ...]:
        """What the command writes of a model's files: an image, a folder, or nothing more for ``serve``."""
        match self.options:
            case ExportOptions(out=out):
                remedy = f"Name another folder with {OUT.name}"
                return (Need(folder=out, size=size, what="the build context", remedy=remedy),)
            case BuildOptions(out=out) if not self.uses_engine():
                remedy = f"Name another file with {OUT.name}"
                kept = Need(folder=self.workspace.store, size=size, what="the image's layers")
                written = out and Need(folder=out, size=size, what="the image's archive", remedy=remedy)
                return (kept, written) if written else ()  # to a registry, large layers are made on their way
            case BuildOptions():
                return super().needs(size, largest)
            case _:
                return ()

    def uses_engine(self) -> bool:
        """Whether a container engine makes the image.

        Raises:
            UsageError: See ``chosen_engine``.
        """
        options = self.options
        return not isinstance(options, BuildOptions) or self._uses_engine.get(
            lambda: chosen_engine(options, self.engine, self.environ)
        )

    def memory_of(self, unit: Unit) -> int:  # noqa: ARG002 - no flavor was chosen
        """The memory of AI Deploy's smallest replica, in bytes."""
        return _MEMORY

    def image_tag(self, unit: Unit, digest: str) -> str:  # noqa: ARG002 - the person chose it
        """The name that was asked for."""
        return (self.options.name or "") if isinstance(self.options, BuildOptions) else ""

    def documents(self, unit: Unit) -> Path:
        """A folder of the workspace, by the name that was asked for."""
        return self.workspace.built / slug(self.image_tag(unit, ""))

    def look(self, model_id: str) -> str:  # noqa: ARG002 - nothing is kept
        """No command: the journal ends with the process."""
        return ""


@contextmanager
def folder_run(
    options: FolderOptions, *, workspace: Workspace, emit: Emit, stop: threading.Event, environ: Mapping[str, str]
) -> Iterator[FolderRun]:
    """A run over a folder; its build contexts are gone at the end.

    Args:
        options: What the person chose.
        workspace: Where the content store is.
        emit: Shows events.
        stop: Set to end early.
        environ: The environment, for the engine.

    Raises:
        LocalError: The disk.
    """
    with ExitStack() as stack:
        with disk_errors():
            contexts = stack.enter_context(scratch_folder(workspace.store, "contexts-"))
        source = str(options.folder)
        journal = stack.enter_context(closing(Journal.create(MEMORY, source=source, endpoint="", project="")))
        yield FolderRun(
            options,
            journal=journal,
            workspace=workspace,
            contexts=contexts,
            emit=emit,
            stop=stop,
            environ=environ,
        )


def read_folder(run: FolderRun, *, loading: str) -> tuple[Inspected, ...]:
    """The models of a folder: what lies at its root, or in the folders below it.

    Args:
        run: The run.
        loading: Where their files are loaded, for the sentence ``it is then loaded ...``.

    Raises:
        UsageError: There is no folder, no model in it, or models of several runtimes.
        RefusedError: Files run code when they are loaded, and are not allowed to.
        NeedsYouError: A model cannot be served as it is.
        LocalError: The disk.
    """
    return _demanded(run, _inspected(run), loading)


def _demanded(run: FolderRun, models: tuple[Inspected, ...], loading: str) -> tuple[Inspected, ...]:
    _refuse_quarantined(models, run.options.allow_unsafe, loading)
    _demand_one_runtime(models)
    return models


def read_servable(
    run: FolderRun, *, loading: str, done: str = "served"
) -> tuple[tuple[Inspected, ...], dict[str, str]]:
    """Those models of a folder that can be served, and why others cannot, by their ids.

    The sentence about each of these says that it is not ``done``.

    Where none can be, that is refused as ``read_folder`` does; the arguments and errors are the same.
    """
    models = _inspected(run)
    ready = tuple(model for model in models if model.inspection.value.verdict == "ready")
    if not ready:
        return _demanded(run, models, loading), {}
    _demand_one_runtime(ready)
    unserved: dict[str, str] = {}
    for model in models:
        found = model.inspection.value
        if found.verdict != "ready":
            digests = permissions.needed((), found)
            allow = f" {' '.join(permissions.words(digests))} allows it." if digests else ""
            unserved[model.record.id] = f"{found.text} {found.task}".strip() + allow
            run.notice(f"{printable(model.record.id, 60)} is not {done}: {unserved[model.record.id]}", warning=True)
    return ready, unserved


def _inspected(run: FolderRun) -> tuple[Inspected, ...]:
    options = run.options
    folder = absolute(options.folder).resolve()
    listing = list_models(FolderRef(folder), None, recognise)
    if not listing.models:
        raise UsageError(
            f"No model was found in {printable(str(options.folder), 300)}.",
            code="no-models",
            next_step=f"See what lies there: {ListOptions(source=str(options.folder)).command()}",
        )
    models = tuple(order.read(run, run.steps, record) for record in _named(listing.models, folder))
    for digest in permissions.unmatched(options.allow_unsafe, [model.artifact.value for model in models]):
        run.notice(permissions.unmatched_text(digest, all_read=True), warning=True)
    return models


def _named(records: tuple[ModelRecord, ...], folder: Path) -> tuple[ModelRecord, ...]:
    """The models with their names; of a file that is just called ``model`` its folder says more.

    A run of what this folder lies in calls the model by the folder too.
    """
    if len(records) == 1 and records[0].id.lower() == _ANY_NAME and folder.name:
        return (replace(records[0], id=folder.name),)
    return records


def _demand_one_runtime(models: tuple[Inspected, ...]) -> None:
    runtimes = {demand_ready(model.inspection.value) for model in models}
    if len(runtimes) > 1:
        raise UsageError(
            f"The models need different runtimes: {', '.join(sorted(runtimes))}.",
            code="several-runtimes",
            next_step="Name the folder of one model.",
        )


def _refuse_quarantined(models: tuple[Inspected, ...], digests: tuple[str, ...], loading: str) -> None:
    """One refusal for all of them, so that one more command is enough."""
    found = [model.inspection.value for model in models]
    quarantined = [inspection for inspection in found if inspection.verdict == "quarantined"]
    if not quarantined:
        return
    for inspection in quarantined:
        if not permissions.needed((), inspection):  # no word of the user's lets it be loaded
            raise RefusedError(inspection.text, code=stored_code(inspection.reason), next_step=inspection.task)
        digests = permissions.needed(digests, inspection)
    raise RefusedError(
        " ".join(inspection.text for inspection in quarantined[:_NAMED]),
        code=stored_code(quarantined[0].reason),
        next_step=type_again(
            "Make sure that you trust whoever made it",
            adding=" ".join(permissions.words(digests)),
            note=f"it is then loaded {loading}",
        ),
    )


def build_folder(run: FolderRun, models: tuple[Inspected, ...]) -> Built:
    """Builds one image of the models and rehearses it, with its answers held against the recorded ones.

    A model that cannot be loaded, or answers differently, is left out and told, as long as another is good.

    Raises:
        MigrateError: What a step raised that is no fault of one model among others.
    """
    prepared, errors = _asked(run, models)
    while prepared:
        try:
            tried = order.try_out(run, run.steps, _unit(prepared), prepared)
        except BlamedError as blamed:
            errors |= blamed.errors
            prepared = tuple(model for model in prepared if model.record.id not in blamed.errors)
            continue
        left_out = {name: f"{error.what} {error.next_step}".strip() for name, error in errors.items()}
        for name, reason in left_out.items():
            run.notice(f"{printable(name, 60)} is not built: {reason}", warning=True)
        documents = attest(run, run.steps, _unit(prepared), prepared, tried.image).value
        return Built(tried.image.value, tried.rehearsal.value, prepared, documents, left_out)
    raise _first(errors)


def _asked(run: FolderRun, models: tuple[Inspected, ...]) -> tuple[tuple[Prepared, ...], dict[str, MigrateError]]:
    """The models that answer when their engines are asked, and what is wrong with the others, by their ids."""
    if len(models) == 1:
        return _prepare(run, models), {}
    prepared: list[Prepared] = []
    errors: dict[str, MigrateError] = {}
    for model in models:
        try:
            prepared.append(order.ask(run, run.steps, model, demand_ready(model.inspection.value)))
        except NeedsYouError as error:
            errors[model.record.id] = error
    return _slimmed(run, tuple(prepared)), errors


def export_models(run: FolderRun, models: tuple[Inspected, ...]) -> tuple[tuple[ModelToRender, ...], dict[str, str]]:
    """The models for an image that is built elsewhere, and what became of ``slim``.

    No engine is needed but for ``slim``: models are asked for answers before they are converted, and the image then
    carries those.

    Raises:
        MigrateError: What a step raised.
    """
    if run.options.slim:
        prepared = _prepare(run, models)
        return tuple(model.to_render(model.recording) for model in prepared), slimmed(prepared)
    if run.options.samples is not None:
        run.notice("Nothing is run here, so the samples of --samples are not asked.", warning=True)
    return tuple(model.to_render(None) for model in models), {}


def recordings_given(run: FolderRun, models: tuple[Inspected, ...]) -> dict[str, Recording]:
    """The customer's samples with their answers, by model; only of those that have some.

    Raises:
        UsageError: They cannot be read.
    """
    found = {model.record.id: record_given(run, run.steps, model) for model in models}
    return {name: stored.value for name, stored in found.items() if stored is not None}


def hold_against(models: tuple[Inspected, ...], recordings: Mapping[str, Recording], url: str) -> dict[str, Parity]:
    """Asks the server at ``url`` for the recorded answers of its models; the proof of each that has some.

    Raises:
        NeedsYouError: It answers differently.
        RemoteError: It does not answer.
    """
    proofs: dict[str, Parity] = {}
    for model in models:
        name = model.record.id
        if name in recordings:
            call = http_caller(f"{url}/{quote(name, safe='')}", None, timeout=REHEARSED_ANSWER)
            proofs[name] = replay(recordings[name], model.inspection.value.settings, call)
            if not proofs[name].passed:
                raise NeedsYouError(
                    f"{printable(name, 60)} answers differently: {first_mismatch(proofs[name])}.",
                    code="answers-differ",
                    next_step="Correct the samples, or leave --samples out to try the model as it is.",
                )
    return proofs


def slimmed(models: tuple[Prepared, ...]) -> dict[str, str]:
    """What became of the wish for ONNX, by model; see ``Outcome``."""
    return {model.record.id: model.slim for model in models if model.slim}


def allowed(models: tuple[Inspected, ...]) -> list[dict[str, str]]:
    """The files that are loaded because the user gave their word, and the option by which."""
    return [fact for model in models for fact in permissions.facts(model.record.id, model.inspection.value)]


def _prepare(run: FolderRun, models: tuple[Inspected, ...]) -> tuple[Prepared, ...]:
    asked = tuple(order.ask(run, run.steps, model, demand_ready(model.inspection.value)) for model in models)
    return _slimmed(run, asked)


def _slimmed(run: FolderRun, prepared: tuple[Prepared, ...]) -> tuple[Prepared, ...]:
    if not run.options.slim or not prepared:
        return prepared
    converted = tuple(convert(run, run.steps, model) for model in prepared)
    if len({model.runtime.value.runtime for model in converted}) == 1:
        return converted
    # One image has one runtime: all of them are converted or none.
    told = (_SHARED if model.slim == "kept" else model.slim for model in converted)
    return tuple(replace(model, slim=text) for model, text in zip(prepared, told, strict=True))


def _unit(models: tuple[Prepared, ...]) -> Unit:
    records = tuple(model.record for model in models)
    if len(records) == 1:
        return unit_of(records[0])
    return Unit(id=packed_id(models[0].runtime.value.runtime, ()), records=records, packed=True)


def _first(errors: Mapping[str, MigrateError]) -> NeedsYouError:
    """The models of an image that keep it from being used, as one error; the first one says what to do."""
    first = next(iter(errors.values()))
    return NeedsYouError(
        " ".join(f"{printable(name, 60)}: {error.what}" for name, error in list(errors.items())[:_NAMED]),
        code=first.code,
        next_step=first.next_step,
        evidence=first.evidence,
    )
