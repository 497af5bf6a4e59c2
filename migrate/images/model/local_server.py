"""The inference server on this machine, without an engine: for trying a model out.

This loads the model's file in a process of its own, as the user who typed the command; OVHcloud's variables and this
tool's do not reach it. The packages are the image's: the runtime's lock, installed once by uv.
"""

from __future__ import annotations

import contextlib
import http.client
import signal
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Final

from migrate.core.errors import LocalError, MigrateError, NeedsYouError
from migrate.core.model_json import Unserved
from migrate.core.names import digest_of, slug
from migrate.core.text import type_again
from migrate.core.values import to_json
from migrate.images.model.context import IMAGE_PATH, ModelToRender, write_models
from migrate.images.runtime import server_code
from migrate.images.runtime.locales import VARIABLE, link_locale
from migrate.images.runtime.server_code import unserved_of
from migrate.images.runtime.templates import template_of
from migrate.images.runtime.wheels import digest_of_file, uv_install
from migrate.machine.disk import disk_errors, scratch_folder
from migrate.machine.locks import exclusive
from migrate.machine.patience import SERVED_END, SERVED_LOOK, SIGNAL_LOOK, Patience, wait_until

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

_HIDDEN: Final = ("OVH_", "MIGRATE_", "AWS_", "OS_", "DOCKER_", "PYTHON", "VIRTUAL_ENV")
_ANY: Final = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104 - where one that listens everywhere is asked


def serve(
    models: Sequence[ModelToRender | Unserved],
    *,
    host: str,
    port: int,
    store: Path,
    environ: Mapping[str, str],
    progress_text: Callable[[str], None],
    timeout: float,
    on_ready: Callable[[str, Mapping[str, str]], None] = lambda *_: None,
) -> int:
    """Serve models until the server ends or Ctrl-C is pressed, and return its exit code.

    Args:
        models: All of one runtime, with different ids, and those that cannot be served: whoever asks for one is told.
        host: Where to listen, for example ``127.0.0.1``.
        port: The same.
        store: The content store (environments).
        environ: The environment of the process, of which the server gets what is not a credential.
        progress_text: Told what is done when it takes long.
        timeout: Seconds until it must be ready.
        on_ready: Given the address that the server answers at, and why it does not serve some models, by their ids;
            when it raises a MigrateError, the server ends.

    Raises:
        LocalError: ``wheels-failed``, ``disk-full``, ``file-changed``.
        NeedsYouError: ``not-ready``.
        MigrateError: What ``on_ready`` raised.
    """
    served = [model for model in models if isinstance(model, ModelToRender)]
    (runtime,) = {model.inspection.runtime or "" for model in served}
    python = ensure_environment(runtime, store=store, progress_text=progress_text)
    with tempfile.TemporaryDirectory(prefix="migrate-serve-") as scratch, disk_errors():
        folder = Path(scratch)
        server_code.copy_server(folder / "server")
        write_models(served, folder, link=True)
        link_locale(folder / "locale")
        root = _merged(folder)
        for model in models:
            if isinstance(model, Unserved):
                place = root / slug(model.id)
                place.mkdir()
                place.joinpath("unserved.json").write_bytes(to_json(model))
        command = [str(python), "-m", "migrate.server", str(root), "--host", host, "--port", str(port)]
        # The port that platforms scrape is of no use here, and a second server would find it taken.
        command += ["--metrics-port", "0"]
        environment = {name: value for name, value in environ.items() if not name.startswith(_HIDDEN)}
        environment |= {
            "PYTHONPATH": str(folder / "server"),
            "PYTHONSAFEPATH": "1",
            "PYTHONUNBUFFERED": "1",
            "ORT_DISABLE_TELEMETRY": "1",
            VARIABLE: ":".join((str(folder / "locale"), *filter(None, [environ.get(VARIABLE)]))),
        }
        server = http.client.HTTPConnection(_ANY.get(host, host), port, timeout=SERVED_LOOK)
        return _run(command, environment, server, timeout, on_ready)


