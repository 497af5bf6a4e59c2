"""The registry that images are pushed to, and how this run and AI Deploy log in to it."""

from typing import Final

from migrate.apps import registries
from migrate.core.addresses import registry_address
from migrate.core.errors import ConfigurationError, MigrateError
from migrate.core.mending import Request
from migrate.core.secret import Secret
from migrate.core.text import printable, type_again
from migrate.images.registry.credentials import RegistryCredentials, credentials_for
from migrate.migration.journal.ledger import Effect, Effects
from migrate.migration.run.cloud_run import Run, Target
from migrate.migration.run.units import Unit
from migrate.ovhcloud.failures import may_be_done
from migrate.ovhcloud.renewal import Keys, Renew
from migrate.ovhcloud.session import Cloud

SHARED_NOTE: Final = (
    "Images go to the platform's shared registry: it is for tests and may be purged. "
    "For production name a private one with --registry."
)


def target(run: Run, unit: Unit) -> Target:
    """Where a unit's image goes; the login is found, or made, when the first unit needs it."""
    found = run.target.get(lambda: _find(run, unit))
    if found.shared and (user := run.journal.effects.find("user", _user_name(run))) is not None:
        run.journal.effects.use(user, unit.subject)
    return found


def _find(run: Run, unit: Unit) -> Target:
    if run.options.registry is not None:
        own = registry_address(run.options.registry)
        credentials = credentials_for(own.host, run.options.registry_user, run.environ)
        keys = Keys(credentials, _renewing(run, own.host))
        keys.worked = True  # it was not made here, so it may be mended from the first refusal on
        return Target(own.host, own.path, shared=False, keys=keys)
    run.notice(SHARED_NOTE, warning=True)
    address = registries.shared_registry(run.cloud, run.region)

    def renew(_: RegistryCredentials | None, _error: MigrateError) -> RegistryCredentials:
        keys.worked = False  # where the new user is refused as well, a third one would be, too
        return _login(run, unit)

    keys = Keys[RegistryCredentials | None](_login(run, unit), renew)
    return Target(address.host, address.path, shared=True, keys=keys)


def _renewing(run: Run, host: str) -> Renew[RegistryCredentials | None]:
    """Renews the login of a private registry: from Docker's files, which may have another by now, or by a person."""
    user = run.options.registry_user

    def renew(old: RegistryCredentials | None, error: MigrateError) -> RegistryCredentials | None:
        if (fresh := credentials_for(host, user, run.environ)) != old:
            return fresh
        to_do = f"Log in again (docker login {host})" if user is None else f"Give {printable(user)} its password again"
        typed = run.cloud.session.ask(Request(what=error.what, to_do=to_do, typed="password" if old else ""))
        if typed is None:
            raise error
        if typed and old is not None:
            return RegistryCredentials(username=old.username, password=Secret(typed))
        return credentials_for(host, user, run.environ)

    return renew


def _user_name(run: Run) -> str:
    return f"migrate-registry-{run.journal.id}"


def _login(run: Run, unit: Unit) -> RegistryCredentials:
    """A new AI user: the password of an old one cannot be read back, and is kept nowhere."""
    effects, name = run.journal.effects, _user_name(run)
    units = {unit.subject}
    while (old := effects.find("user", name)) is not None:
        units.update(old.units)
        delete_registry_user(run.cloud, effects, old)
    effect = effects.intend("user", name, {}, unit=unit.subject)
    for user in units:
        effects.use(effect, user)

    def write_down(user_id: str) -> None:
        effects.done(effect, user_id)

    user_id, username, password = registries.create_ai_user(run.cloud, name, on_created=write_down)
    effects.done(effect, user_id, username=username)
    return RegistryCredentials(username=username, password=password)


def delete_registry_user(cloud: Cloud, effects: Effects, effect: Effect) -> None:
    """Deletes the user of a registry by its recorded id, or, where a kill came first, by its unique description."""
    user_id = effect.external_id or registries.find_user(cloud, effect.name)
    if user_id is not None:
        registries.delete_user(cloud, user_id)
    effects.gone(effect)


def register(run: Run, unit: Unit, found: Target) -> None:
    """Lets AI Deploy pull from a private registry: registered once in a region with the login that is good now.

    A registration that was there before is used, and neither owned nor changed. Public registries need none.
    """
    if found.shared or found.credentials is None:
        return
    effects, name = run.journal.effects, f"{run.region} {found.host}"
    run.registrations.get(found.keys.generation, lambda: _register(run, unit.subject, found, name))
    if (effect := effects.find("registration", name)) is not None:
        effects.use(effect, unit.subject)


def renew_registration(run: Run) -> None:
    """Gives the registration of earlier runs the login of this one: apps that start again pull with it.

    Its password cannot be read back, so it is written once in each run that asked the registry itself. Where it cannot
    be, that is told, for the models are moved all the same.
    """
    found = run.target.made
    if found is None or found.shared or found.credentials is None or found.keys.taken != found.keys.generation:
        return
    name = f"{run.region} {found.host}"
    effect = run.journal.effects.find("registration", name)
    if effect is None or not effect.units:
        return
    try:
        run.registrations.get(found.keys.generation, lambda: _register(run, min(effect.units), found, name))
    except MigrateError as error:
        run.notice(f"AI Deploy may have an older login for {found.host}: {error.what}", warning=True)


def _register(run: Run, subject: str, found: Target, name: str) -> None:
    effects, credentials = run.journal.effects, found.credentials
    if credentials is None:
        return
    if credentials.is_token:
        raise ConfigurationError(
            f"Docker's login for {found.host} is a token, and AI Deploy needs a name and a password to pull.",
            code="registry-token",
            next_step=type_again("Give --registry-user and MIGRATE_REGISTRY_PASSWORD"),
        )
    effect = effects.find("registration", name)
    if effect is not None and effect.external_id is not None and _updated(run, effect.external_id, found, credentials):
        return
    existing = registries.find_registration(run.cloud, run.region, found.host)
    if existing is not None:
        if effect is not None and effect.external_id is None:
            effects.done(effect, existing)  # ours: made by a run that was killed before it could say so
            _updated(run, existing, found, credentials)
        elif found.keys.generation:
            run.notice(
                f"AI Deploy has a login for {found.host} that this tool did not give it, so it keeps that one: where "
                "its password is the former one, give it the new one (ovhai registry update).",
                warning=True,
            )
        return
    if effect is not None:
        effects.gone(effect)
    effect = effects.intend("registration", name, {"region": run.region, "url": found.host}, unit=subject)
    try:
        made = registries.register(run.cloud, run.region, found.host, credentials.username, credentials.password)
    except MigrateError as error:
        if not may_be_done(error):
            effects.gone(effect)  # else one that somebody else makes later would pass for ours
            raise
        made_after_all = registries.find_registration(run.cloud, run.region, found.host)
        if made_after_all is None:
            raise
        made = made_after_all
    effects.done(effect, made)


def _updated(run: Run, registration: str, found: Target, credentials: RegistryCredentials) -> bool:
    """Whether a registration is there, and has the login that is good now as far as it can be given that."""
    try:
        return registries.register_again(run.cloud, registration, credentials.username, credentials.password)
    except MigrateError as error:
        if error.code in {"lease-lost", "lease-held"}:
            raise
        run.notice(
            f"AI Deploy may have an older login for {found.host}, and no app can pull with that: {error.what} "
            f"{error.next_step}",
            warning=True,
        )
        return True
