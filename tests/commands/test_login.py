"""Logging in and out on the sandbox; the person's browser alone is played here."""

import json
import os
import pty
import re
import select
import signal
import stat
import subprocess
import sys
import webbrowser
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import requests

from migrate.commands.login import login
from migrate.commands.logout import logout
from migrate.core.errors import ConfigurationError, ExitCode, Interrupted, UsageError
from migrate.core.options.access import LoginOptions, LogoutOptions
from migrate.ovhcloud.calls import PURPOSES
from migrate.ovhcloud.config import read_credentials, read_project
from migrate.ovhcloud.consumer_keys import is_valid
from migrate.ovhcloud.permissions import calls_for, rules_for
from migrate.ovhcloud.rights import granted
from migrate.ovhcloud.session import open_session
from migrate.sandbox import control
from tests.clouds import calls

OTHERS = "# mine\n[ovh-ca]\napplication_key=1\napplication_secret=2\nconsumer_key=3\n"


class Home:
    """An empty home, and the sandbox's application in the environment."""

    def __init__(self, sandbox: Path, folder: Path) -> None:
        known = control.env(sandbox)
        self.endpoint = known["OVH_ENDPOINT"]
        self.project = known["OVH_CLOUD_PROJECT_SERVICE"]
        self.folder = folder
        self.file = folder / ".ovh.conf"
        self.workspace = folder / "workspace"
        self.application = {name: known[name] for name in ("OVH_APPLICATION_KEY", "OVH_APPLICATION_SECRET")}
        self.environ = {"HOME": str(folder), **self.application}

    def login(self, **more: object) -> ExitCode:
        options = {"endpoint": self.endpoint, "workspace": self.workspace, "open": True, **more}
        return login(LoginOptions(**options), self.environ)  # type: ignore[arg-type]

    def logout(self) -> ExitCode:
        return logout(LogoutOptions(endpoint=self.endpoint, workspace=self.workspace), {"HOME": str(self.folder)})

    def written(self) -> dict[str, str]:
        """The environment of the next command, which has nothing but the file."""
        return {"HOME": str(self.folder), "OVH_ENDPOINT": self.endpoint}

    def works(self, environ: dict[str, str]) -> bool:
        with open_session(read_credentials(environ), state_folder=self.workspace / "state") as session:
            return is_valid(session)


@pytest.fixture
def home(sandbox: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Home]:
    monkeypatch.chdir(tmp_path)
    with Path(os.devnull).open() as nobody:
        monkeypatch.setattr("sys.stdin", nobody)
        yield Home(sandbox, tmp_path)


@pytest.fixture
def confirming(monkeypatch: pytest.MonkeyPatch) -> None:
    """A browser whose user confirms at once."""
    monkeypatch.setattr(webbrowser, "open", lambda address: requests.get(address, timeout=30).ok)


@pytest.mark.usefixtures("confirming")
def test_a_key_with_just_the_printed_rules_is_written_beside_what_was_there(
    home: Home, capsys: pytest.CaptureFixture[str]
) -> None:
    home.file.write_text(OTHERS)
    assert home.login(project=home.project) == ExitCode.DONE
    assert stat.S_IMODE(home.file.stat().st_mode) == 0o600
    assert home.file.read_text().startswith(OTHERS)
    environ = home.written()
    assert read_project(None, environ) == home.project
    with open_session(read_credentials(environ), state_folder=home.workspace / "state") as session:
        assert set(granted(session)) == set(rules_for(calls_for(PURPOSES), home.project))
    shown = capsys.readouterr()
    assert "Open this page" in shown.err
    assert "Next: migrate doctor" in shown.out
    assert home.application["OVH_APPLICATION_SECRET"] not in shown.out + shown.err

    before = home.file.read_text()
    assert home.login() == ExitCode.DONE  # there is nothing to do
    assert home.file.read_text() == before

    first = read_credentials(environ).consumer_key
    assert home.login(replace=True) == ExitCode.DONE
    assert home.file.read_text() != before
    assert home.works(environ)
    assert first is not None
    assert not home.works({**environ, "OVH_CONSUMER_KEY": first.reveal()})

    last = read_credentials(environ)
    assert home.logout() == ExitCode.DONE
    assert home.file.read_text() == OTHERS
    assert last.consumer_key is not None
    assert not home.works({**environ, **home.application, "OVH_CONSUMER_KEY": last.consumer_key.reveal()})


@pytest.mark.usefixtures("confirming")
def test_a_key_of_ones_own_is_kept_and_comes_back(home: Home) -> None:
    own = f"[default]\nendpoint={home.endpoint}\n\n[{home.endpoint}]\nconsumer_key = {'0' * 32}\n"
    home.file.write_text(own)
    assert home.login(endpoint=None) == ExitCode.DONE
    assert home.works({"HOME": str(home.folder)})
    assert home.logout() == ExitCode.DONE
    assert home.file.read_text() == own


@pytest.mark.usefixtures("confirming")
def test_a_project_that_the_account_has_not_leaves_neither_file_nor_key(home: Home, sandbox: Path) -> None:
    with pytest.raises(ConfigurationError) as caught:
        home.login(project="f" * 32)
    assert caught.value.code == "unknown-project"
    assert home.project in caught.value.what
    assert not home.file.exists()
    assert calls(sandbox, "POST", "/auth/logout") == 1


@pytest.mark.usefixtures("confirming")
def test_another_project_is_written_though_the_key_would_do(home: Home) -> None:
    home.login()
    text = home.file.read_text().replace(home.project, "0" * 32)
    home.file.write_text(text)
    assert home.login(project=home.project) == ExitCode.DONE
    assert read_project(None, home.written()) == home.project


