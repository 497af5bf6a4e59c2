"""Tokens: one of the tool's own for the proof, gone with its run, and the customer's, handed over in files.

A customer's token is written to a file of mode 0600 beside the journal and shown nowhere else. Until its file is on
disk it is not handed over, and the next run deletes it and makes another; afterwards it is never touched but by undo
(decisions: Two kinds of tokens).
"""

from pathlib import Path
from typing import Final

from migrate.apps import tokens as api
from migrate.core.errors import MigrateError, RemoteError
from migrate.core.names import KEY_LABEL, RUN_LABEL, label_selector
from migrate.core.secret import Secret
from migrate.core.text import type_again
from migrate.core.values import App
from migrate.machine.private import write_private
from migrate.migration.journal.ledger import Effect, Effects, Kind, token_name
from migrate.migration.run.cloud_run import Run
from migrate.migration.run.units import Unit
from migrate.ovhcloud.failures import may_be_done
from migrate.ovhcloud.session import Cloud

READ: Final = "ai_training_read"  # may call the app and nothing else (contract: AI Deploy access)


def proof_token(run: Run, unit: Unit, app: App) -> Secret:
    """A token for this run's proofs. One serves all the apps of this journal."""
    selector = label_selector(RUN_LABEL, run.journal.id)
    if app.labels.get(RUN_LABEL) != run.journal.id:  # listed before it was adopted
        selector = _of_app(run, unit, app)

    def make() -> Secret:
        number = run.journal.effects.run
        name = f"migrate-proof-{run.journal.id}-{number}-{selector.partition('=')[2][:8]}"
        return _make(run, "proof-token", name, selector, unit=unit.subject)[1]

    return run.proof_tokens.get(selector, make)


def delete_proof_tokens(cloud: Cloud, effects: Effects) -> None:
    """Deletes the tokens of proofs: this run's at its end, and those that killed runs left."""
    for effect in effects.existing("proof-token"):
        delete_token(cloud, effects, effect)


def hand_over(run: Run, unit: Unit, app: App) -> Path:
    """The file of the customer's token for an app; the token is made when there is none."""
    effects = run.journal.effects
    path = run.folder.tokens / f"{unit.name}.header"
    effect = effects.find("token", unit.subject)
    asked = not set(unit.models).isdisjoint(run.options.renew)
    if effect is not None and effect.intent.get("handed_over") and effect.external_id in _known(run) and not asked:
        return path
    if effect is not None:
        delete_token(run.cloud, effects, effect)
    name = token_name(unit.name, run.journal.id)
    effect, value = _make(run, "token", name, _of_app(run, unit, app), unit=unit.subject)
    write_private(path, f"Authorization: Bearer {value.reveal()}\n")
    effects.learn(effect, handed_over=True, file=str(path), app=app.id)
    return path


def _of_app(run: Run, unit: Unit, app: App) -> str:
    """What selects an app: by the key that it has, which is another where its source was called otherwise."""
    return label_selector(KEY_LABEL, app.labels.get(KEY_LABEL) or unit.key(run.cloud.project))


def _known(run: Run) -> frozenset[str]:
    """The ids of the tokens that existed when the first one was handed over: somebody may have deleted one."""
    return run.known_tokens.get(lambda: frozenset(token.id for token in api.list_tokens(run.cloud)))


def delete_token(cloud: Cloud, effects: Effects, effect: Effect) -> None:
    """Deletes a token by the id that the journal has, or, where a kill came first, by its unique name."""
    token_id = effect.external_id
    if token_id is None:
        named = [token.id for token in api.list_tokens(cloud) if token.name == effect.text("name")]
        token_id = named[0] if named else None
    if token_id is not None:
        api.delete_token(cloud, token_id)
    if effect.text("file"):
        Path(effect.text("file")).unlink(missing_ok=True)
    effects.gone(effect)


def _make(run: Run, kind: Kind, name: str, selector: str, *, unit: str) -> tuple[Effect, Secret]:
    effects = run.journal.effects
    for _ in range(2):
        effect = effects.intend(
            kind, unit if kind == "token" else name, {"name": name, "selector": selector}, unit=unit
        )
        try:
            token = api.create_token(run.cloud, name=name, region=run.region, role=READ, label_selector=selector)
        except RemoteError as error:
            if not may_be_done(error):
                effects.gone(effect)
                raise
            delete_token(run.cloud, effects, effect)  # its value, if it was made, is lost
            continue
        except MigrateError:
            effects.gone(effect)
            raise
        effect = effects.done(effect, token.id)
        if token.value is not None:
            return effect, token.value
        delete_token(run.cloud, effects, effect)
    raise RemoteError(
        f"OVHcloud did not answer the value of the token {name}.",
        code="no-token",
        next_step=type_again(),
    )
