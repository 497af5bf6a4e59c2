"""Deploy: one app a unit; its id is journalled before the wait (decisions: Effects; Labels; New artifact)."""

from typing import Final

from migrate.apps import deploy as platform
from migrate.apps.app import ANSWERING, RESTARTED, RESTING
from migrate.core.errors import MigrateError, NeedsYouError, RemoteError
from migrate.core.events import StepStarted
from migrate.core.names import KEY_LABEL, RUN_LABEL, digest_of
from migrate.core.text import type_again
from migrate.core.values import App, AppRequest, Artifact, PushedImage, to_json
from migrate.machine import patience
from migrate.machine.patience import wait_until
from migrate.migration.journal.journal import Stored
from migrate.migration.journal.ledger import Effect
from migrate.migration.journal.subjects import model_subject
from migrate.migration.journey.forms import forms_of
from migrate.migration.journey.models import Prepared
from migrate.migration.journey.steps.registry import register, target
from migrate.migration.run.run_context import Run
from migrate.migration.run.step_engine import Steps, Task
from migrate.migration.run.units import Unit
from migrate.ovhcloud.apps import set_label, set_scaling
from migrate.ovhcloud.failures import may_be_done

VERSION: Final = 1


def deploy(
    run: Run, steps: Steps, unit: Unit, models: tuple[Prepared, ...], pushed: Stored[PushedImage]
) -> Stored[App]:
    """The running app of a unit; it stands while AI Deploy lists it as answering with that image."""

    def stands(app: App) -> bool:
        now = run.apps().get(app.id)
        return now is not None and now.image == pushed.value.reference and now.state in ANSWERING

    return steps.do(
        Task(
            step="deploy",
            version=VERSION,
            subject=unit.subject,
            models=unit.models,
            inputs=(pushed.value.reference, pushed.value.digest),
            options={
                "region": run.region,
                "resources": [
                    digest_of(to_json((model.record.flavor, model.record.autoscaling)).decode()) for model in models
                ],
                **run.options.sizing.typed(),
            },
        ),
        App,
        lambda _: _deploy(run, unit, models, pushed.value),
        stands=stands,
        outside=True,
        say=lambda app: app.url,
    )


def _deploy(run: Run, unit: Unit, models: tuple[Prepared, ...], pushed: PushedImage) -> App:
    if run.options.registry is not None:
        register(run, unit, target(run, unit))
    effects = run.journal.effects
    app, effect = _find(run, unit)
    told = ""
    if app is None:
        app, effect = _create(run, unit, models, pushed)
        told = app.state
    elif effect is not None:
        if run.options.sizing.scales:
            scaled = run.plan(unit)
            set_scaling(run.cloud, app.id, platform.strategy(scaled))
            effects.learn(effect, replicas=scaled.replicas[0])
        size = _other_cpus(run, unit, app)
        if size is not None or app.image != pushed.reference or app.state in RESTARTED:
            _keep_models(unit, effect, models)
            former = effect.text("former_image") or app.image
            effects.learn(effect, former_image=former if former != pushed.reference else "", image=pushed.reference)
            if size is not None:
                effects.learn(effect, cpu=size.cpu)
            _change_image(run, unit, app, pushed, size)
    running = wait(run, unit, app.id, pushed.reference, told=told)
    if effect is not None:
        effects.learn(effect, url=running.url, models=[model.record.id for model in models])
    return running


def wait(run: Run, unit: Unit, app_id: str, image: str, *, told: str = "") -> App:
    """The app when it answers with an image; its states are shown as they change. See ``Watcher.wait_running``."""

    def on_state(state: str) -> None:
        for model in unit.models:
            run.emit(StepStarted(step="deploy", model=model, detail=state))

    watcher = run.watcher()
    with run.slots.given_up():
        return watcher.wait_running(
            app_id, timeout=run.ready_timeout, on_state=on_state, stop=run.stop, image=image, told=told
        )


def _change_image(run: Run, unit: Unit, app: App, image: PushedImage, size: AppRequest | None = None) -> None:
    if app.state not in RESTING:
        cause = [f"{size.cpu} CPUs"] if size is not None else []
        cause += ["the new image"] if app.image != image.reference or not cause else []
        run.notice(f"The app {app.id} is stopped and started again with {' and '.join(cause)}.", model=unit.models[0])
    watcher = run.watcher()
    with run.slots.given_up():
        platform.replace_image(run.cloud, watcher, app.id, image, size)


def _other_cpus(run: Run, unit: Unit, app: App) -> AppRequest | None:
    """The plan of an app that exists, where it has other CPUs than were typed."""
    if run.options.sizing.cpus is None:
        return None
    plan = run.plan(unit)
    return None if platform.has_cpus(run.cloud, app.id, plan) else plan


def _keep_models(unit: Unit, effect: Effect, models: tuple[Prepared, ...]) -> None:
    served = effect.intent.get("models")
    lost = sorted(set(served if isinstance(served, list) else ()) - {model.record.id for model in models})
    if unit.packed and lost:
        raise NeedsYouError(
            f"The app serves {', '.join(lost)} now, and the new image would not.",
            code="would-drop-models",
            next_step=type_again("Repair those models first, or undo the app"),
        )


