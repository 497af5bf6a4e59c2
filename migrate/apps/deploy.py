"""Apps of AI Deploy: made, found again, given another image, deleted."""

import time
from typing import Final

from migrate.apps.conversion import to_app
from migrate.apps.watching import Watcher, wait_running
from migrate.core.again import type_again
from migrate.core.errors import ConfigurationError, MigrateError, RemoteError
from migrate.core.values import App, AppPlan, AutomaticScaling, PushedImage
from migrate.machine.patience import poll_seconds
from migrate.ovhcloud import apps
from migrate.ovhcloud.session import Cloud

__all__ = ["KEY_LABEL", "Watcher", "app_spec", "create", "delete", "find", "listing", "replace_image", "wait_running"]

KEY_LABEL: Final = "mls-key"
PORT: Final = 8080
_DELETION_TIMEOUT: Final = 180.0
_STOP_TIMEOUT: Final = 300.0
_ROLLING: Final = frozenset({"QUEUED", "INITIALIZING", "SCALING"})
_RESTING: Final = frozenset({"STOPPED", "FAILED", "ERROR"})

# The server is ready after warm-up and after reproducing its recorded answers. Three failures in a row are needed to
# call it unready again, so that one slow answer under load does not take a replica out.
_PROBE: Final = {
    "path": "/health/ready",
    "port": PORT,
    "initialDelaySeconds": 1,
    "periodSeconds": 5,
    "timeoutSeconds": 3,
    "successThreshold": 1,
    "failureThreshold": 3,
}


def create(cloud: Cloud, plan: AppPlan, image: PushedImage) -> App:
    """Ask for the app, in one call and nothing else; its id must be written down before it is waited for.

    Raises:
        RemoteError: ``maybe-done`` when the app may have been made; look for it with ``find``.
        NeedsYouError: ``quota-exceeded``.
    """
    return to_app(apps.create(cloud, app_spec(plan, image)))


def app_spec(plan: AppPlan, image: PushedImage) -> dict[str, object]:
    """The AppSpecInput of the contract for a plan."""
    return {
        "name": plan.name,
        "region": plan.region,
        "image": image.reference,
        "resources": {"flavor": plan.flavor, "cpu": plan.cpu},
        "defaultHttpPort": PORT,
        "unsecureHttp": False,
        "labels": dict(plan.labels),
        "probe": dict(_PROBE),
        "scalingStrategy": _strategy(plan),
    }


def _strategy(plan: AppPlan) -> dict[str, object]:
    scaling = plan.scaling
    if isinstance(scaling, AutomaticScaling):
        return {
            "automatic": {
                "replicasMin": scaling.replicas_min,
                "replicasMax": scaling.replicas_max,
                "resourceType": scaling.resource,
                "averageUsageTarget": scaling.average_usage_target,
            }
        }
    return {"fixed": {"replicas": scaling.replicas}}


def find(cloud: Cloud, key: str) -> tuple[App, ...]:
    """The apps that carry this ``mls-key``, oldest first, by one listing; those being deleted are left out."""
    return _living(apps.apps(cloud, label_selector=f"{KEY_LABEL}={key}"), key)


def listing(cloud: Cloud) -> tuple[App, ...]:
    """Every app that this tool made, whichever run, by one listing."""
    return _living(apps.apps(cloud), None)


def _living(found: tuple[apps.App, ...], key: str | None) -> tuple[App, ...]:
    ours = [
        app
        for app in sorted(found, key=lambda app: (app.created_at, app.id))
        if app.state not in apps.GONE
        and KEY_LABEL in (app.spec.labels or {})
        and key in {None, (app.spec.labels or {}).get(KEY_LABEL)}
    ]
    return tuple(to_app(app) for app in ours)


def replace_image(cloud: Cloud, app: App, image: PushedImage) -> None:
    """Give the app another image and see that it takes effect; id and URL stay, and then wait for it as for a new one.

    One guide says that a running app rolls over to the new image by itself, another that it must be stopped and
    started (contract: AI Deploy apps): an app that goes on running as if nothing had happened is stopped and started.

    Raises:
        RemoteError: ``app-timeout`` when it does not stop.
    """
    before = apps.app(cloud, app.id).state
    apps.set_image(cloud, app.id, image.reference)
    state = apps.app(cloud, app.id).state
    if before == "RUNNING" and state in _ROLLING:
        return
    if state not in _RESTING:
        if state != "STOPPING":
            apps.stop(cloud, app.id)
        _wait_rest(cloud, app.id)
    apps.start(cloud, app.id)


def _wait_rest(cloud: Cloud, app_id: str) -> None:
    deadline, pause = time.monotonic() + _STOP_TIMEOUT, 0.5
    while (state := apps.app(cloud, app_id).state) not in _RESTING:
        if time.monotonic() > deadline:
            raise RemoteError(
                f"The app {app_id} was told to stop and is {state} after {_STOP_TIMEOUT:.0f} s.",
                code="app-timeout",
                next_step=type_again(),
            )
        cloud.session.pause(pause)
        pause = min(pause * 2, poll_seconds())


def delete(cloud: Cloud, app_id: str) -> bool:
    """Delete an app, running or not, and wait until it is gone; False when it is still there after three minutes."""
    try:
        try:
            apps.delete(cloud, app_id)
        except MigrateError as error:
            if error.code not in {"conflict", "refused-by-api"}:
                raise
            apps.stop(cloud, app_id)  # where force does not reach a running app
            apps.delete(cloud, app_id)
        deadline, pause = time.monotonic() + _DELETION_TIMEOUT, 0.5
        while apps.app(cloud, app_id).state != "DELETED":
            if time.monotonic() > deadline:
                return False
            cloud.session.pause(pause)
            pause = min(pause * 2, poll_seconds())
    except ConfigurationError as error:
        if error.code != "not-found":
            raise
    return True
