"""The login of a registry that stops working in the middle: another user, Docker's files, or a person."""

import base64
import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from msgspec.structs import replace

from migrate.apps.registries import register as register_theirs
from migrate.core.errors import LocalError, RemoteError
from migrate.core.events import Notice
from migrate.core.mending import Request
from migrate.core.secret import Secret
from migrate.images.registry.credentials import RegistryCredentials
from migrate.migration.journey.steps.push import logged_in as with_login
from migrate.migration.journey.steps.registry import register, renew_registration, target
from migrate.migration.run.cloud_run import Run
from migrate.ovhcloud import registries, users
from migrate.ovhcloud.session import Cloud
from tests.clouds import calls, logged
from tests.migration.runs import NO_ENGINE, run_of, unit

REFUSED = LocalError("The registry refuses the login.", code="registry-login", next_step="Log in.")


@contextmanager
def private(cloud: Cloud, folder: Path, *, user: str | None, **environ: str) -> Iterator[Run]:
    """A run whose images go to a private registry."""
    with run_of(cloud, folder) as (run, _):
        run.options = replace(run.options, registry="registry.test/team", registry_user=user)
        run.environ = {**NO_ENGINE, "HOME": str(folder), **environ}
        yield run


def logged_in(folder: Path, monkeypatch: pytest.MonkeyPatch, password: str) -> None:
    """``docker login``."""
    monkeypatch.setenv("DOCKER_CONFIG", str(folder))
    auth = base64.b64encode(f"me:{password}".encode()).decode()
    (folder / "config.json").write_text(json.dumps({"auths": {"registry.test": {"auth": auth}}}))


def test_the_shared_registry_gets_another_user_once(cloud: Cloud, tmp_path: Path) -> None:
    with run_of(cloud, tmp_path) as (run, _):
        where = target(run, unit())
        first = where.credentials
        with pytest.raises(LocalError):  # one that never worked would not by another name
            where.keys.replace(REFUSED, 0)
        where.keys.took()
        where.keys.replace(REFUSED, 0)
        assert where.credentials != first
        where.keys.replace(REFUSED, 0)  # another thread met the same refusal
        assert where.keys.generation == 1
        (user,) = users.users(cloud)
        effect = run.journal.effects.find("user", user.description)
        assert effect is not None
        assert effect.external_id == str(user.id)
        with pytest.raises(LocalError):  # where the new one is refused as well, there is no third
            where.keys.replace(REFUSED, 1)
        assert len(users.users(cloud)) == 1


