"""Gets a consumer key with the rights that are needed, and writes it where OVHcloud's own tools read it."""

import sys
import threading
import webbrowser
from collections.abc import Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Final

import msgspec

from migrate.commands.permissions import USUAL, needed
from migrate.commands.terminal import stopping, typed
from migrate.console.jsonlines import JsonLines
from migrate.console.words import safe, whole
from migrate.core.errors import ConfigurationError, ExitCode, Interrupted, MigrateError
from migrate.core.events import Notice, Result
from migrate.core.options.access import ENDPOINT, DoctorOptions, LoginOptions
from migrate.core.options.shared import PROJECT
from migrate.core.secret import Secret
from migrate.core.text import type_again
from migrate.machine.patience import KEY_VALIDATION, wait_until
from migrate.migration.run.workspace import open_workspace
from migrate.ovhcloud import consumer_keys
from migrate.ovhcloud.calls import PURPOSES
from migrate.ovhcloud.config import (
    ENDPOINT_URLS,
    PROJECT_NAME,
    Credentials,
    check_endpoint,
    default_endpoint,
    file_to_write,
    kept_values,
    read_project,
)
from migrate.ovhcloud.config_file import login_in, read_text, with_login, write_text
from migrate.ovhcloud.permissions import application_page, calls_for, rules_for
from migrate.ovhcloud.projects import project, project_ids
from migrate.ovhcloud.rights import Rule, covered, granted
from migrate.ovhcloud.session import Cloud, Session, open_session

_KEYS: Final = ("application_key", "application_secret")
_NAMED: Final = 20  # projects whose names are asked for


class _Login:
    """One login, from the endpoint to the file."""

    def __init__(
        self, options: LoginOptions, environ: Mapping[str, str], stop: threading.Event, stack: ExitStack
    ) -> None:
        self.options = options
        self.environ = environ
        self.stop = stop
        self._stack = stack
        self._state = open_workspace(options.workspace).state
        self.endpoint = self._endpoint()
        check_endpoint(self.endpoint)
        self.url = ENDPOINT_URLS.get(self.endpoint, self.endpoint).rstrip("/")
        self.named = environ.get("OVH_ENDPOINT")
        self.environ = {**environ, "OVH_ENDPOINT": self.endpoint}
        self.kept = kept_values(environ, self.endpoint)

    def say(self, text: str) -> None:
        """Tells the person something, in lines."""
        if self.options.json:
            JsonLines(sys.stdout)(Notice(text=text))
        else:
            sys.stderr.write(f"{text}\n")
            sys.stderr.flush()

    def ask(self, question: str, *, option: str, secret: bool = False) -> str:
        """What the person types."""
        return typed(question, stop=self.stop, option=option, secret=secret)

    def session(self, consumer_key: Secret | None, application: Mapping[str, str]) -> Session:
        """A session of an application, with a consumer key or, to ask for one, without."""
        credentials = Credentials(
            endpoint=self.endpoint,
            application_key=application["application_key"],
            application_secret=Secret(application["application_secret"]),
            consumer_key=consumer_key,
        )
        opened = self._stack.enter_context(open_session(credentials, state_folder=self._state))
        opened.stop = self.stop
        return opened

    def _endpoint(self) -> str:
        given = self.options.endpoint or default_endpoint(self.environ)
        if given:
            return given.strip()
        self.say(f"OVHcloud has an API for each part of the world: {', '.join(ENDPOINT_URLS)}.")
        return self.ask(f"Which one is your account at? [{USUAL}] ", option=ENDPOINT.name) or USUAL

    def application(self) -> dict[str, str]:
        """The application's key and secret: of the environment, of a file, or typed."""
        found = {name: self.environ.get(f"OVH_{name.upper()}") or self.kept.get(name, "") for name in _KEYS}
        if not all(found.values()):
            self.say(
                f"A key belongs to an application of yours, and none is known here for {self.endpoint}.\n"
                f"Make one, with any name: {application_page(self.url)}\n"
                "Then type what the page shows."
            )
            variables = " and ".join(f"OVH_{name.upper()}" for name in _KEYS)
            found["application_key"] = self.ask("Application key: ", option=f"the variables {variables}")
            found["application_secret"] = self.ask(
                "Application secret (it is not shown): ", option=f"the variables {variables}", secret=True
            )
        Secret(found["application_secret"])
        return found


