"""Starting, stopping and commanding a sandbox from another process.

A sandbox is a folder (0700) with ``sandbox.json`` (options, keys, port; 0600), ``sandbox.lock`` (held while it runs),
``sandbox.pid``, ``sandbox.log`` (what it says), ``requests.jsonl`` (the request log) and the content of its parts.
Keys and ports stay over stop and start; apps, tokens, users, registrations and what was put into the object storage
are gone with the process, and the registry keeps its images.
"""

import fcntl
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Final, Literal

import msgspec
import requests
from msgspec import Struct

from migrate.sandbox.base.errors import SandboxError
from migrate.sandbox.base.requestlog import Line, read_log
from migrate.sandbox.base.settings import ADMIN_HEADER, APPS, FAILED, Folder, Options, Settings, make_identity

_START_SECONDS: Final = 600.0  # the first start may fetch the old endpoints' environment
_STOP_SECONDS: Final = 90.0
_CALL_SECONDS: Final = 60.0
_COPIED_A_SECOND: Final = 10_000_000  # bytes of an object, copied and summed by the sandbox, on a slow disk


class Running(Struct, frozen=True, kw_only=True):
    """A running sandbox.

    ``apps``, ``registry`` and ``legacy`` are ``running`` or say in a sentence why that part is not; ``apps_in`` says
    what apps run in and what holds their limits there. ``faults`` are the ids of the faults that are on, with how often
    each was met and struck; ``fired`` counts the strikes of every kind of fault since the start or the last reset.
    """

    pid: int
    url: str
    project: str
    ready: bool
    phase: str
    serving: bool
    apps: str
    apps_in: str
    registry: str
    legacy: str
    registry_address: str
    legacy_url: str
    apps_count: int
    faults: dict[str, dict[str, int]]
    fired: dict[str, int]
    log: str
    old_token: str


def start(
    folder: Path,
    options: Options | None = None,
    *,
    builder: Literal["auto", "engine", "none"] | None = None,
    progress: Callable[[str], None] | None = None,
) -> Running:
    """Start a sandbox and wait until it is ready; one that runs already is left as it is.

    Args:
        folder: Where it lives; made if it is not there.
        options: How it behaves; None keeps those of the last start.
        builder: What runs apps; None is as the options have it.
        progress: Told what is being done.

    Raises:
        SandboxError: It cannot start, with the reason from its log.
    """
    place = Folder(folder)
    place.make()
    with place.start_file.open("a") as one_at_a_time:
        fcntl.flock(one_at_a_time, fcntl.LOCK_EX)
        if not running(place):
            last = place.read()
            chosen = _checked(options or (last.options if last else Options()))
            chosen = msgspec.structs.replace(chosen, builder=builder or chosen.builder)
            identity = last.identity if last else make_identity()
            place.write(Settings(options=chosen, identity=identity, port=last.port if last else 0))
            place.pid_file.unlink(missing_ok=True)
            _spawn(place)
    return _wait_ready(place, progress)


def _checked(options: Options) -> Options:
    if not options.storage:
        return options
    storage = Path(options.storage).resolve()
    if not storage.is_dir():
        message = f"{storage} is not a folder: it cannot be the content of the object storage"
        raise SandboxError(message)
    return msgspec.structs.replace(options, storage=str(storage))


def stop(folder: Path) -> bool:
    """Stop a sandbox and everything it started, and wait. False when none was running.

    Raises:
        SandboxError: It does not end.
    """
    place = Folder(folder)
    if not running(place):
        place.pid_file.unlink(missing_ok=True)
        _remove_left(place.path)
        return False
    pid, _port = _process(place)
    try:
        _call(place, "POST", "/sandbox/stop")
    except SandboxError:
        if pid:
            os.kill(pid, signal.SIGTERM)
    end = time.monotonic() + _STOP_SECONDS
    while running(place):
        if time.monotonic() > end:
            message = f"the sandbox in {place.path} (process {pid}) does not end; see {place.log_file}"
            raise SandboxError(message)
        time.sleep(0.05)
    return True