def test_a_key_that_may_be_left_is_told(
    home: Home, sandbox: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(webbrowser, "open", lambda _: os.kill(os.getpid(), signal.SIGINT))
    control.fail(sandbox, "5xx", method="POST", path_regex="/auth/logout", status=501)
    with pytest.raises(Interrupted):
        home.login()
    assert "revoke it in the control panel" in capsys.readouterr().err


@pytest.mark.usefixtures("confirming")
def test_a_former_key_that_is_left_is_told(home: Home, sandbox: Path, capsys: pytest.CaptureFixture[str]) -> None:
    home.login()
    control.fail(sandbox, "5xx", method="POST", path_regex="/auth/logout", status=501)
    assert home.login(replace=True) == ExitCode.DONE
    assert "The key of the login before could not be revoked." in capsys.readouterr().err


@pytest.mark.usefixtures("confirming")
def test_a_clock_that_is_wrong_leaves_the_login_for_another_try(home: Home, sandbox: Path) -> None:
    home.login()
    before = home.file.read_text()
    fault = control.fail(sandbox, "clock-skew", lying=True)
    with pytest.raises(ConfigurationError) as caught:
        home.logout()
    assert caught.value.code == "clock-skew"
    assert home.file.read_text() == before
    control.release(sandbox, fault)
    assert home.logout() == ExitCode.DONE
    assert not home.file.exists()


def test_ctrl_c_while_the_page_is_open_leaves_nothing(
    home: Home, sandbox: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(webbrowser, "open", lambda _: os.kill(os.getpid(), signal.SIGINT))
    with pytest.raises(Interrupted, match="Nothing was written"):
        home.login()
    assert not home.file.exists()
    assert calls(sandbox, "POST", "/auth/logout") == 1  # refused: nobody had confirmed it


@pytest.mark.parametrize(
    ("options", "said"),
    [({"endpoint": None}, "--endpoint"), ({}, "OVH_APPLICATION_KEY and OVH_APPLICATION_SECRET")],
)
def test_without_a_terminal_what_is_missing_is_named(home: Home, options: dict[str, object], said: str) -> None:
    home.environ = {"HOME": str(home.folder)}
    with pytest.raises(UsageError) as caught:
        home.login(**options)
    assert caught.value.code == "needs-answer"
    assert said in caught.value.next_step


def test_a_variable_that_would_win_is_named(home: Home) -> None:
    home.environ["OVH_CONSUMER_KEY"] = "0" * 32
    with pytest.raises(ConfigurationError, match="OVH_CONSUMER_KEY is set"):
        home.login()


def test_a_service_account_is_told_its_policy(home: Home, capsys: pytest.CaptureFixture[str]) -> None:
    assert home.login(endpoint="ovh-ca", service_account=True, project="0123") == ExitCode.DONE
    shown = capsys.readouterr()
    policy = json.loads(shown.out)
    assert policy["resources"] == [{"urn": "urn:v1:ca:resource:publicCloudProject:0123"}]
    assert "client_secret of [ovh-ca]" in shown.err
    assert not home.file.exists()


def test_there_is_no_login_to_end(home: Home) -> None:
    home.file.write_text(OTHERS)
    with pytest.raises(ConfigurationError) as caught:
        home.logout()
    assert caught.value.code == "not-logged-in"
    assert home.file.read_text() == OTHERS


@pytest.mark.usefixtures("confirming")
def test_a_key_that_is_dead_already_is_no_obstacle(home: Home, sandbox: Path) -> None:
    home.login()
    control.reset(sandbox)
    assert home.logout() == ExitCode.DONE
    assert not home.file.exists()


@pytest.mark.programs
def test_a_person_types_what_is_asked(home: Home) -> None:
    outer, inner = pty.openpty()
    environ = {**os.environ, "HOME": str(home.folder), "MIGRATE_WORKSPACE": str(home.workspace)}
    environ = {name: value for name, value in environ.items() if not name.startswith("OVH_")}
    command = [str(Path(sys.executable).with_name("migrate")), "login"]
    answers = [home.endpoint, *home.application.values()]
    shown = ""
    with subprocess.Popen(
        command, stdin=inner, stdout=subprocess.PIPE, stderr=inner, text=True, env=environ, cwd=home.folder
    ) as process:
        shown = _read(outer, lambda text: "account at?" in text)
        os.write(outer, f"{answers[0]}\n".encode())
        shown += _read(outer, lambda text: "Application key:" in text)
        os.write(outer, f"{answers[1]}\n".encode())
        shown += _read(outer, lambda text: "not shown" in text)
        os.write(outer, f"{answers[2]}\n".encode())
        shown += _read(outer, lambda text: "Ctrl-C" in text)
        address = re.search(r"http://\S+credentialToken=\S+", shown)
        assert address is not None
        assert requests.get(address[0], timeout=30).ok
        out, _ = process.communicate(timeout=120)
    os.close(outer)
    os.close(inner)
    assert process.returncode == 0, shown
    assert "Logged in at" in out
    assert answers[2] not in shown
    assert home.works({"HOME": str(home.folder)})


def _read(terminal: int, enough: Callable[[str], bool]) -> str:
    """What a terminal shows until it is enough; it gives what it has in pieces."""
    text = ""
    while not enough(text):
        assert select.select([terminal], [], [], 120)[0], text
        text += os.read(terminal, 4096).decode()
    return text
