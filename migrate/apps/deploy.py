"""Apps of AI Deploy: made, found again, given another image, deleted."""

import time
from typing import Final

from migrate.apps.polling import poll_seconds
from migrate.core.errors import ConfigurationError, MigrateError
from migrate.core.values import App, AppPlan, AutomaticScaling, PushedImage
from migrate.ovhcloud import apps
from migrate.ovhcloud.session import Cloud

KEY_LABEL: Final = "mls-key"
PORT: Final = 8080
_DELETION_TIMEOUT: Final = 180.0

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
    """Give the app another image; one that does not run is started with it. The URL stays.

    One guide says that an image is rolled out by itself, another that the app must be stopped and started: watch
    with the new image's reference, and look at the answers.
    """
    apps.set_image(cloud, app.id, image.reference)
    if app.state in {"STOPPED", "FAILED", "ERROR"}:
        apps.start(cloud, app.id)


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


def to_app(record: apps.App) -> App:
    """The API's record as a value."""
    scaling = record.spec.scaling_strategy
    fixed = scaling.fixed.replicas if scaling and scaling.fixed else None
    least = scaling.automatic.replicas_min if scaling and scaling.automatic else None
    return App(
        id=record.id,
        name=record.spec.name,
        url=(record.status.url or "").rstrip("/"),
        state=record.state,
        region=record.spec.region,
        image=record.spec.image,
        cpu=record.spec.resources.cpu,
        replicas=next((number for number in (fixed, least) if number is not None), 1),
        labels=record.spec.labels or {},
    )
