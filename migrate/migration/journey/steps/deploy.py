"""Deploy: one app a unit; its id is journalled before the wait (decisions: Effects; Labels; New artifact)."""

from typing import Final

from migrate.apps import deploy as platform
from migrate.apps.app import ANSWERING, RESTARTED, RESTING
from migrate.apps.failures import FAILURES
from migrate.core.errors import MigrateError, NeedsYouError, with_more
from migrate.core.events import StepStarted
from migrate.core.names import KEY_LABEL, RUN_LABEL, TICKET_LABEL, digest_of
from migrate.core.text import type_again
from migrate.core.values import App, AppRequest, Artifact, PushedImage, to_json
from migrate.machine import patience
from migrate.machine.patience import wait_until
from migrate.migration.journal.journal import Stored
from migrate.migration.journal.ledger import Effect
from migrate.migration.journal.subjects import model_subject
from migrate.migration.journey.forms import forms_of
from migrate.migration.journey.models import Prepared
from migrate.migration.journey.steps.one_app import clear_own, delete_own, is_settled, own_left, yield_to_oldest
from migrate.migration.journey.steps.registry import register, target
from migrate.migration.run.cloud_run import Run
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
        now, effect = run.apps().get(app.id), run.journal.effects.find("app", unit.subject)
        # Another run's app has the image of that run, which need not be the same to the last bit.
        shared = effect is not None and effect.shared
        if effect is not None and shared and own_left(run, unit, effect):
            return False
        planned = None if shared else run.planned_app(unit)
        return (
            now is not None
            and now.url == app.url  # the proof's token is sent there, and a journal may come from another machine
            and now.image == (app.image if shared else pushed.value.reference)
            and now.state in ANSWERING
            and (planned is None or now.cpu == planned.cpu)
        )

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
                **run.size_of_its_own(unit),
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
    app, effect = _find(run, unit)
    told = ""
    if app is None or effect is None:
        app, effect = _create(run, unit, models, pushed)
        told = app.state
    else:
        _demand_up(app, effect)
    own = app.id
    app, effect = yield_to_oldest(run, unit, app, effect)
    if not effect.shared and not told:
        _bring_up_to_date(run, unit, models, pushed, app, effect)
    running = _wait_for_own(run, unit, app, effect, pushed, told if app.id == own else "")
    # One that was made first may be listed late.
    oldest, effect = yield_to_oldest(run, unit, running, effect, since=0.0)
    if oldest.id != running.id:
        running = wait(run, unit, oldest.id, None)
    run.journal.effects.learn(effect, url=running.url, models=[model.record.id for model in models])
    return running


def _demand_up(app: App, effect: Effect) -> None:
    """Keeps from waiting for an app of another run that nobody here may start.

    Raises:
        NeedsYouError: ``app-of-another-run``.
    """
    if effect.shared and app.state in RESTARTED:
        raise _of_another_run(app)


def _bring_up_to_date(
    run: Run, unit: Unit, models: tuple[Prepared, ...], pushed: PushedImage, app: App, effect: Effect
) -> None:
    """Gives an app that exists the image, the scale and the size that are wanted now."""
    effects = run.journal.effects
    if run.options.ticket:
        set_label(run.cloud, app.id, TICKET_LABEL, run.options.ticket)
    if "scaling" in run.sized(unit) or run.options.sizing.scales:
        scaled = run.plan(unit)
        set_scaling(run.cloud, app.id, platform.strategy(scaled))
        effects.learn(effect, replicas=scaled.replicas[0])
    size = _other_cpus(run, unit, app)
    if size is not None or app.image != pushed.reference or app.state in RESTARTED:
        _keep_models(unit, effect, models)
        if effect.text("failed"):
            effects.learn(effect, failed="")  # it gets another try
        former = effect.text("former_image") or app.image
        effects.learn(effect, former_image=former if former != pushed.reference else "", image=pushed.reference)
        if size is not None:
            effects.learn(effect, cpu=size.cpu)
        _change_image(run, unit, app, pushed, size)


