"""AI Deploy's apps as the API has them (contract: AI Deploy apps)."""

from collections.abc import Mapping
from enum import StrEnum

from msgspec import Struct, field

from migrate.ovhcloud import calls
from migrate.ovhcloud.session import Cloud, convert


class State(StrEnum):
    """What an app is; a later version of the API may know more."""

    QUEUED = "QUEUED"
    INITIALIZING = "INITIALIZING"
    SCALING = "SCALING"
    RUNNING = "RUNNING"
    STANDBY = "STANDBY"
    STOPPING = "STOPPING"
    STOPPED = "STOPPED"
    FAILED = "FAILED"
    ERROR = "ERROR"
    DELETING = "DELETING"
    DELETED = "DELETED"


class Info(Struct, frozen=True):
    """Why the app is in its state."""

    code: str = ""
    message: str = ""


class Resources(Struct, frozen=True, rename="camel"):
    """Resources of one replica; ``flavor_count`` is its units of the flavor, where the platform says them."""

    flavor: str = ""
    cpu: int = 0
    flavor_count: int | None = None

    @property
    def units(self) -> int:
        """Its units of the flavor; where they are not said, the CPUs are."""
        return self.flavor_count or self.cpu


class Fixed(Struct, frozen=True):
    """A constant number of replicas."""

    replicas: int = 1


class Automatic(Struct, frozen=True, rename="camel"):
    """Replicas that follow the use of a resource."""

    replicas_max: int = 1
    replicas_min: int | None = None


class ScalingStrategy(Struct, frozen=True):
    """One of the two is set."""

    automatic: Automatic | None = None
    fixed: Fixed | None = None


class AppSpec(Struct, frozen=True, rename="camel"):
    """What was asked for."""

    image: str
    region: str = ""
    name: str = ""
    labels: dict[str, str] | None = None
    resources: Resources = field(default_factory=Resources)
    scaling_strategy: ScalingStrategy | None = None


class AppStatus(Struct, frozen=True, rename="camel"):
    """What is. ``state`` is null right after creation."""

    state: str | None = None
    url: str | None = None
    info: Info | None = None
    available_replicas: int | None = None


class App(Struct, frozen=True, rename="camel"):
    """An app."""

    id: str
    spec: AppSpec
    status: AppStatus = field(default_factory=AppStatus)
    created_at: str = ""
    updated_at: str | None = None

    @property
    def state(self) -> str:
        """The state; null is treated as QUEUED."""
        return self.status.state or State.QUEUED


class _LogLine(Struct, frozen=True):
    content: str | None = None
    timestamp: str | None = None


class _Logs(Struct, frozen=True):
    logs: tuple[_LogLine, ...] = ()


def apps(cloud: Cloud, *, label_selector: str | None = None) -> tuple[App, ...]:
    """The apps of the project in every AI region.

    One call, unless there may be another page. Neither the default size of a page nor the number of the first one is
    documented, so a number of apps that could be a full page (a multiple of ten) is followed up, and apps are told
    apart by their ids. One more call tells the end where pages are counted from 1: the second page of a size of one
    less begins with the last app of the first answer. Where it does not, pages are read from number 1.
    """
    rows = _page(cloud, label_selector, None, None)
    found = {item.id: item for item in rows}
    size, page = len(found), 1
    if size and size % 10 == 0:
        last = rows[-1].id
        rows = _page(cloud, label_selector, 2, size - 1)
        if rows and rows[0].id == last and len(rows) < size - 1:
            return tuple((found | {item.id: item for item in rows}).values())
    while size and size % 10 == 0:
        before = len(found)
        rows = _page(cloud, label_selector, page, size)
        found |= {item.id: item for item in rows}
        if len(rows) < size or (page > 1 and len(found) == before):
            break
        page += 1
    return tuple(found.values())


def _page(cloud: Cloud, label_selector: str | None, page: int | None, size: int | None) -> tuple[App, ...]:
    answer = cloud.call(
        calls.APPS,
        query={"labelSelector": label_selector, "page": page, "size": size},
    )
    return convert(answer, tuple[App, ...], "the apps")


def app(cloud: Cloud, app_id: str) -> App:
    """One app."""
    answer = cloud.call(calls.APP, params={"appId": app_id})
    return convert(answer, App, "the app")


def create(cloud: Cloud, spec: Mapping[str, object]) -> App:
    """Create and start an app from an AppSpecInput; billing starts when it scales."""
    answer = cloud.call(calls.CREATE_APP, body=spec)
    return convert(answer, App, "the new app")


def set_image(cloud: Cloud, app_id: str, image: str) -> None:
    """Give an app another image."""
    cloud.call(calls.CHANGE_IMAGE, params={"appId": app_id}, body={"url": image})


def set_resources(cloud: Cloud, app_id: str, *, flavor: str, cpu: int) -> None:
    """Give an app's replicas other resources: CPUs in units of the flavor."""
    cloud.call(
        calls.CHANGE_APP,
        params={"appId": app_id},
        body={"flavor": flavor, "cpu": cpu},
    )


def set_scaling(cloud: Cloud, app_id: str, strategy: Mapping[str, object]) -> None:
    """Give an app another ScalingStrategyInput; it goes on answering."""
    cloud.call(calls.CHANGE_SCALING, params={"appId": app_id}, body=strategy)


def start(cloud: Cloud, app_id: str) -> None:
    """Start a stopped app."""
    cloud.call(calls.START_APP, params={"appId": app_id})


def stop(cloud: Cloud, app_id: str) -> None:
    """Stop an app; its URL and its id stay."""
    cloud.call(calls.STOP_APP, params={"appId": app_id})


def delete(cloud: Cloud, app_id: str) -> None:
    """Delete an app, also a running one."""
    cloud.call(calls.DELETE_APP, params={"appId": app_id}, query={"force": True})


def set_label(cloud: Cloud, app_id: str, name: str, value: str | None) -> None:
    """Set a label, or delete it with None."""
    cloud.call(
        calls.CHANGE_LABEL,
        params={"appId": app_id},
        body={"name": name, "value": value},
    )


def log_lines(cloud: Cloud, app_id: str) -> tuple[str, ...]:
    """The lines of the newest page of an app's log, oldest first."""
    answer = cloud.call(calls.APP_LOG, params={"appId": app_id})
    lines = convert(answer, _Logs, "the log").logs
    if all(line.timestamp for line in lines):
        lines = tuple(sorted(lines, key=lambda line: line.timestamp or ""))
    return tuple(line.content for line in lines if line.content)