def ensure_environment(runtime: str, *, store: Path, progress_text: Callable[[str], None]) -> Path:
    """The Python of an environment with a runtime's packages, made once per lock.

    Raises:
        LocalError: A package cannot be had for this machine (code ``wheels-failed``), or the disk is full.
    """
    import uv  # noqa: PLC0415 - looks for its program when imported

    locks = template_of(runtime).locks
    digest = digest_of(*map(digest_of_file, locks), sys.version, sys.base_prefix, str(store))[:40]
    made = store / "environments" / digest
    python = made / "bin/python"
    if python.exists():
        return python
    with exclusive(store / "locks" / f"environment-{digest}"), disk_errors(), scratch_folder(store, "env-") as folder:
        if python.exists():
            return python
        progress_text("installing the runtime's packages")
        making = folder / "environment"
        command = [uv.find_uv_bin(), "venv", "--quiet", "--relocatable", "--python", sys.executable, str(making)]
        done = subprocess.run(command, check=False, capture_output=True, text=True, errors="replace")
        if done.returncode:
            raise LocalError(
                f"The runtime's environment could not be made: {done.stderr.strip()[-300:]}",
                code="wheels-failed",
                next_step=type_again(),
            )
        uv_install(locks, ["--python", str(making / "bin/python")])
        made.parent.mkdir(parents=True, exist_ok=True)
        making.rename(made)
    return python


def _merged(folder: Path) -> Path:
    """The layers' folders as one, as the image shows them."""
    root = folder / "models"
    root.mkdir()
    for layer in sorted(folder.glob("layer-*")):
        for model in layer.joinpath(IMAGE_PATH[1:]).iterdir():
            target = root / model.name
            target.mkdir(exist_ok=True)
            for entry in model.iterdir():
                entry.rename(target / entry.name)
    return root


def _run(
    command: Sequence[str],
    environment: Mapping[str, str],
    server: http.client.HTTPConnection,
    timeout: float,
    on_ready: Callable[[str, Mapping[str, str]], None],
) -> int:
    """Run in the foreground: what asks this process to end asks the child, once, and its end is waited for."""
    asked = False

    def stop(*_: object) -> None:
        nonlocal asked
        asked = True
        child.terminate()

    # A process group of its own: the terminal's Ctrl-C reaches this process only.
    with subprocess.Popen(command, env=dict(environment), cwd="/", process_group=0) as child:
        former = {number: signal.signal(number, stop) for number in (signal.SIGTERM, signal.SIGHUP)}
        try:
            said = _becomes_ready(child, server, timeout)
            if said is not None:
                on_ready(f"http://{server.host}:{server.port}", unserved_of(said))
            return child.wait()
        except MigrateError:
            code = _end(child)
            if asked:
                return code
            raise
        except KeyboardInterrupt:
            child.terminate()
            try:
                child.wait(SERVED_END)
            except (subprocess.TimeoutExpired, KeyboardInterrupt):
                child.kill()
            return 128 + signal.SIGINT
        finally:
            if child.poll() is None:
                child.kill()
            for number, handler in former.items():
                signal.signal(number, handler)


def _end(child: subprocess.Popen[bytes]) -> int:
    child.terminate()
    try:
        return child.wait(SERVED_END)
    except subprocess.TimeoutExpired:
        child.kill()
        return child.wait()


def _becomes_ready(child: subprocess.Popen[bytes], server: http.client.HTTPConnection, timeout: float) -> bytes | None:
    """Wait until the server is ready, and return what it says then; None when it ends before.

    Raises:
        NeedsYouError: It is not ready in time.
    """

    def pause(seconds: float) -> None:
        with contextlib.suppress(subprocess.TimeoutExpired):
            child.wait(seconds)

    def look() -> tuple[bool, bytes | None]:
        return (True, None) if child.poll() is not None else (False, _ready(server))

    patience = Patience(seconds=timeout, first=SIGNAL_LOOK, longest=SIGNAL_LOOK)
    ended, said = wait_until(look, lambda seen: seen[0] or seen[1] is not None, patience, pause=pause)
    if not ended and said is None:
        raise NeedsYouError(
            f"The server was not ready after {timeout:.0f} seconds.",
            code="not-ready",
            next_step="Give it more time with --rehearsal-timeout, if its model is a large one.",
        )
    return said if child.poll() is None else None


def _ready(server: http.client.HTTPConnection) -> bytes | None:
    """What the server says, when it is ready."""
    try:
        server.request("GET", "/health/ready")
        answer = server.getresponse()
        body = answer.read()
    except (OSError, ValueError, http.client.HTTPException):
        return None
    else:
        return body if answer.status == http.client.OK else None
    finally:
        server.close()
