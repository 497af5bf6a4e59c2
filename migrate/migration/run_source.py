"""One run, from the listing to its result."""

import difflib
import shlex
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager
from pathlib import Path

from msgspec import Struct
from msgspec.structs import replace

from migrate.core.errors import ExitCode, Interrupted, MigrateError, NeedsYouError, UsageError
from migrate.core.events import Emit, ModelFinished, Result, RunStarted, StepFinished, StepStarted
from migrate.core.options.sources import RunOptions
from migrate.core.plan import Plan
from migrate.core.planfile.content import PlannedApp
from migrate.core.secret import Secret
from migrate.core.text import printable, type_again
from migrate.core.values import Artifact, Listing, ModelRecord, Outcome
from migrate.formats.recognise import recognise
from migrate.migration.journal.journal import Journal
from migrate.migration.journal.lock import WriterLock
from migrate.migration.journal.subjects import model_subject
from migrate.migration.journey import outcomes
from migrate.migration.journey.forms import difference, forms_of
from migrate.migration.journey.models import Group, group, group_as_planned
from migrate.migration.journey.planner import make_plan
from migrate.migration.journey.preview import Former, former, keep_served, look_into, warn_of_room
from migrate.migration.journey.result import make_result
from migrate.migration.journey.revisions import revisions
from migrate.migration.journey.steps.registry import renew_registration
from migrate.migration.journey.steps.tokens import delete_proof_tokens
from migrate.migration.parallel import Runner
from migrate.migration.run import permissions
from migrate.migration.run.cloud_run import Run
from migrate.migration.run.leased import leased
from migrate.migration.run.listed import recall_from
from migrate.migration.run.opening import source_folder
from migrate.migration.run.same_source import list_as_before
from migrate.migration.run.workspace import SourceFolder, Workspace
from migrate.ovhcloud.projects import authorize
from migrate.ovhcloud.rights import TO_RUN_APPS, TO_USE_SHARED_REGISTRY, demand_rights
from migrate.ovhcloud.session import Cloud
from migrate.sources.listing import known_models, list_models
from migrate.sources.reference import SourceRef, parse_source

Confirm = Callable[[Plan], None]
"""Shows a plan and asks, apart for the authorization; returns when the person agrees, and raises otherwise."""


class Applying(Struct, frozen=True):
    """A plan that is applied: its apps, and what raises StaleError where what it rests on has changed."""

    apps: tuple[PlannedApp, ...]
    demand_fresh: Callable[[Run], None]


class Ended(Exception):  # noqa: N818 - carries a result past the terminal's cleaning up
    """A run that met programming errors of this tool; ``bugs`` are they."""

    def __init__(self, result: Result, bugs: list[BaseException]) -> None:
        super().__init__("this tool failed")
        self.result = result
        self.bugs = bugs


def run_source(
    options: RunOptions,
    *,
    cloud: Cloud,
    workspace: Workspace,
    environ: Mapping[str, str],
    emit: Emit,
    confirm: Confirm,
    old_token: Secret | None = None,
    applying: Applying | None = None,
) -> Result:
    """Moves the models of a source, or what is left of that.

    Args:
        options: What the person chose.
        cloud: OVHcloud's API and the project; its session's ``stop`` ends the run.
        workspace: Where the journal and the downloads are.
        environ: The environment, for the engine and the registry.
        emit: Shows events.
        confirm: Asks before anything is made.
        old_token: Opens the old endpoints; see ``opening.read_old_token``.
        applying: The plan, where one is applied.

    Raises:
        MigrateError: Nothing could be begun. What happens to single models is in the result.
        Interrupted: The run was stopped before any model had begun.
        Ended: As above, with programming errors.
    """
    ref = parse_source(options.source)
    folder = source_folder(workspace, endpoint=cloud.session.endpoint_name, project=cloud.project, ref=ref)
    doing = options.doing
    with (
        WriterLock(folder.lock, doing=doing),
        leased(
            options.state, cloud=cloud, source=ref.canonical, models=lambda: known_models(ref), doing=doing
        ) as lease,
        closing(_journal(folder.journal, ref, cloud)) as journal,
    ):
        cloud.session.log.about(journal.id, journal.begin("run" if applying is None else "apply"))
        try:
            listing = _list(ref, cloud, workspace, emit, environ, journal)
            chosen = select(listing, options) if applying is None else _named_in(listing, options)
            run = _run(options, old_token, journal, workspace, folder, cloud, listing, emit, environ, chosen)
            if applying is not None:
                run.planned = applying.apps
                applying.demand_fresh(run)
            journal.list_models(listing.models)
            result, bugs = _walk(run, confirm)
            if lease is not None and lease.lost is not None:
                result = replace(result, exit_code=int(lease.lost.exit_code))
        except MigrateError as error:
            journal.end(error.exit_code)
            raise
        except Interrupted:
            lost = lease.lost if lease is not None else None
            journal.end(ExitCode.INTERRUPTED if lost is None else lost.exit_code)
            raise
        journal.end(result.exit_code)
    if bugs:
        raise Ended(result, bugs)
    return result