def _wait_for_own(run: Run, unit: Unit, app: App, effect: Effect, pushed: PushedImage, told: str) -> App:
    """The app when it is up; one that failed and never was up is deleted, unless it is to be kept.

    Raises:
        MigrateError: What ``wait`` raised, with what became of the app.
    """
    try:
        return wait(run, unit, app.id, None if effect.shared else pushed.reference, told=told)
    except MigrateError as error:
        if error.code not in FAILURES or effect.shared or is_settled(run.journal.effects.get(effect.id)):
            raise
        raise _failed(run, unit, effect, error) from error


def _failed(run: Run, unit: Unit, effect: Effect, error: MigrateError) -> MigrateError:
    if run.options.keep_failed:
        run.journal.effects.learn(effect, failed=error.code)
        look = f"Look at it in the control panel, under the id {effect.external_id}"
        said = "It is kept, as --keep-failed says."
        return with_more(error, said, f"{look}, and delete it then: {run.options.typed.undo(*unit.models)}")
    try:
        delete_own(run, unit, effect)
    except MigrateError as second:
        return with_more(error, f"It could not be deleted: {second.what}", "")
    run.journal.forget(unit.subject, "deploy")
    return with_more(error, "It was deleted; with --keep-failed the next one is kept, to be looked at.", "")


def wait(run: Run, unit: Unit, app_id: str, image: str | None, *, told: str = "") -> App:
    """The app when it answers with an image, or with any; its states are shown. See ``Watcher.wait_running``."""

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
    if "cpus" not in run.sized(unit):
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
    effects = run.journal.effects
    while (effect := effects.find("app", unit.subject)) is not None:
        if effect.external_id is None:
            if not effect.shared:
                break
            effects.gone(effect)  # killed before the other machine's app was written down: its own one is still there
            continue
        app = run.apps().get(effect.external_id)
        if app is not None and effect.shared:
            clear_own(run, unit, effect)
            return app, _taken_over(run, unit, app, effect) if run.options.adopt else effect
        if app is not None:
            return app, effect
        effects.gone(effect)  # deleted by somebody, not by us
        text = f"The app {effect.external_id} is gone: somebody deleted it. Clients have to change the URL once more."
        run.notice(text, model=unit.models[0], warning=True)
    # After an intent without an id the listing of the run's beginning may be too old.
    listed = platform.listing(run.cloud) if effect is not None else run.apps().values()
    with_key = [app for app in listed if run.is_of(unit, app.labels)]
    ours = [app for app in with_key if app.labels.get(RUN_LABEL) == run.journal.id]
    if ours:
        intent = _intent(unit, ours[0].labels[KEY_LABEL])
        effect = effect or effects.intend("app", unit.subject, intent, unit=unit.subject)
        return ours[0], effects.done(effect, ours[0].id, url=ours[0].url, cpu=ours[0].cpu, replicas=ours[0].replicas)
    if effect is not None:
        effects.gone(effect)  # the request never arrived
    return _others(run, unit, with_key)


def _others(run: Run, unit: Unit, apps: list[App]) -> tuple[App | None, Effect | None]:
    if not apps:
        return None, None
    app = apps[0]
    if not run.options.adopt:
        raise _of_another_run(app)
    effects = run.journal.effects
    effect = effects.intend("app", unit.subject, _intent(unit, app.labels[KEY_LABEL]), unit=unit.subject)
    return app, _taken_over(run, unit, app, effect)


def _of_another_run(app: App) -> NeedsYouError:
    return NeedsYouError(
        f"The app {app.id} ({app.state}, {app.url}) of another run of this tool serves this model.",
        code="app-of-another-run",
        next_step=type_again("Take it over with --adopt, or undo it where it was made"),
    )


def _taken_over(run: Run, unit: Unit, app: App, effect: Effect) -> Effect:
    effects = run.journal.effects
    effects.learn(effect, adopted=True)
    set_label(run.cloud, app.id, RUN_LABEL, run.journal.id)
    run.notice(f"The app {app.id} of another run was taken over.", model=unit.models[0], warning=True)
    return effects.done(
        effect, app.id, url=app.url, cpu=app.cpu, replicas=app.replicas, shared=False, models=list(unit.models)
    )


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
    except MigrateError as error:
        if not may_be_done(error):
            effects.gone(effect)  # refused, or never sent: nothing was made
            raise
        found = _look(run, key)
        if found is None:
            raise
        app = found
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
