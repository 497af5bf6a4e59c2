"""A real registry on a loopback port, with its data in the sandbox's folder.

It asks for Bearer tokens, as OVHcloud's registries (Harbor) do; a registry that asked for Basic would hide clients
that cannot fetch one. A registry with Basic authentication can be had for tests.
"""

import http.client
import json
import re
import secrets
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Final

from msgspec import Struct

from migrate.sandbox.base.faults import FaultBook
from migrate.sandbox.base.ports import KeptPort
from migrate.sandbox.running.registry_engines import PUBLIC_IMAGE, Engine, ImageEngine, ProgramEngine, program_installed
from migrate.sandbox.running.registry_front import Front, Record
from migrate.sandbox.running.registry_tokens import ISSUER, SERVICE, Check, Signer, token_routes

if TYPE_CHECKING:
    from starlette.routing import BaseRoute

_START_LIMIT: Final = 20.0  # seconds
_ACCESS_LINE: Final = re.compile(r'"(?P<method>[A-Z]+) (?P<path>\S+) HTTP/[\d.]+" (?P<status>\d{3}) (?P<bytes>\d+)')


class Access(Struct, frozen=True, kw_only=True):
    """A request that the registry answered; ``bytes`` are those of the answer's body, ``path`` has no query."""

    method: str
    path: str
    status: int
    bytes: int


class Registry:
    """The sandbox's registry and its token server.

    Args:
        folder: Where its data, key, configuration and logs lie; also what keeps its port.
        realm: The URL under which :attr:`routes` are mounted; clients are sent to ``realm/token``.
        check: Whether a username and password are a good login; a good login may do everything.
        htpasswd: The content of an htpasswd file (bcrypt): ask for Basic authentication instead of tokens.
        image: Run this image of the registry; None for Debian's program where it is installed, else the public image.
        engine: Whether an image may be run; else it is the program, or nothing.
        faults: What goes wrong before a request reaches it.
        record: Takes a line for each request.
    """

    def __init__(
        self,
        folder: Path,
        *,
        realm: str,
        check: Check,
        htpasswd: str | None = None,
        image: str | None = None,
        engine: bool = True,
        faults: FaultBook | None = None,
        record: Record = lambda _: None,
    ) -> None:
        self._folder = folder.resolve()
        self._realm = realm
        self._htpasswd = htpasswd
        self._signer = Signer(self._folder)
        self._routes = token_routes(self._signer, check)
        self._port = KeptPort(self._folder / "port")
        self._inner = KeptPort(self._folder / "inner-port")
        config = self._folder / "config.yml"
        self._engine: Engine
        if image is None and (program_installed() or not engine):
            self._engine = ProgramEngine(self._folder, config, self._inner.number)
        else:
            self._engine = ImageEngine(self._folder, config, self._inner.number, image=image or PUBLIC_IMAGE)
        self._front = Front(self._port.number, self._inner.number, faults or FaultBook(), record)
        self._lock = threading.Lock()

    @property
    def routes(self) -> "Sequence[BaseRoute]":
        """The token server, relative to the realm."""
        return self._routes

    @property
    def address(self) -> str:
        """``127.0.0.1:PORT``."""
        return f"127.0.0.1:{self._port.number}"

    def start(self, progress: Callable[[str], None]) -> None:
        """Start it and wait until it answers.

        Raises:
            RuntimeError: It cannot start; one sentence.
        """
        progress("starting the registry")
        (self._folder / "data").mkdir(parents=True, exist_ok=True)
        self._write_config()
        self.up()

    def up(self) -> None:
        """Answer (again) at the same address, and wait until it does.

        Raises:
            RuntimeError: It cannot start; one sentence.
        """
        with self._lock:
            if self._engine.running():
                self._front.open()
                return
            try:
                self._engine.start()
            except Exception as error:  # whatever the engine says is the reason in the sentence
                message = f"the sandbox's registry cannot be started: {error}"
                raise RuntimeError(message) from error
            deadline = time.monotonic() + _START_LIMIT
            while not self._answers():
                if not self._engine.running() or time.monotonic() > deadline:
                    reason = self._engine.output()[1].strip().rpartition("\n")[2] or "it does not answer"
                    self._engine.stop()
                    message = f"the sandbox's registry cannot be started: {reason}"
                    raise RuntimeError(message)
                time.sleep(0.02)
            self._front.open()

    def down(self) -> None:
        """Stop answering and keep the content."""
        with self._lock:
            self._front.shut()
            self._engine.stop()

    def stop(self) -> None:
        """End it, and wait."""
        self.down()
        if isinstance(self._engine, ImageEngine):
            self._engine.remove()

    def accesses(self) -> tuple[Access, ...]:
        """Every request so far, oldest first; the registry's own log, nobody else's count."""
        return read_access_log(self._engine.output()[0])

    def _answers(self) -> bool:
        connection = http.client.HTTPConnection("127.0.0.1", self._inner.number, timeout=2)
        try:
            connection.request("GET", "/v2/")
            return connection.getresponse().status == 401
        except (OSError, http.client.HTTPException):
            return False
        finally:
            connection.close()

    def _write_config(self) -> None:
        if self._htpasswd is None:
            auth: dict[str, object] = {
                "token": {
                    "realm": f"{self._realm}/token",
                    "service": SERVICE,
                    "issuer": ISSUER,
                    "rootcertbundle": str(self._signer.certificate_file),
                }
            }
        else:
            (self._folder / "htpasswd").write_text(self._htpasswd, encoding="utf-8")
            auth = {"htpasswd": {"realm": SERVICE, "path": str(self._folder / "htpasswd")}}
        config = {
            "version": 0.1,
            "log": {"level": "error", "accesslog": {"disabled": False}},
            "storage": {"filesystem": {"rootdirectory": str(self._folder / "data")}, "delete": {"enabled": True}},
            "http": {"addr": self._engine.address, "secret": secrets.token_hex(16)},
            "auth": auth,
        }
        path = self._folder / "config.yml"
        path.touch(mode=0o600)
        path.write_text(json.dumps(config), encoding="utf-8")  # JSON is YAML


def read_access_log(text: str) -> tuple[Access, ...]:
    """The requests in an access log of the combined format."""
    return tuple(
        Access(
            method=line["method"],
            path=line["path"].partition("?")[0],
            status=int(line["status"]),
            bytes=int(line["bytes"]),
        )
        for line in _ACCESS_LINE.finditer(text)
    )