def plan_source(
    options: RunOptions,
    *,
    cloud: Cloud,
    workspace: Workspace,
    environ: Mapping[str, str],
    emit: Emit,
    old_token: Secret | None = None,
) -> Plan:
    """What a run would do. It makes and fetches nothing: the files are looked at where they lie.

    Raises:
        MigrateError: The source cannot be listed, or OVHcloud's answer to another question.
    """
    with trial_run(options, cloud, workspace, environ, emit, old_token) as run:
        keep_served(run)
        runner, before = Runner(run), former(run)
        settled, groups = sort(run, runner)
        plan = _plan(run, runner, groups, settled, before)
        if plan is None:
            raise Interrupted
        return plan


@contextmanager
def trial_run(
    options: RunOptions,
    cloud: Cloud,
    workspace: Workspace,
    environ: Mapping[str, str],
    emit: Emit,
    old_token: Secret | None = None,
) -> Iterator[Run]:
    """A run on a copy of the source's journal, to ask of it what it would do.

    Raises:
        MigrateError: The source cannot be listed.
    """
    ref = parse_source(options.source)
    folder = workspace.source(cloud.session.endpoint_name, cloud.project, ref.canonical)
    with tempfile.TemporaryDirectory(prefix="migrate-plan-") as scratch:
        copy = Path(scratch) / "journal.sqlite"
        if (known := Journal.read(folder.journal)) is not None:
            with closing(known):
                known.copy_to(copy)
        with closing(_journal(copy, ref, cloud)) as journal:
            listing = _list(ref, cloud, workspace, emit, environ, journal)
            journal.begin("run")
            chosen = select(listing, options)
            yield _run(options, old_token, journal, workspace, folder, cloud, listing, emit, environ, chosen)


def _journal(path: Path, ref: SourceRef, cloud: Cloud) -> Journal:
    return Journal.create(path, source=ref.canonical, endpoint=cloud.session.endpoint_name, project=cloud.project)


def _list(
    ref: SourceRef, cloud: Cloud, workspace: Workspace, emit: Emit, environ: Mapping[str, str], journal: Journal
) -> Listing:
    began = time.monotonic()
    emit(StepStarted(step="list", detail=f"reading {printable(ref.canonical)}"))
    listing = list_as_before(
        ref,
        journal,
        lambda name: workspace.source(cloud.session.endpoint_name, cloud.project, name),
        lambda one: list_models(one, cloud, recognise, environ=environ, recall=recall_from(journal)),
    )
    emit(StepFinished(step="list", seconds=time.monotonic() - began, detail=f"{len(listing.models)} models"))
    return listing


def _run(  # noqa: PLR0913, PLR0917 - the services of a run, each of its own kind
    options: RunOptions,
    old_token: Secret | None,
    journal: Journal,
    workspace: Workspace,
    folder: SourceFolder,
    cloud: Cloud,
    listing: Listing,
    emit: Emit,
    environ: Mapping[str, str],
    chosen: tuple[ModelRecord, ...],
) -> Run:
    seen = revisions(cloud, chosen, jobs=options.jobs, environ=environ)
    return Run(
        options=options,
        journal=journal,
        workspace=workspace,
        folder=folder,
        cloud=cloud,
        listing=Listing(source=listing.source, models=chosen, ignored=listing.ignored, region=listing.region),
        emit=emit,
        stop=cloud.session.stop,
        environ=environ,
        revisions={name: one.revision for name, one in seen.items()},
        sizes={name: one.size for name, one in seen.items() if one.size is not None},
        old_token=old_token,
    )


def select(listing: Listing, options: RunOptions) -> tuple[ModelRecord, ...]:
    """The models that were asked for; all without ``--model``.

    Raises:
        UsageError: One of them is not in the source, or there is none at all.
    """
    known = {record.id: record for record in listing.models}
    for name in (*options.models, *options.renew):
        if name not in known:
            near = difflib.get_close_matches(name, known, n=1)
            raise UsageError(
                f"The source {printable(listing.source)} has no model {printable(name)!r}.",
                code="unknown-model",
                next_step=f"Did you mean {printable(near[0])!r}?" if near else f"Type: {options.typed.list()}",
            )
    left_out = [name for name in options.renew if options.models and name not in options.models]
    if left_out:
        raise UsageError(
            f"The token of {printable(left_out[0])!r} is to be replaced, and --model leaves that model out.",
            code="usage",
            next_step=type_again(adding=f"--model {shlex.quote(left_out[0])}, or without --model"),
        )
    if not known:
        raise UsageError(
            f"No model was found in {printable(listing.source)}.",
            code="no-models",
            next_step=f"See what lies there: {options.typed.list()}",
        )
    return tuple(record for record in listing.models if not options.models or record.id in options.models)


def _named_in(listing: Listing, options: RunOptions) -> tuple[ModelRecord, ...]:
    """The models that a plan chose, as far as they are there: what is missing makes it stale."""
    return tuple(record for record in listing.models if not options.models or record.id in options.models)