def login(options: LoginOptions, environ: Mapping[str, str]) -> ExitCode:
    """Logs in.

    Raises:
        UsageError: A question needs an answer, and there is no terminal.
        ConfigurationError: Variables win over what would be written, the application is unknown, the page was not
            confirmed, or the account has no such project.
        Interrupted: The person stopped; nothing was written, and no key is left that works.
        MigrateError: OVHcloud cannot be asked, or the file cannot be written.
    """
    stop = threading.Event()
    with ExitStack() as stack:
        stack.enter_context(stopping(stop, ending="nothing has been written"))
        try:
            return _log_in(_Login(options, environ, stop, stack))
        except Interrupted as error:
            raise Interrupted(_STOPPED) from error


def _log_in(doing: _Login) -> ExitCode:
    options, environ = doing.options, doing.environ
    if options.service_account or environ.get("OVH_CLIENT_ID") or doing.kept.get("client_id"):
        return _service_account(doing)
    if environ.get("OVH_CONSUMER_KEY"):
        raise ConfigurationError(
            "The variable OVH_CONSUMER_KEY is set, and wins over what a login would write.",
            code="bad-configuration",
            next_step=type_again("Take it away (unset OVH_CONSUMER_KEY)"),
        )
    application, named = doing.application(), read_project(options.project, environ)
    before = Secret(doing.kept["consumer_key"]) if doing.kept.get("consumer_key") else None
    same = options.project is None or options.project.strip() == doing.kept.get(PROJECT_NAME)
    if before is not None and same and not options.replace and _may_do_all(doing.session(before, application), named):
        return _answer(doing, {"endpoint": doing.endpoint, "project": named or ""}, _ALREADY)
    rules = rules_for(calls_for(PURPOSES), named)
    key = _validated(doing, application, rules)
    session = doing.session(key, application)
    try:
        chosen, title = _choose(doing, session, named)
        file, former = _write(doing, application, {"consumer_key": key.reveal(), PROJECT_NAME: chosen})
    except (MigrateError, Interrupted):
        _give_up(doing, session)
        raise
    _revoke_former(doing, former, application)
    facts = {"endpoint": doing.endpoint, "project": chosen, "file": str(file)}
    return _answer(doing, facts, f"Logged in at {doing.endpoint}, project {safe(title)}. Written to {file}.")


_STOPPED: Final = "Stopped. Nothing was written; do not confirm the page any more."
_ALREADY: Final = (
    "You are logged in already, and the key has every right that is needed; --replace makes a new one anyway."
)


def _validated(doing: _Login, application: Mapping[str, str], rules: tuple[Rule, ...]) -> Secret:
    """A new key that a person has confirmed."""
    asked = consumer_keys.ask(doing.session(None, application), rules)
    doing.say(
        f"Open this page, log in, and confirm it:\n  {whole(asked.address)}\n"
        "It asks for the rights that migrate permissions prints, and no others. Waiting until it is confirmed; Ctrl-C "
        "stops, and nothing has been written."
    )
    if doing.options.open:
        webbrowser.open(asked.address)
    waiting = doing.session(asked.consumer_key, application)
    try:
        valid = wait_until(lambda: consumer_keys.is_valid(waiting), bool, KEY_VALIDATION, pause=waiting.pause)
    except (MigrateError, Interrupted):  # the page may have been confirmed meanwhile
        _give_up(doing, waiting)
        raise
    if not valid:
        raise ConfigurationError(
            f"The page was not confirmed within {KEY_VALIDATION.seconds / 60:.0f} minutes. Nothing was written.",
            code="not-validated",
        )
    return asked.consumer_key


def _give_up(doing: _Login, session: Session) -> None:
    """Leaves no key that works: one that was not confirmed yet is refused here, and does not."""
    doing.stop.clear()
    try:
        consumer_keys.revoke(session)
    except ConfigurationError:
        return
    except (MigrateError, Interrupted) as error:
        doing.say(
            "OVHcloud could not be asked to revoke the new key. If you confirmed its page, revoke it in the control "
            "panel."
        )
        if isinstance(error, Interrupted):
            raise


def _may_do_all(session: Session, named: str | None) -> bool:
    try:
        rules = granted(session)
    except ConfigurationError:
        return False
    return all(covered(rules, call, named or "*") for call in calls_for(PURPOSES))


