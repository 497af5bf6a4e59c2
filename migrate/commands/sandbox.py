"""Runs the sandbox's commands; its errors become this tool's."""

import os
import shlex
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from importlib.util import find_spec
from pathlib import Path
from typing import Final, Literal

import msgspec
import platformdirs

from migrate.console.jsonlines import JsonLines
from migrate.core.errors import ExitCode, LocalError, UsageError
from migrate.core.events import Result
from migrate.core.options.sandboxes import EnvOptions, FailOptions, SandboxStatusOptions, StartOptions, StopOptions
from migrate.core.secret import Secret
from migrate.core.text import type_again
from migrate.sandbox import control
from migrate.sandbox.base.errors import SandboxError
from migrate.sandbox.base.settings import Options as Settings

BuilderName = Literal["auto", "engine", "none"]

_EXTRA: Final = ("starlette", "uvicorn", "jwt", "cryptography")  # modules of the extra [sandbox]


@contextmanager
def in_words() -> Iterator[None]:
    """Turns what the sandbox says into this tool's error.

    Raises:
        LocalError: ``sandbox``.
    """
    try:
        yield
    except SandboxError as error:
        text = str(error)
        raise LocalError(
            f"{text[:1].upper()}{text[1:]}.".replace("..", "."),
            code="sandbox",
            next_step="See how it is: migrate sandbox status; start it anew: migrate sandbox stop, then start.",
        ) from error


def default_folder() -> Path:
    """Where a sandbox lives unless another place is named."""
    return platformdirs.user_state_path("mlserving-migrate") / "sandbox"


def check_installed() -> None:
    """Whether the packages of the extra ``[sandbox]`` are installed.

    Raises:
        LocalError: Some are missing (``sandbox-missing``).
    """
    missing = [name for name in _EXTRA if find_spec(name) is None]
    if missing:
        raise LocalError(
            f"The sandbox needs packages that are not installed here ({', '.join(missing)}).",
            code="sandbox-missing",
            next_step="Install the tool with its extra: pipx install 'mlserving-migrate[sandbox]'.",
        )


def choose_builder(builder: BuilderName) -> BuilderName:
    """Who makes and runs images, as far as that can be told before: a container engine that answers, or none.

    Returns:
        ``engine``, whose address the sandbox is told, or ``none``.

    Raises:
        LocalError: The engine that was wanted does not answer (``engine-not-running``), or without one nothing runs
            images here (``no-box``).
    """
    from migrate.boxes.bubblewrap import why_not  # noqa: PLC0415 - slow to load, and not always needed
    from migrate.images.trial.box.boxes import no_box  # noqa: PLC0415
    from migrate.migration.run.builder import may_do_without  # noqa: PLC0415

    if builder != "none":
        try:
            use_engine()
        except LocalError as error:
            if builder == "engine" or not may_do_without(error, os.environ):
                raise
        else:
            return "engine"
    if why := why_not():
        raise no_box(why)
    return "none"


def use_engine() -> None:
    """Names this tool's container engine to the sandbox, which looks where ``DOCKER_HOST`` or Docker's context says.

    Else models would be built by one engine, found at its socket, and their apps be run by another or none.

    Raises:
        LocalError: No engine answers (``engine-not-running``).
    """
    from migrate.images.engine.connection import connect  # noqa: PLC0415 - slow to load, and not always needed

    with closing(connect(os.environ)) as engine:
        if engine.found_at is not None:
            os.environ["DOCKER_HOST"] = engine.found_at


def check_running(running: control.Running) -> None:
    """Whether a sandbox has what a journey needs.

    Raises:
        LocalError: ``sandbox``: its apps or its registry do not run, with its own sentence.
    """
    for part in (running.registry, running.apps):
        if part != "running":
            raise LocalError(
                f"{part[:1].upper()}{part[1:]}.".replace("..", "."),
                code="sandbox",
                next_step=type_again("Do what the sentence says, or start Docker or Podman"),
            )


def use_it(folder: Path | None) -> str:
    """What a shell does to have its next commands use a sandbox."""
    return f'eval "$({EnvOptions(folder=folder).command()})"'


