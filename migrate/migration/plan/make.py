"""From what was looked at to the content of a plan file."""

from collections.abc import Mapping
from pathlib import Path
from typing import Final

import migrate
from migrate.apps.prices import PriceList
from migrate.core.codes.catalogue import CODES
from migrate.core.errors import UsageError
from migrate.core.looked import Looked
from migrate.core.names import digest_of
from migrate.core.options.plans import PlanOptions
from migrate.core.planfile import money
from migrate.core.planfile.content import (
    AppForecast,
    Decisions,
    FileVerdict,
    PlanContent,
    PlannedApp,
    PlannedFlavor,
    PlannedModel,
    PlannedObject,
    PlannedSource,
    PricesUsed,
    RuntimeLock,
    Tensor,
)
from migrate.core.text import plan_again, printable
from migrate.core.values import FolderLocation, ModelRecord, Rehearsal
from migrate.images.runtime.templates import runtimes, template_of
from migrate.machine.disk import unreadable
from migrate.migration.journal.subjects import unit_subject
from migrate.migration.journey.forms import forms_of
from migrate.migration.journey.slim import SMALL
from migrate.migration.plan.arrange import Arrangement, Arranger, Candidate, Share
from migrate.migration.plan.objects import file_digest, objects_of_all, plain_name
from migrate.migration.plan.tasks import manual_tasks
from migrate.migration.plan.weights import weight
from migrate.migration.run.cloud_run import Run
from migrate.ovhcloud.capabilities import Flavor
from migrate.sources.folders import files_of
from migrate.sources.reference import BucketRef, ContainerRef, FolderRef, InventoryRef, NamespaceRef, SourceRef

_LINE: Final = 3900  # characters that fit into a line of a plan, with room for an escape at the cut
_NOTES: Final = 50


def planned_source(ref: SourceRef) -> PlannedSource:
    """Where the models lie, without a path of this machine.

    Raises:
        UsageError: ``no-such-file``: the inventory file cannot be read.
    """
    match ref:
        case NamespaceRef():
            return PlannedSource(kind="namespace", name=ref.canonical)
        case ContainerRef():
            return PlannedSource(kind="container", name=ref.canonical)
        case BucketRef():
            return PlannedSource(kind="bucket", name=ref.canonical)
        case FolderRef():
            return PlannedSource(kind="folder")
        case InventoryRef():
            try:
                return PlannedSource(kind="inventory", digest=file_digest(ref.path))
            except OSError as error:
                raise UsageError(
                    f"The inventory file {printable(str(ref.path))} cannot be read: {error.strerror}.",
                    code="no-such-file",
                ) from error


def planned_flavors(flavors: tuple[Flavor, ...], used: set[str]) -> tuple[PlannedFlavor, ...]:
    """The flavors that apps will have."""
    found = {flavor.id: flavor for flavor in flavors if flavor.id in used}
    return tuple(
        PlannedFlavor(
            id=name,
            cpu=flavor.resources_per_unit.cpu,
            memory=flavor.resources_per_unit.memory,
            most=max(1, flavor.max),
        )
        for name, flavor in sorted(found.items())
    )


def planned_locks(used: set[str]) -> tuple[RuntimeLock, ...]:
    """The runtimes, with the digest of their locks; one that this version does not have is left out."""
    there = set(runtimes())
    return tuple(
        RuntimeLock(name=name, lock=template_of(name).digest, image=known.image if (known := weight(name)) else None)
        for name in sorted(used)
        if set(name.split("+")) <= there
    )


def samples_digest(folder: Path | None) -> str | None:
    """The digest over names and bytes of a folder of samples.

    Raises:
        UsageError: ``no-samples-folder``.
        LocalError: It cannot be read.
    """
    if folder is None:
        return None
    if not folder.is_dir():
        raise UsageError(
            f"The samples folder {printable(str(folder))} is not a folder.",
            code="no-samples-folder",
            next_step="Name the folder that holds MODEL/*.json.",
        )
    try:
        facts = [(name, file_digest(real)) for name, real, _ in sorted(files_of(folder, lambda _: None))]
    except OSError as error:
        raise unreadable(folder, error) from error
    return f"sha256:{digest_of(*(part for fact in facts for part in fact))}"


def make_plan_content(
    run: Run, options: PlanOptions, ref: SourceRef, looked: Mapping[str, Looked], prices: PriceList
) -> tuple[PlanContent, tuple[AppForecast, ...]]:
    """The content of a plan, and what its apps will take.

    Args:
        run: The run that would carry it out.
        options: What was chosen.
        ref: The source.
        looked: What was seen of each model, by id.
        prices: The list of prices.

    Raises:
        MigrateError: OVHcloud's answer about flavors, or what cannot be read here.
    """
    records = run.listing.models
    objects = objects_of_all(run, {name: one.objects for name, one in looked.items()}, optional=looked)
    models = tuple(_model(run, record, looked[record.id], objects[record.id]) for record in records)
    by_id = {model.id: model for model in models}
    movable = [record for record in records if by_id[record.id].verdict in {"ready", "not-yet-known"}]
    arrangement = _arranged(run, options, movable, by_id)
    flavors = {share.request.flavor for share in arrangement.shares}
    used = prices.of(flavors)
    apps = tuple(_app(run, share, used) for share in arrangement.shares)
    content = PlanContent(
        version=migrate.__version__,
        project=run.cloud.project,
        source=planned_source(ref),
        decisions=_decisions(options),
        summary=money.summary_of(models, apps, used),
        layout=arrangement.layout,
        models=models,
        apps=apps,
        tasks=manual_tasks(records, by_id, apps),
        runtimes=planned_locks({model.runtime for model in models if model.runtime}),
        flavors=planned_flavors(run.flavors() if flavors else (), flavors),
        prices=used,
    )
    taken = tuple(
        AppForecast(
            name=app.name,
            memory=share.memory,
            measured=all(model.measured is not None for model in share.models),
        )
        for app, share in zip(apps, arrangement.shares, strict=True)
    )
    return content, taken


