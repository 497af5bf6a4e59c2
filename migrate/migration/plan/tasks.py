"""What cannot be carried over exactly: numbered tasks for people, each with its owner."""

from collections.abc import Mapping, Sequence
from typing import Final

from migrate.core.names import NAMESPACE_LABEL, slug
from migrate.core.planfile.content import ManualTask, Owner, PlannedApp, PlannedModel
from migrate.core.text import printable
from migrate.core.values import AutomaticScaling, ModelRecord, OldToken
from migrate.migration.plan.arrange import SLEPT
from migrate.sources.namespaces import opens

_MANAGES: Final = "model-management"
_ROOM: Final = 3000  # characters of a task


class _Tasks:
    """Tasks in the order in which they are told; the same one about several models stands once."""

    def __init__(self) -> None:
        self._found: dict[tuple[Owner, str], list[str]] = {}

    def add(self, owner: Owner, text: str, *models: str) -> None:
        known = self._found.setdefault((owner, printable(text, _ROOM)), [])
        known += [name for name in models if name not in known]

    def numbered(self) -> tuple[ManualTask, ...]:
        return tuple(
            ManualTask(number=number, owner=owner, models=tuple(models), text=text)
            for number, ((owner, text), models) in enumerate(self._found.items(), 1)
        )


def manual_tasks(
    records: Sequence[ModelRecord], models: Mapping[str, PlannedModel], apps: Sequence[PlannedApp]
) -> tuple[ManualTask, ...]:
    """The tasks.

    Args:
        records: The models as the source lists them.
        models: What they are, by id.
        apps: What they become.
    """
    tasks = _Tasks()
    app_of = {name: app for app in apps for name in app.models}
    for record in records:
        model = models[record.id]
        if model.verdict not in {"ready", "not-yet-known"}:
            tasks.add("model owner", " ".join(part for part in (model.text, model.task) if part), record.id)
    by_id = {record.id: record for record in records}
    for app in apps:
        _of_scaling(tasks, app, [by_id[name] for name in app.models])
    for record in records:
        if record.id in app_of and record.api_status in SLEPT:
            _of_sleep(tasks, record, app_of[record.id])
    moved = [record for record in records if record.id in app_of]
    _of_tokens(tasks, moved)
    namespaces = {record.namespace for record in records if record.namespace}
    if namespaces and moved:
        tasks.add(
            "monitoring",
            "The metrics token of the namespace opens nothing any more, and AI Deploy has no counterpart. Read the "
            "counters from /metrics of each app with the app's access token, or AI Deploy's Grafana.",
            *(record.id for record in moved),
        )
    if moved:
        tasks.add(
            "client developer",
            "Give the clients the host and the access token of the new app; paths, requests and answers stay.",
            *(record.id for record in moved),
        )
    return tasks.numbered()


def _of_scaling(tasks: _Tasks, app: PlannedApp, records: Sequence[ModelRecord]) -> None:
    specs = [record.autoscaling for record in records if record.autoscaling is not None]
    cpu = [spec.cpu_average_utilization for spec in specs if spec.cpu_average_utilization is not None]
    memory = [spec.memory_average_utilization for spec in specs if spec.memory_average_utilization is not None]
    if not cpu or not memory:
        return
    by = f"by {app.scaling.resource}" if isinstance(app.scaling, AutomaticScaling) else "not at all"
    tasks.add(
        "project administrator",
        f"ML Serving scaled by CPU ({min(cpu)} %) and memory ({min(memory)} %); AI Deploy scales by one of them, and "
        f"the app {by}. Look at the other one in Grafana, and choose.",
        *app.models,
    )


def _of_sleep(tasks: _Tasks, record: ModelRecord, app: PlannedApp) -> None:
    if app.packed and app.replicas[0] > 0:
        return  # beside models that never sleep it costs nothing to be awake
    start = f"{app.cold_start:g} s from the start of its container" if app.cold_start is not None else "its cold start"
    if app.replicas[0] == 0:
        tasks.add(
            "client developer",
            f"The model slept without calls, and its app scales to zero. The first call then waits for {start}, after "
            "AI Deploy has found a machine and pulled the image: 30 seconds to minutes. Give clients the patience.",
            record.id,
        )
    else:
        tasks.add(
            "project administrator",
            "The model slept without calls, and its app is billed all the time. --scale-min 0 or --layout cheapest "
            f"lets it scale to zero; the first call then waits for {start}, and for AI Deploy to start it.",
            record.id,
        )


def _of_tokens(tasks: _Tasks, records: Sequence[ModelRecord]) -> None:
    tokens: dict[str, OldToken] = {token.id: token for record in records for token in record.tokens}
    for token in tokens.values():
        covered = [record for record in records if opens(token.resource, record.id)]
        names = [record.id for record in covered]
        role = "operator" if _MANAGES in token.groups else "read"
        if token.resource == "*":
            label = f"{NAMESPACE_LABEL}={slug(covered[0].namespace or covered[0].source)}"
            tasks.add(
                "project administrator",
                f"The token {token.id} opened every model. One of AI Deploy opens the apps that carry a label: ovhai "
                f"token create NAME --role {role} --label-selector {label}",
                *names,
            )
        elif token.resource.endswith("*"):
            tasks.add(
                "project administrator",
                f"The token {token.id} opened each model whose id begins with {token.resource[:-1]!r}. AI Deploy's "
                "tokens know no wildcards: give these apps a label of your own, then ovhai token create NAME "
                f"--role {role} --label-selector LABEL=VALUE",
                *names,
            )
        elif role == "operator":
            tasks.add(
                "project administrator",
                f"The token {token.id} could change the model, and the new one can only call its app. For scripts that "
                "manage it: ovhai token create NAME --role operator --label-selector ovh/id=APP; ML Serving's own "
                "management calls have no counterpart.",
                *names,
            )