def _choose(doing: _Login, session: Session, named: str | None) -> tuple[str, str]:
    """The project's id, and its name in words."""
    ids = project_ids(session)
    if named is not None:
        if named not in ids:
            raise ConfigurationError(
                f"The account has no project {safe(named)}; it has {', '.join(map(safe, ids[:_NAMED])) or 'none'}.",
                code="unknown-project",
                next_step=f"Correct {PROJECT.name}, or leave it out.",
            )
        return named, named
    titles = {name: _title(session, name) for name in ids[:_NAMED]} | {name: name for name in ids[_NAMED:]}
    if len(ids) == 1:
        return ids[0], titles[ids[0]]
    if not ids:
        raise ConfigurationError(
            "The account has no Public Cloud project.",
            code="no-project",
            next_step="Make one in the control panel, or log in to another account.",
        )
    doing.say("\n".join(f"  {number:>2}  {safe(titles[name])}" for number, name in enumerate(ids, 1)))
    while True:
        said = doing.ask(f"Which project? [1-{len(ids)}] ", option=PROJECT.name)
        if said.isdecimal() and 1 <= int(said) <= len(ids):
            return ids[int(said) - 1], titles[ids[int(said) - 1]]
        if said in ids:
            return said, titles[said]


def _title(session: Session, name: str) -> str:
    try:
        found = project(Cloud(session, name))
    except ConfigurationError:
        return name
    return f"{found.description or found.project_name or ''} ({name})".strip()


def _write(doing: _Login, application: Mapping[str, str], values: Mapping[str, str]) -> tuple[Path, dict[str, str]]:
    """The file that was written, and what an earlier login had written there."""
    file, endpoint = file_to_write(doing.environ, doing.endpoint), doing.endpoint
    before = read_text(file)
    former = login_in(before, endpoint) or {}
    written = {name: value for name, value in application.items() if doing.kept.get(name) != value or name in former}
    written |= values
    default = default_endpoint(doing.environ) is None or "endpoint" in former
    if doing.stop.is_set():
        raise Interrupted
    write_text(file, with_login(before, endpoint, written, default=default), endpoint, written)
    return file, former


def _revoke_former(doing: _Login, former: Mapping[str, str], application: Mapping[str, str]) -> None:
    """Ends the key of an earlier login; one that the person made is theirs."""
    if "consumer_key" not in former:
        return
    try:
        consumer_keys.revoke(doing.session(Secret(former["consumer_key"]), application))
    except ConfigurationError:
        return  # it was expired, or belongs to another application
    except (MigrateError, Interrupted):
        doing.say("The key of the login before could not be revoked. Revoke it in the control panel.")


def _service_account(doing: _Login) -> ExitCode:
    """What gives a service account its rights, for those who log in by OAuth2."""
    environ = {"OVH_CLIENT_ID": doing.kept.get("client_id", ""), **doing.environ}
    found = needed(PURPOSES, project=read_project(doing.options.project, environ), environ=environ)
    if doing.options.json:
        JsonLines(sys.stdout)(Result(command="login", exit_code=0, data={"policy": found.policy}))
        return ExitCode.DONE
    doing.say(
        "A service account is given its rights by an IAM policy. Make this one (control panel: Identity and access "
        "management > Policies, or POST /v2/iam/policy), with your account's and the service account's names in it; "
        f"then write its id and secret to {file_to_write(doing.environ, doing.endpoint)}, as client_id and "
        f"client_secret of [{doing.endpoint}], or set OVH_CLIENT_ID and OVH_CLIENT_SECRET."
    )
    sys.stdout.write(msgspec.json.format(msgspec.json.encode(found.policy)).decode() + "\n")
    return ExitCode.DONE


def _answer(doing: _Login, facts: Mapping[str, object], text: str) -> ExitCode:
    elsewhere = default_endpoint(doing.environ) not in {None, doing.endpoint}
    if doing.options.json:
        JsonLines(sys.stdout)(Result(command="login", exit_code=0, data=dict(facts)))
        return ExitCode.DONE
    lines = [text]
    if elsewhere and doing.named != doing.endpoint:
        lines.append(f"ovh.conf names another endpoint; use this one with: export OVH_ENDPOINT={doing.endpoint}")
    lines.append(f"Next: {DoctorOptions().command()}")
    sys.stdout.write("\n".join(lines) + "\n")
    return ExitCode.DONE