def _arranged(
    run: Run, options: PlanOptions, records: list[ModelRecord], models: Mapping[str, PlannedModel]
) -> Arrangement:
    candidates = [
        Candidate(
            record=record,
            runtime=models[record.id].runtime,
            size=sum(item.size or 0 for item in models[record.id].objects),
            measured=_measured(run, record),
        )
        for record in records
    ]
    flavors = run.flavors()
    return Arranger(options.region, flavors, options.sizing, options.models).arrange(options.layout, candidates)


def _measured(run: Run, record: ModelRecord) -> int | None:
    stored = run.journal.usable(unit_subject(record.id), "rehearse", Rehearsal)
    return stored.value.memory if stored is not None else None


def _model(run: Run, record: ModelRecord, looked: Looked, objects: tuple[PlannedObject, ...]) -> PlannedModel:
    found = looked.inspection
    verdict, reason, text, task = _verdict(looked)
    ready = verdict == "ready"
    may_shrink = run.options.slim and found is not None and found.runtime not in SMALL  # a conversion will tell
    runtime = (found.runtime or "") if found is not None and ready and not may_shrink else ""
    notes = [*found.notes, *(f"{one.code}: {one.text}" for one in found.hazards)] if found is not None else []
    notes += _unchecked(looked)
    return PlannedModel(
        id=plain_name(record.id),
        place=_line(record.location.words) if record.location and not _here(record) else "",
        verdict=verdict,
        reason=reason,
        text=_line(text),
        task=_line(plan_again(task)),
        format=_line(found.format if found is not None else record.recognised or record.framework or ""),
        runtime=runtime,
        signature=tuple(
            Tensor(name=plain_name(name), form=_line(form)) for name, form in (forms_of(found) if ready else {}).items()
        ),
        notes=tuple(_line(note) for note in notes[:_NOTES]),
        was=_line(_was(record)),
        objects=objects,
    )


def _unchecked(looked: Looked) -> list[str]:
    """What a download of a model does not check."""
    names = [item.name for item in looked.objects if not item.is_checked]
    if not names:
        return []
    more = f" and {len(names) - 1} more" if len(names) > 1 else ""
    text = f'The storage gives no checksum of "{printable(names[0], 80)}"{more} that can be compared'
    return [f"{text}: a download counts the bytes and does not check them."]


def _verdict(looked: Looked) -> tuple[FileVerdict, str, str, str]:
    """The verdict, its reason, what is said of it, and what a person does."""
    if (problem := looked.problem) is not None:
        known = CODES.get(problem.code)
        passing = known is None or known.whose in {"remote", "machine"}
        return "not-yet-known" if passing else "needs-attention", problem.code, problem.text, problem.task
    if looked.not_known or looked.inspection is None:
        return "not-yet-known", "", looked.not_known, ""
    found = looked.inspection
    return found.verdict, found.reason, found.text, found.task


def _was(record: ModelRecord) -> str:
    """What ML Serving gave a model, in words."""
    parts = []
    if (flavor := record.flavor) is not None:
        size = [f"{flavor.cpu_cores:g} CPU"] if flavor.cpu_cores else []
        size += [f"{flavor.ram_mb} MB"] if flavor.ram_mb else []
        parts.append(f"{flavor.id} ({', '.join(size)})" if size else flavor.id)
    if (spec := record.autoscaling) is not None:
        least, most = spec.min_replicas, spec.max_replicas
        counts = {one for one in (least, most) if one is not None}
        if counts:
            parts.append(f"replicas {least} to {most}" if len(counts) > 1 else f"replicas {counts.pop()}")
        targets = (("CPU", spec.cpu_average_utilization), ("memory", spec.memory_average_utilization))
        parts += [f"{what} at {target} %" for what, target in targets if target is not None]
    if record.api_status:
        parts.append(record.api_status)
    return ", ".join(parts)


def _app(run: Run, share: Share, prices: PricesUsed) -> PlannedApp:
    unit, request = share.unit, share.request
    runtime = share.models[0].runtime
    known = weight(runtime)
    return PlannedApp(
        name=unit.name,
        models=tuple(plain_name(name) for name in unit.models),
        packed=share.packed,
        selection=tuple(plain_name(name) for name in share.selection),
        runtime=runtime,
        region=run.region,
        flavor=request.flavor,
        cpu=request.cpu,
        scaling=request.scaling,
        cold_start=known.cold_start if known is not None else None,
        month=money.month_of(prices, request.flavor, request.cpu, request.replicas),
        notes=tuple(_line(note) for note in request.notes),
    )


def _decisions(options: PlanOptions) -> Decisions:
    return Decisions(
        models=options.models,
        layout=options.layout,
        region=options.region,
        cpus=options.cpus,
        replicas=options.replicas,
        scale_min=options.scale_min,
        scale_max=options.scale_max,
        proof=options.proof,
        allow_unsafe=options.allow_unsafe,
        accept_agpl=options.accept_agpl,
        slim=options.slim,
        base_image=options.base_image,
        rehearsal_timeout=options.rehearsal_timeout,
        registry=options.registry,
        registry_user=options.registry_user,
        adopt=options.adopt,
        authorize=options.authorize,
        samples=samples_digest(options.samples),
    )


def _here(record: ModelRecord) -> bool:
    return isinstance(record.location, FolderLocation)


def _line(text: str) -> str:
    return printable(text, _LINE)