def sort(run: Run, runner: Runner) -> tuple[tuple[Outcome, ...], tuple[Group, ...]]:
    """The outcomes of the models that are settled, and the groups that are not.

    A model that has no files is settled by that, and shares nothing with others.
    """
    settled: list[Outcome] = []
    rest: list[Group] = []
    if run.planned is None:
        placed = tuple(record for record in run.listing.models if record.location is not None)
        nowhere = tuple(record for record in run.listing.models if record.location is None)
        groups = (*group(placed, run.options.layout, run.options.models), *group(nowhere, "separate", ()))
    else:
        groups = group_as_planned(run.listing.models, run.planned)
        served = {name for app in run.planned for name in app.models}
        settled += [_not_planned(run, record) for record in run.listing.models if record.id not in served]
    for item in groups:
        found = runner.recall(item)
        if found is None:
            rest.append(item)
        else:
            settled += found
    return tuple(settled), tuple(rest)


def _not_planned(run: Run, record: ModelRecord) -> Outcome:
    error = NeedsYouError(
        "The plan makes no app for it.",
        code="not-planned",
        next_step=f"See why in the plan, correct its files, and plan again: {run.options.planning()}",
    )
    return outcomes.ended(record, error, again="")


def _plan(
    run: Run, runner: Runner, groups: tuple[Group, ...], settled: tuple[Outcome, ...], before: Mapping[str, Former]
) -> Plan | None:
    """The plan for groups whose files are looked at first: of what cannot be moved no app is planned.

    None where the run was asked to stop meanwhile.
    """
    stopping = look_into(run, [record for one in groups for record in one.records])
    if run.stop.is_set():
        return None
    ends = tuple(
        runner.ended(record, stopping[record.id]) for one in groups for record in one.records if record.id in stopping
    )
    rest = (
        replace(one, records=tuple(record for record in one.records if record.id not in stopping)) for one in groups
    )
    return make_plan(run, tuple(one for one in rest if one.records), settled + ends, before)


def _walk(run: Run, confirm: Confirm) -> tuple[Result, list[BaseException]]:
    runner = Runner(run)
    settled, groups = sort(run, runner)
    keep_served(run)
    before = former(run)
    plan = None
    if groups and not run.options.yes and run.planned is None:  # who is asked is told what the files are
        plan = _plan(run, runner, groups, settled, before)
    elif groups and not run.stop.is_set():
        plan = make_plan(run, groups, settled, before)
    if plan is not None:
        warn_of_room(run, [record for one in groups for record in one.records])
        if plan.created:
            shared = () if run.options.registry is not None else TO_USE_SHARED_REGISTRY
            demand_rights(run.cloud, (*TO_RUN_APPS, *shared))
        confirm(plan)
        _authorize(run, already=plan.authorized)
    run.emit(RunStarted(source=run.listing.source, models=tuple(record.id for record in run.listing.models)))
    delete_proof_tokens(run.cloud, run.journal.effects)  # of runs that were killed
    with run.journal.at_once():
        for outcome in settled:
            run.journal.finish(outcome)
            run.emit(ModelFinished(outcome=outcome))
    found = {outcome.model: outcome for outcome in settled}
    try:
        found |= runner.execute(groups)
        if not run.stop.is_set():
            renew_registration(run)
    finally:
        interrupted = run.stop.is_set()
        run.stop.clear()
        _clean(run)
    _tell_unmatched(run)
    for name, was in before.items():
        if name in run.found and (text := difference(was.forms, forms_of(run.found[name]))):
            run.notice(f"Clients have to know: {text}.", model=name, warning=True)
    ordered = tuple(found[record.id] for record in run.listing.models if record.id in found)
    code = outcomes.exit_code(ordered, interrupted=interrupted)
    return make_result(run, ordered, code), runner.bugs


def _tell_unmatched(run: Run) -> None:
    """A word that was given for no file may be a mistake of typing."""
    stored = [run.journal.usable(model_subject(record.id), "fetch", Artifact) for record in run.listing.models]
    artifacts = [one.value for one in stored if one is not None]
    for digest in permissions.unmatched(run.options.allow_unsafe, artifacts):
        text = permissions.unmatched_text(digest, all_read=len(artifacts) == len(stored))
        run.notice(text, warning=True)


def _authorize(run: Run, *, already: bool) -> None:
    """Lets AI Deploy into the project; journalled, though OVHcloud has no call that takes it back.

    Where it is in ``already``, the journal only learns whether a run that was killed had asked for that.
    """
    effects = run.journal.effects
    effect = effects.find("authorization", run.cloud.project)
    if not already:
        effect = effect or effects.intend("authorization", run.cloud.project, {}, unit=run.cloud.project)
        authorize(run.cloud)
    if effect is not None and effect.external_id is None:
        effects.done(effect, run.cloud.project)


def _clean(run: Run) -> None:
    try:
        delete_proof_tokens(run.cloud, run.journal.effects)
    except MigrateError as error:
        run.notice(f"The token of the proof is still there, and the next run deletes it: {error.what}", warning=True)
    except Interrupted:
        run.notice("The token of the proof is still there, and the next run deletes it.", warning=True)