def _remove_left(folder: Path) -> None:
    """Remove the containers of a sandbox that was killed, and what it unpacked."""
    if folder.is_dir():
        shutil.rmtree(folder / APPS, ignore_errors=True)
        from migrate.sandbox.running.containers import remove_left  # noqa: PLC0415 - the docker package is slow to load

        remove_left(folder)


def status(folder: Path) -> Running | None:
    """The running sandbox of a folder, or None when there is none (a stale pid file does not count)."""
    place = Folder(folder)
    settings = place.read()
    if settings is None or not running(place):
        return None
    try:
        answer = _call(place, "GET", "/sandbox/status")
    except SandboxError:
        answer = _SILENT
    pid, port = _process(place)
    facts: dict[str, object] = {
        "pid": pid,
        "url": f"http://127.0.0.1:{port}/1.0",
        "project": settings.identity.project,
        "log": str(place.log_file),
    }
    return msgspec.convert({**answer, **facts}, type=Running)


_SILENT: Final[dict[str, object]] = {
    "ready": False,
    "phase": "starting",
    "serving": False,
    "apps": "",
    "apps_in": "",
    "registry": "",
    "legacy": "",
    "registry_address": "",
    "legacy_url": "",
    "apps_count": 0,
    "faults": {},
    "fired": {},
    "old_token": "",
}


def env(folder: Path) -> dict[str, str]:
    """The variables that let the tool, and the ``ovh`` package, use this sandbox.

    Raises:
        SandboxError: No sandbox is running in the folder.
    """
    found, settings = status(folder), Folder(folder).read()
    if found is None or settings is None:
        message = f"no sandbox is running in {folder}; start one with: migrate sandbox start"
        raise SandboxError(message)
    identity = settings.identity
    variables = {
        "OVH_ENDPOINT": found.url,
        "OVH_APPLICATION_KEY": identity.application_key,
        "OVH_APPLICATION_SECRET": identity.application_secret,
        "OVH_CONSUMER_KEY": identity.consumer_key,
        "OVH_CLOUD_PROJECT_SERVICE": identity.project,
    }
    return variables | ({"MIGRATE_OLD_TOKEN": found.old_token} if found.old_token else {})


def fail(folder: Path, fault: str, **arguments: object) -> str:
    """Turn a fault on and return its id. faults.py has every fault with its arguments.

    Raises:
        SandboxError: No such fault or argument, or no sandbox.
    """
    given = {key: str(value) if isinstance(value, Path) else value for key, value in arguments.items()}
    return str(_call(Folder(folder), "POST", "/sandbox/faults", {"fault": fault, **given})["id"])


def release(folder: Path, fault: str | None = None) -> int:
    """Turn one fault off (by its id), or all; a held request goes on. Returns how many.

    Raises:
        SandboxError: No sandbox is running.
    """
    path = f"/sandbox/faults?id={fault}" if fault else "/sandbox/faults"
    return int(str(_call(Folder(folder), "DELETE", path)["lifted"]))


def reset(folder: Path) -> None:
    """Back to the state of a fresh start: no faults, apps, tokens, users or registrations, an empty request log.

    Raises:
        SandboxError: No sandbox is running.
    """
    _call(Folder(folder), "POST", "/sandbox/reset")


def allow(folder: Path, actions: Iterable[str] | None) -> None:
    """Give the service account an IAM policy with these actions; with None it may do everything, as from the start.

    Raises:
        SandboxError: No sandbox is running.
    """
    given = None if actions is None else sorted(actions)
    _call(Folder(folder), "POST", "/sandbox/policy", {"actions": given})


def add_registry(folder: Path, name: str, url: str) -> str:
    """Let the project have a managed registry, and return its id; nothing of it runs.

    Raises:
        SandboxError: No sandbox is running.
    """
    return str(_call(Folder(folder), "POST", "/sandbox/registries", {"name": name, "url": url})["id"])


