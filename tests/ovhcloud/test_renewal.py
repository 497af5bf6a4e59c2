"""A key that stops working in the middle: renewed where that can be, asked for once, and otherwise told clearly."""

import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import ovh
import pytest
import requests

from migrate.core.errors import ConfigurationError, ExitCode, Interrupted
from migrate.core.mending import Request, nobody
from migrate.core.secret import redact
from migrate.ovhcloud import apps, projects
from migrate.ovhcloud.config import read_credentials
from migrate.ovhcloud.session import Cloud, open_session
from migrate.sandbox import control
from tests.clouds import QUICK, calls

RULES = [{"method": method, "path": "/*"} for method in ("GET", "POST", "PUT", "DELETE")]


class Person:
    """Somebody at the terminal: does something when asked, and answers."""

    def __init__(self, answer: Callable[[], str | None]) -> None:
        self.asked: list[Request] = []
        self._answer = answer

    def __call__(self, request: Request) -> str | None:
        self.asked.append(request)
        return self._answer()


def client(environ: dict[str, str]) -> Any:
    """The `ovh` client by itself, as whoever mends a key uses it."""
    made = ovh.Client(
        endpoint="ovh-eu",
        application_key=environ["OVH_APPLICATION_KEY"],
        application_secret=environ["OVH_APPLICATION_SECRET"],
        consumer_key=environ["OVH_CONSUMER_KEY"],
    )
    made._endpoint = environ["OVH_ENDPOINT"]
    return made


def new_key(environ: dict[str, str]) -> str:
    """A consumer key that its owner has validated."""
    asked = client(environ).post("/auth/credential", accessRules=RULES, _need_auth=False)
    assert requests.get(asked["validationUrl"], timeout=60).ok
    return str(asked["consumerKey"])


def expire(environ: dict[str, str]) -> None:
    """The key is not good any more."""
    client(environ).post("/auth/logout")


class Keyed:
    """A session with a consumer key of its own, in the environment or in a file."""

    def __init__(self, sandbox: Path, folder: Path, *, in_file: bool) -> None:
        self.environ = {"HOME": str(folder), **control.env(sandbox)}
        self.environ["OVH_CONSUMER_KEY"] = new_key(self.environ)
        self.file = folder / ".ovh.conf"
        read = dict(self.environ)
        if in_file:
            self.write(read.pop("OVH_CONSUMER_KEY"))
        session = open_session(read_credentials(read), state_folder=folder / "state", retry=QUICK, environ=read)
        self.cloud = Cloud(session, self.environ["OVH_CLOUD_PROJECT_SERVICE"])
        projects.authorize(self.cloud)

    def write(self, key: str) -> None:
        self.file.write_text(f"[{self.environ['OVH_ENDPOINT']}]\nconsumer_key={key}\n")

    def person(self, answer: Callable[[], str | None]) -> Person:
        asked = Person(answer)
        self.cloud.session.ask = asked
        return asked


@pytest.fixture
def keyed(sandbox: Path, tmp_path: Path) -> Keyed:
    return Keyed(sandbox, tmp_path, in_file=False)


SPEC = {
    "name": "iris",
    "region": "GRA",
    "image": "registry.test/i:1",
    "resources": {"flavor": "ai1-1-cpu", "cpu": 1},
}


def test_a_key_that_is_typed_in_goes_on_with_the_call_that_stopped(keyed: Keyed, sandbox: Path) -> None:
    fresh = new_key(keyed.environ)
    person = keyed.person(lambda: fresh)
    expire(keyed.environ)
    assert apps.create(keyed.cloud, SPEC).id
    assert len(person.asked) == 1
    (asked,) = person.asked
    assert "expired" in asked.what
    assert "put it into the variable OVH_CONSUMER_KEY" in asked.to_do
    assert asked.typed == "consumer key"
    assert fresh not in redact(f"it is {fresh}")
    assert len(apps.apps(keyed.cloud)) == 1
    assert calls(sandbox, "POST", "/ai/app") == 2  # the first was refused


def test_a_file_that_has_another_key_by_now_is_read_and_nobody_is_asked(sandbox: Path, tmp_path: Path) -> None:
    keyed = Keyed(sandbox, tmp_path, in_file=True)
    keyed.write(new_key(keyed.environ))
    expire(keyed.environ)
    assert apps.apps(keyed.cloud) == ()


def test_a_file_that_is_mended_while_the_run_waits(sandbox: Path, tmp_path: Path) -> None:
    keyed = Keyed(sandbox, tmp_path, in_file=True)
    answers = iter([lambda: None, lambda: keyed.write(new_key(keyed.environ))])

    def enter() -> str:
        next(answers)()
        return ""

    person = keyed.person(enter)
    expire(keyed.environ)
    assert apps.apps(keyed.cloud) == ()
    assert len(person.asked) == 2  # Enter alone mended nothing, so it was asked again
    assert str(keyed.file) in person.asked[0].to_do


def test_without_a_terminal_it_ends_with_what_to_change_and_the_next_run_goes_on(keyed: Keyed, tmp_path: Path) -> None:
    assert keyed.cloud.session.ask is nobody
    expire(keyed.environ)
    with pytest.raises(ConfigurationError) as caught:
        apps.apps(keyed.cloud)
    error = caught.value
    assert (error.code, error.exit_code) == ("expired-credential", ExitCode.CONFIGURATION)
    assert "OVH_CONSUMER_KEY" in error.next_step
    assert "type the same command again" in error.next_step
    read = keyed.environ | {"OVH_CONSUMER_KEY": new_key(keyed.environ)}
    with open_session(read_credentials(read), state_folder=tmp_path / "state", retry=QUICK, environ=read) as session:
        assert apps.apps(Cloud(session, keyed.cloud.project)) == ()


def test_threads_that_stop_together_ask_once(keyed: Keyed) -> None:
    fresh = new_key(keyed.environ)
    person = keyed.person(lambda: fresh)
    expire(keyed.environ)
    start, found = threading.Barrier(6), list[int]()

    def work() -> None:
        start.wait()
        found.append(len(apps.apps(keyed.cloud)))

    threads = [threading.Thread(target=work) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == [0] * 6
    assert len(person.asked) == 1


def test_a_key_that_never_worked_is_an_error_at_once(sandbox: Path, tmp_path: Path) -> None:
    environ = {"HOME": str(tmp_path), **control.env(sandbox), "OVH_CONSUMER_KEY": "0" * 32}
    with open_session(
        read_credentials(environ), state_folder=tmp_path / "state", retry=QUICK, environ=environ
    ) as session:
        session.ask = person = Person(lambda: "")
        with pytest.raises(ConfigurationError) as caught:
            projects.authorize(Cloud(session, environ["OVH_CLOUD_PROJECT_SERVICE"]))
        assert caught.value.code == "expired-credential"
        assert person.asked == []


def test_who_stops_instead_stops(keyed: Keyed) -> None:
    def stop() -> str:
        raise Interrupted

    keyed.person(stop)
    expire(keyed.environ)
    with pytest.raises(Interrupted):
        apps.apps(keyed.cloud)


def test_a_right_that_is_lacking_is_no_matter_of_another_key(keyed: Keyed, sandbox: Path) -> None:
    person = keyed.person(lambda: "")
    control.fail(sandbox, "not-granted", path_regex="/ai/app$")
    with pytest.raises(ConfigurationError) as caught:
        apps.apps(keyed.cloud)
    assert caught.value.code == "not-granted"
    assert person.asked == []