def _find(run: Run, unit: Unit) -> tuple[App | None, Effect | None]:
    """The unit's app, if there is one that this journal may touch.

    Raises:
        NeedsYouError: Another run's app serves the same model, and it was not to be adopted.
    """
    effects, key = run.journal.effects, unit.key(run.cloud.project)
    effect = effects.find("app", unit.subject)
    if effect is not None and effect.external_id is not None:
        app = run.apps().get(effect.external_id)
        if app is not None:
            return app, effect
        effects.gone(effect)  # deleted by somebody, not by us
        text = f"The app {effect.external_id} is gone: somebody deleted it. Clients have to change the URL once more."
        run.notice(text, model=unit.models[0], warning=True)
        effect = None
    # After an intent without an id the listing of the run's beginning may be too old.
    listed = platform.find(run.cloud, key) if effect is not None else run.apps().values()
    with_key = [app for app in listed if app.labels.get(KEY_LABEL) == key]
    ours = [app for app in with_key if app.labels.get(RUN_LABEL) == run.journal.id]
    if ours:
        effect = effect or effects.intend("app", unit.subject, _intent(unit, key), unit=unit.subject)
        return ours[0], effects.done(effect, ours[0].id, url=ours[0].url, cpu=ours[0].cpu, replicas=ours[0].replicas)
    if effect is not None:
        effects.gone(effect)  # the request never arrived
    return _others(run, unit, with_key)


def _others(run: Run, unit: Unit, apps: list[App]) -> tuple[App | None, Effect | None]:
    if not apps:
        return None, None
    app = apps[0]
    if not run.options.adopt:
        raise NeedsYouError(
            f"The app {app.id} ({app.state}, {app.url}) of another run of this tool serves this model.",
            code="app-of-another-run",
            next_step=type_again("Take it over with --adopt, or undo it where it was made"),
        )
    effects = run.journal.effects
    effect = effects.intend(
        "app", unit.subject, _intent(unit, unit.key(run.cloud.project)) | {"adopted": True}, unit=unit.subject
    )
    set_label(run.cloud, app.id, RUN_LABEL, run.journal.id)
    run.notice(f"The app {app.id} of another run was taken over.", model=unit.models[0], warning=True)
    return app, effects.done(effect, app.id, url=app.url, cpu=app.cpu, replicas=app.replicas)


def _intent(unit: Unit, key: str) -> dict[str, object]:
    return {"key": key, "name": unit.name, "wanted": list(unit.models)}


def _create(run: Run, unit: Unit, models: tuple[Prepared, ...], pushed: PushedImage) -> tuple[App, Effect]:
    effects, key = run.journal.effects, unit.key(run.cloud.project)
    digest = (
        digest_of(*(model.artifact.value.digest for model in models))
        if unit.packed
        else models[0].artifact.value.digest
    )
    plan = run.plan(unit, digest)
    size = {"cpu": plan.cpu, "replicas": plan.replicas[0]}
    effect = effects.intend("app", unit.subject, _intent(unit, key) | size, unit=unit.subject)
    try:
        app = platform.create(run.cloud, plan, pushed)
    except RemoteError as error:
        found = _look(run, key) if may_be_done(error) else None
        if found is None:
            raise
        app = found
    except MigrateError:
        effects.gone(effect)  # refused: nothing was made
        raise
    served = {
        "artifacts": {model.record.id: model.artifact.value.digest for model in models},
        "forms": {model.record.id: forms_of(model.inspection.value) for model in models},
    }
    return app, effects.done(effect, app.id, url=app.url, image=pushed.reference, region=plan.region, **served)


def _look(run: Run, key: str) -> App | None:
    """The app that a request made whose answer was lost, if it did."""

    def find() -> App | None:
        ours = (app for app in platform.find(run.cloud, key) if app.labels.get(RUN_LABEL) == run.journal.id)
        return next(ours, None)

    return wait_until(find, lambda app: app is not None, patience.APP_AFTER_ALL, pause=run.cloud.session.pause)


def settle(run: Run, unit: Unit) -> None:
    """Writes that the app's image is proven, and of which files it is: there is nothing to go back to any more."""
    effect = run.journal.effects.find("app", unit.subject)
    stored = {name: run.journal.usable(model_subject(name), "fetch", Artifact) for name in unit.models}
    artifacts = {name: one.value.digest for name, one in stored.items() if one is not None}
    forms = {name: forms_of(run.found.get(name)) for name in unit.models}
    if effect is not None and (effect.text("former_image") or effect.intent.get("artifacts") != artifacts):
        run.journal.effects.learn(effect, former_image="", artifacts=artifacts, forms=forms)


def roll_back(run: Run, unit: Unit) -> bool:
    """Gives an app its former image back after a failed change; answers whether there was one.

    Raises:
        MigrateError: The former image does not come up either.
    """
    effects = run.journal.effects
    effect = effects.find("app", unit.subject)
    if effect is None or effect.external_id is None or not effect.text("former_image"):
        return False
    former = effect.text("former_image")
    for app in platform.listing(run.cloud):
        if app.id == effect.external_id:
            _change_image(run, unit, app, PushedImage(reference=former, digest="", registry=""))
            wait(run, unit, app.id, former)
            effects.learn(effect, former_image="", image=former)
            return True
    return False