def put_object(folder: Path, container: str, name: str, file: Path, **details: object) -> str:
    """Put a file into a container, made if there is none, and return the container's id.

    Args:
        folder: The sandbox.
        container: Its name.
        name: The object's name, any text.
        file: The content.
        details: ``region``, ``archive``, ``content_type``, ``slo``, ``etag``, ``kind``, ``s3`` (admin.NewObject).

    Raises:
        SandboxError: The file cannot be read, or no sandbox is running.
    """
    body = {"container": container, "name": name, "file": str(file.resolve()), **details}
    size = file.stat().st_size if file.exists() else 0
    seconds = _CALL_SECONDS + size / _COPIED_A_SECOND
    return str(_call(Folder(folder), "POST", "/sandbox/objects", body, seconds=seconds)["container_id"])


def requests_made(folder: Path) -> list[Line]:
    """The request log so far."""
    return read_log(Folder(folder).request_log)


def running(place: Folder) -> bool:
    """Whether a process holds the folder's lock; needs no answer from it."""
    try:
        with place.lock_file.open("r") as lock:
            fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except FileNotFoundError:
        return False
    except BlockingIOError:
        return True
    return False


def _spawn(place: Folder) -> None:
    with place.log_file.open("ab") as log:
        subprocess.run(
            [sys.executable, "-m", "migrate.sandbox.process", str(place.path), "--daemon"],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            cwd=place.path,
            start_new_session=True,
            check=False,  # when it fails nobody holds the lock, and its log says why
        )


def _wait_ready(place: Folder, progress: Callable[[str], None] | None) -> Running:
    end = time.monotonic() + _START_SECONDS
    told = ""
    while time.monotonic() < end and running(place):
        found = status(place.path)
        if found is not None and found.ready:
            return found
        if found is not None and found.phase.startswith(FAILED):
            stop(place.path)
            message = f"the sandbox in {place.path} did not start: {found.phase.removeprefix(FAILED)}"
            raise SandboxError(f"{message} (all of it: {place.log_file})")
        if found is not None and progress is not None and found.phase != told:
            told = found.phase
            progress(told)
        time.sleep(0.02)
    lines = place.log_file.read_text(encoding="utf-8", errors="replace").splitlines() if place.log_file.exists() else []
    last = lines[-1] if lines else "it said nothing"
    message = f"the sandbox in {place.path} did not start: {last} (all of it: {place.log_file})"
    raise SandboxError(message)


def _process(place: Folder) -> tuple[int, int]:
    """The id and port of the process that holds the lock; 0 for what it has not written yet."""
    try:
        pid, port = [*place.pid_file.read_text(encoding="utf-8").split(), "0", "0"][:2]
        return int(pid), int(port)
    except (FileNotFoundError, ValueError):
        return 0, 0


def _call(
    place: Folder, method: str, path: str, body: Mapping[str, object] | None = None, *, seconds: float = _CALL_SECONDS
) -> dict[str, object]:
    settings = place.read()
    if settings is None or not running(place):
        message = f"no sandbox is running in {place.path}; start one with: migrate sandbox start"
        raise SandboxError(message)
    port = _process(place)[1]
    if not port:
        message = f"the sandbox in {place.path} is still starting"
        raise SandboxError(message)
    session = requests.Session()
    session.trust_env = False  # no proxy between this machine and itself
    with session:
        try:
            answer = session.request(
                method,
                f"http://127.0.0.1:{port}{path}",
                headers={ADMIN_HEADER: settings.identity.admin_token},
                json=body,
                timeout=seconds,
            )
            found = answer.json()
        except requests.RequestException as problem:
            message = f"the sandbox in {place.path} does not answer: {problem}"
            raise SandboxError(message) from None
    if answer.status_code != requests.codes.ok:
        raise SandboxError(str(found.get("message", answer.text)))
    return msgspec.convert(found, type=dict[str, object])