def start(options: StartOptions) -> ExitCode:
    """Starts a sandbox. Options that were given replace those of its last start."""
    check_installed()
    place = options.folder or default_folder()
    builder = options.builder
    with suppress(LocalError):  # where nothing runs apps and models, all else does
        builder = choose_builder(options.builder)
    with in_words():
        wanted: Settings | None = None
        if options.no_serving or options.storage is not None:
            wanted = Settings(serving=not options.no_serving, storage=str(options.storage or ""))
        running = control.start(place, wanted, builder=builder, progress=say)
    if options.json:
        _tell("sandbox start", _facts(running))
    else:
        sys.stdout.write(f"The sandbox runs at {running.url}.\n")
        sys.stdout.write(f"Use it: {use_it(options.folder)}\n")
    return ExitCode.DONE


def stop(options: StopOptions) -> ExitCode:
    """Stops a sandbox."""
    with suppress(LocalError):
        use_engine()
    with in_words():
        stopped = control.stop(options.folder or default_folder())
    if options.json:
        _tell("sandbox stop", {"stopped": stopped})
    else:
        sys.stdout.write("The sandbox has stopped.\n" if stopped else "No sandbox was running.\n")
    return ExitCode.DONE


def status(options: SandboxStatusOptions) -> ExitCode:
    """Shows a sandbox."""
    place = options.folder or default_folder()
    with in_words():
        running = control.status(place)
    facts: dict[str, object] = {"running": False, "folder": str(place)} if running is None else _facts(running)
    if options.json:
        _tell("sandbox status", facts)
    elif running is None:
        starting = StartOptions(folder=options.folder).command()
        sys.stdout.write(f"No sandbox runs in {place}. Start it: {starting}\n")
    else:
        width = max(map(len, facts))
        sys.stdout.write("".join(f"{name:<{width}}  {text}\n" for name, text in facts.items()))
    return ExitCode.DONE


def env(options: EnvOptions) -> ExitCode:
    """Prints the sandbox's variables; the one command whose output is secrets, those of a toy."""
    with in_words():
        variables = control.env(options.folder or default_folder())
    if options.json:
        result = {"v": 1, "event": "result", "command": "sandbox env", "exit_code": 0, "data": variables}
        sys.stdout.write(msgspec.json.encode(result).decode() + "\n")
    else:
        sys.stdout.write("".join(f"export {name}={shlex.quote(text)}\n" for name, text in variables.items()))
    return ExitCode.DONE


def fail(options: FailOptions) -> ExitCode:
    """Turns a fault on, or all off."""
    place = options.folder or default_folder()
    fault = None if options.none else options.fault
    with in_words():
        if fault is None:
            facts: dict[str, object] = {"lifted": control.release(place)}
            text = f"{facts['lifted']} faults lifted."
        else:
            facts = {"fault": control.fail(place, fault, **_arguments(options.arguments))}
            lifting = FailOptions(folder=options.folder, none=True).command()
            text = f"The fault {fault} is on ({facts['fault']}). Lift it: {lifting}"
    if options.json:
        _tell("sandbox fail", facts)
    else:
        sys.stdout.write(f"{text}\n")
    return ExitCode.DONE


def say(text: str) -> None:
    """Tells what the sandbox does now."""
    sys.stderr.write(f"sandbox: {text}\n")


def _arguments(words: tuple[str, ...]) -> dict[str, object]:
    found: dict[str, object] = {}
    for word in words:
        name, equals, text = word.partition("=")
        if not equals or not name.isidentifier():
            raise UsageError(
                f"{word!r} is not NAME=VALUE.", code="usage", next_step="Type: migrate sandbox fail --help"
            )
        try:
            found[name] = msgspec.json.decode(text)
        except msgspec.DecodeError:
            found[name] = text
    return found


def _facts(running: control.Running) -> dict[str, object]:
    facts: dict[str, object] = msgspec.to_builtins(running)
    return facts | {"old_token": str(Secret(running.old_token)) if running.old_token else ""}


def _tell(command: str, facts: dict[str, object]) -> None:
    JsonLines(sys.stdout)(Result(command=command, exit_code=0, data=facts))