def test_a_new_docker_login_is_found_and_nobody_is_asked(
    cloud: Cloud, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    logged_in(tmp_path, monkeypatch, "first password")
    cloud.session.ask = lambda _: pytest.fail("nobody is to be asked")
    with private(cloud, tmp_path, user=None) as run:
        where = target(run, unit())
        logged_in(tmp_path, monkeypatch, "second password")
        where.keys.replace(REFUSED, 0)
        assert where.credentials == RegistryCredentials(username="me", password=Secret("second password"))


def test_a_password_is_typed_in(cloud: Cloud, tmp_path: Path) -> None:
    asked: list[Request] = []

    def ask(request: Request) -> str:
        asked.append(request)
        return "the new password"

    cloud.session.ask = ask
    with private(cloud, tmp_path, user="me", MIGRATE_REGISTRY_PASSWORD="the old password") as run:
        where = target(run, unit())
        where.keys.replace(REFUSED, 0)
        assert where.credentials == RegistryCredentials(username="me", password=Secret("the new password"))
    (request,) = asked
    assert (request.what, request.typed) == (REFUSED.what, "password")


def test_without_a_terminal_the_refusal_stands(cloud: Cloud, tmp_path: Path) -> None:
    with private(cloud, tmp_path, user="me", MIGRATE_REGISTRY_PASSWORD="the old password") as run:
        where = target(run, unit())
        with pytest.raises(LocalError) as caught:
            where.keys.replace(REFUSED, 0)
        assert caught.value is REFUSED


def test_a_look_at_what_was_pushed_mends_the_login_too(
    cloud: Cloud, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    logged_in(tmp_path, monkeypatch, "first password")
    with private(cloud, tmp_path, user=None) as run:
        where = target(run, unit())
        logged_in(tmp_path, monkeypatch, "second password")

        def look() -> str:
            known = where.credentials
            if known is None or known.password.reveal() != "second password":
                raise REFUSED
            return "it is there"

        assert with_login(where, look) == "it is there"


def test_a_registration_that_was_never_asked_for_leaves_nothing_to_take_another_for_it(
    cloud: Cloud, tmp_path: Path
) -> None:
    lost = RemoteError("This machine no longer has the lease.", code="lease-lost", next_step="Wait.")

    def refuse() -> None:
        raise lost

    with private(cloud, tmp_path, user="me", MIGRATE_REGISTRY_PASSWORD="secret") as run:
        where = target(run, unit())
        cloud.session.before_effect = refuse
        with pytest.raises(RemoteError):
            register(run, unit(), where)
        assert run.journal.effects.existing() == ()
    cloud.session.before_effect = lambda: None
    register_theirs(cloud, "GRA", "registry.test", "other", Secret("theirs"))
    with private(cloud, tmp_path, user="me", MIGRATE_REGISTRY_PASSWORD="secret") as run:
        register(run, unit(), target(run, unit()))
        assert run.journal.effects.existing() == ()


def in_ai_deploy(cloud: Cloud) -> list[str | None]:
    """The names that AI Deploy logs in with; it shows no password."""
    return [found.username for found in registries.registrations(cloud)]


def test_ai_deploy_gets_the_login_that_is_good_now(sandbox: Path, cloud: Cloud, tmp_path: Path) -> None:
    def changes() -> tuple[int, int]:
        return calls(sandbox, "POST", "/ai/registry"), logged_calls(sandbox, "PUT")

    with private(cloud, tmp_path, user="me", MIGRATE_REGISTRY_PASSWORD="first") as run:
        where = target(run, unit())
        for _ in range(2):
            register(run, unit(), where)
        assert (in_ai_deploy(cloud), changes()) == (["me"], (1, 0))
        cloud.session.ask = lambda _: "second"
        where.keys.replace(REFUSED, 0)  # while the run is at work
        for _ in range(2):
            register(run, unit(), where)
        assert changes() == (1, 1)
    with private(cloud, tmp_path, user="other", MIGRATE_REGISTRY_PASSWORD="third") as run:  # another day
        renew_registration(run)
        where = target(run, unit())
        renew_registration(run)
        assert (in_ai_deploy(cloud), changes()) == (["me"], (1, 1))  # it may be a wrong one
        assert with_login(where, lambda: "taken") == "taken"
        for _ in range(2):
            renew_registration(run)
        register(run, unit(), where)
        assert (in_ai_deploy(cloud), changes()) == (["other"], (1, 2))


def test_a_registration_that_somebody_deleted_is_made_anew(sandbox: Path, cloud: Cloud, tmp_path: Path) -> None:
    with private(cloud, tmp_path, user="me", MIGRATE_REGISTRY_PASSWORD="first") as run:
        register(run, unit(), target(run, unit()))
        (found,) = registries.registrations(cloud)
        registries.delete(cloud, found.id)
    with private(cloud, tmp_path, user="me", MIGRATE_REGISTRY_PASSWORD="first") as run:
        with_login(target(run, unit()), lambda: "taken")
        renew_registration(run)
        (again,) = registries.registrations(cloud)
        effect = run.journal.effects.find("registration", "GRA registry.test")
        assert effect is not None
        assert (effect.external_id, effect.units) == (again.id, (unit().subject,))


def test_a_registration_of_somebody_else_is_told_and_not_changed(sandbox: Path, cloud: Cloud, tmp_path: Path) -> None:
    register_theirs(cloud, "GRA", "registry.test", "me", Secret("first"))
    cloud.session.ask = lambda _: "second"
    with run_of(cloud, tmp_path) as (run, events):
        run.options = replace(run.options, registry="registry.test/team", registry_user="me")
        run.environ = {**NO_ENGINE, "HOME": str(tmp_path), "MIGRATE_REGISTRY_PASSWORD": "first"}
        where = target(run, unit())
        where.keys.replace(REFUSED, 0)
        register(run, unit(), where)
        assert logged_calls(sandbox, "PUT") == 0
        assert [event.text for event in events if isinstance(event, Notice) and "keeps that one" in event.text]


def logged_calls(sandbox: Path, method: str) -> int:
    """Calls to one registration."""
    return sum(line.method == method and "/ai/registry/" in line.path for line in logged(sandbox))
