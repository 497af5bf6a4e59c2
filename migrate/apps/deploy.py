"""Apps of AI Deploy: made, found again, given another image, deleted."""

from typing import Final

from migrate.apps.app import GONE, RESTING, to_app
from migrate.apps.watching import Watcher
from migrate.core.errors import ConfigurationError, MigrateError
from migrate.core.names import KEY_LABEL, label_selector
from migrate.core.values import App, AppRequest, AutomaticScaling, PushedImage
from migrate.machine import patience
from migrate.machine.patience import wait_until
from migrate.ovhcloud import apps
from migrate.ovhcloud.apps import State
from migrate.ovhcloud.session import Cloud

PORT: Final = 8080

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


def create(cloud: Cloud, plan: AppRequest, image: PushedImage) -> App:
    """Ask for the app, in one call and nothing else; its id must be written down before it is waited for.

    Raises:
        RemoteError: ``maybe-done`` when the app may have been made; look for it with ``find``.
        NeedsYouError: ``quota-exceeded``.
    """
    return to_app(apps.create(cloud, app_spec(plan, image)))


def app_spec(plan: AppRequest, image: PushedImage) -> dict[str, object]:
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
        "scalingStrategy": strategy(plan),
    }


def strategy(plan: AppRequest) -> dict[str, object]:
    """The ScalingStrategyInput of the contract for a plan."""
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
    return _living(apps.apps(cloud, label_selector=label_selector(KEY_LABEL, key)), key)


def listing(cloud: Cloud) -> tuple[App, ...]:
    """Every app that this tool made, whichever run, by one listing."""
    return _living(apps.apps(cloud), None)


def _living(found: tuple[apps.App, ...], key: str | None) -> tuple[App, ...]:
    ours = [
        app
        for app in sorted(found, key=lambda app: (app.created_at, app.id))
        if app.state not in GONE
        and KEY_LABEL in (app.spec.labels or {})
        and key in {None, (app.spec.labels or {}).get(KEY_LABEL)}
    ]
    return tuple(to_app(app) for app in ours)


def replace_image(
    cloud: Cloud, watcher: Watcher, app_id: str, image: PushedImage, size: AppRequest | None = None
) -> None:
    """Stop an app, give it another image and start it; id and URL stay. Then wait for it as for a new one.

    One guide says that a running app takes a new image by itself, another that it does not: only after a
    restart is it certain which image answers (contract: AI Deploy updates). No guide says when other CPUs count.

    Args:
        cloud: The project.
        watcher: What tells the app's state.
        app_id: The app.
        image: Its image from now on.
        size: Where given, the replicas get the CPUs of this plan.

    Raises:
        RemoteError: ``app-timeout`` when it does not stop, ``app-gone``.
    """
    state = watcher.state(app_id)
    if state not in RESTING:
        if state != State.STOPPING:
            apps.stop(cloud, app_id)
        watcher.wait_resting(app_id)
    apps.set_image(cloud, app_id, image.reference)
    if size is not None:
        apps.set_resources(cloud, app_id, flavor=size.flavor, cpu=size.cpu)
    if apps.app(cloud, app_id).state in RESTING:  # else the platform has started it, with this image
        apps.start(cloud, app_id)


def has_cpus(cloud: Cloud, app_id: str, plan: AppRequest) -> bool:
    """Whether the replicas of an app have the CPUs of a plan."""
    has = apps.app(cloud, app_id).spec.resources
    return (has.flavor, has.units) == (plan.flavor, plan.cpu)


def delete(cloud: Cloud, app_id: str) -> bool:
    """Delete an app, running or not, and wait until it is gone; False when it is still there after three minutes."""
    try:
        try:
            apps.delete(cloud, app_id)
        except MigrateError as error:
            if error.code not in {"conflict", "refused-by-api"}:
                raise
            if apps.app(cloud, app_id).state not in GONE:  # else somebody deletes it, or this tool did a moment ago
                apps.stop(cloud, app_id)  # where force does not reach a running app
                apps.delete(cloud, app_id)
        state = wait_until(
            lambda: apps.app(cloud, app_id).state,
            lambda seen: seen == State.DELETED,
            patience.APP_DELETION,
            pause=cloud.session.pause,
        )
    except ConfigurationError as error:
        if error.code != "not-found":
            raise
        return True
    return state == State.DELETED
