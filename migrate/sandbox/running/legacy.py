"""The old endpoint of each model, answered by a child process that shares no code with the new server.

The child is :mod:`migrate.sandbox.running.old_runtime`, run in an environment of its own with the folder of these
modules last on its path, so that it can import itself and nothing else of ``migrate``.
"""

import contextlib
import json
import os
import queue
import secrets
import subprocess
import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final

import jwt

from migrate.sandbox.base.ports import KeptPort
from migrate.sandbox.base.seam import Traffic
from migrate.sandbox.running.legacy_environment import environment

_CODE: Final = "import sys; sys.path.append(sys.argv[1]); from old_runtime.server import main; main()"
_START_LIMIT: Final = 60.0  # seconds
_FILES: Final = frozenset({".onnx", ".json"})  # what it may find a model by


class Legacy:
    """The namespaces' endpoints, ``URL/<model-id>/describe`` and ``/eval`` (see ``seam.LegacyServer``).

    Args:
        folder: Keeps the port, the key that tokens are signed with, and the child's errors.
        models: Folders with one folder for each model, named by the model's id; one that cannot be loaded is
            answered as a model that never deployed.
        record: Told of every request.
    """

    def __init__(self, folder: Path, *, models: Sequence[Path], record: Callable[[Traffic], None]) -> None:
        self._folder = folder.resolve()
        self._folder.mkdir(parents=True, exist_ok=True)
        self._models = [folder.resolve() for folder in models]
        self._record = record
        self._port = KeptPort(self._folder / "port")
        self._secret = _kept_secret(self._folder / "token-key")
        self._child: subprocess.Popen[str] | None = None

    @property
    def url(self) -> str:
        """``http://127.0.0.1:PORT``."""
        return f"http://127.0.0.1:{self._port.number}"

    @property
    def token(self) -> str:
        """An evaluation token for every model."""
        return self.issue("sandbox", ("model-evaluation",), "*")

    def issue(self, identity: str, groups: Sequence[str], resource: str) -> str:
        """The value of a token: signed, without expiry, equal for equal claims.

        Args:
            identity: The token's id.
            groups: ``model-evaluation`` opens the endpoints, ``model-management`` alone does not.
            resource: A model's id, a prefix ending in ``*``, or ``*``.
        """
        claims = {"sub": identity, "groups": list(groups), "resource": resource}
        return jwt.encode(claims, self._secret, algorithm="HS256")

    def start(self, progress: Callable[[str], None]) -> None:
        """Make the environment if needed, start the child and wait until it answers.

        Raises:
            RuntimeError: It cannot start; one sentence.
        """
        python = environment(progress)
        progress("starting the old endpoints")
        ready: queue.SimpleQueue[bool] = queue.SimpleQueue()
        with (self._folder / "errors.log").open("ab") as errors:
            self._child = subprocess.Popen(
                [str(python), "-I", "-c", _CODE, str(Path(__file__).resolve().parent)],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=errors,
                text=True,
                encoding="utf-8",
                env={"PATH": os.environ.get("PATH", os.defpath)},
                start_new_session=True,
            )
        threading.Thread(target=self._listen, args=(self._child, ready), daemon=True).start()
        settings = {"port": self._port.number, "secret": self._secret, "models": self._found()}
        if self._child.stdin is not None:
            with contextlib.suppress(BrokenPipeError):
                self._child.stdin.write(json.dumps(settings) + "\n")
                self._child.stdin.flush()
        if not _first(ready):
            self.stop()
            reason = (self._folder / "errors.log").read_text(encoding="utf-8", errors="replace").strip()
            message = f"the old endpoints cannot be started: {reason.rpartition(chr(10))[2] or 'no answer'}"
            raise RuntimeError(message)

    def stop(self) -> None:
        """End the child, and wait."""
        child, self._child = self._child, None
        if child is None:
            return
        if child.stdin is not None:
            with contextlib.suppress(BrokenPipeError):
                child.stdin.close()  # the child ends with its standard input, also when this process is killed
        try:
            child.wait(5)
        except subprocess.TimeoutExpired:
            child.kill()
            child.wait()

    def _listen(self, child: subprocess.Popen[str], ready: "queue.SimpleQueue[bool]") -> None:
        if child.stdout is None:
            return
        with child.stdout as lines:
            for line in lines:
                report = json.loads(line)
                if "ready" in report:
                    ready.put(True)
                else:
                    self._record(Traffic(service="legacy", **report))
        ready.put(False)

    def _found(self) -> dict[str, str]:
        return {
            entry.name: str(entry)
            for models in self._models
            for entry in sorted(models.iterdir())
            if entry.is_dir() and any(file.suffix in _FILES for file in entry.iterdir())
        }


def _first(ready: "queue.SimpleQueue[bool]") -> bool:
    try:
        return ready.get(timeout=_START_LIMIT)
    except queue.Empty:
        return False


def _kept_secret(file: Path) -> str:
    if not file.is_file():
        file.touch(mode=0o600)
        file.write_text(secrets.token_hex(32), encoding="ascii")
    return file.read_text(encoding="ascii")
