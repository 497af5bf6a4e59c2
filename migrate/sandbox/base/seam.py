"""Where the two halves of the sandbox meet: the API side calls what these protocols say, the runtime side gives it.

The API side (process.py) builds the runtime side with plain values and the :class:`Gate`; nothing of the runtime
side knows about HTTP calls of the OVHcloud API, and nothing of the API side knows about Docker. All methods may be
called from any thread. A method that takes long returns at once and works in the background unless said otherwise.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Literal, Protocol

from msgspec import Struct

if TYPE_CHECKING:
    from starlette.routing import BaseRoute


Progress = Callable[[str], None]
"""What is being done now, in a few words; shown by ``migrate sandbox start``."""

# apps


class RegistryAuth(Struct, frozen=True, kw_only=True):
    """A login that may be used to pull from ``address`` (host, or host:port, without a scheme)."""

    address: str
    username: str
    password: str


class Probe(Struct, frozen=True, kw_only=True):
    """The readiness probe: HTTP GET, 200 is ready. Times are seconds (the Terraform provider's defaults)."""

    path: str = "/"
    port: int = 8080
    initial_delay: float = 0
    period: float = 10
    timeout: float = 1
    failures: int = 3
    successes: int = 1


class Launch(Struct, frozen=True, kw_only=True):
    """What to run. ``memory_bytes`` and ``cpu`` are those of one replica; the sandbox runs one container an app."""

    app_id: str
    image: str
    command: tuple[str, ...] = ()
    env: dict[str, str] = {}
    cpu: int = 1
    memory_bytes: int = 4 << 30
    port: int = 8080
    probe: Probe = Probe()
    registry_auths: tuple[RegistryAuth, ...] = ()


class RunnerState(Struct, frozen=True, kw_only=True):
    """Where a launched app is. ``info`` is one sentence for ``status.info.message`` when the phase is ``failed``.

    ``pulling``: the image is being fetched; ``starting``: the container runs and the probe has not passed;
    ``ready``: the probe has passed; ``stopped``: stopped by :meth:`AppRunner.stop`; ``failed``: the image cannot be
    pulled, is of another architecture, crashes, or its probe never passes.
    """

    phase: Literal["pulling", "starting", "ready", "stopped", "failed"]
    info: str = ""
    exit_code: int | None = None


class LogEntry(Struct, frozen=True, kw_only=True):
    """A line of an app's output; ``timestamp`` is RFC 3339 in UTC."""

    timestamp: str
    content: str


class AppRunner(Protocol):
    """Pulls and runs the images of apps, and answers at their URLs."""

    def open(self, app_id: str) -> str:
        """Start answering at the app's own loopback port and return its URL; quick, the same for the app's life.

        Until the gate says that the app serves, every request gets 503.
        """

    def start(self, launch: Launch) -> None:
        """Pull and run; a running container of the app is replaced."""

    def state(self, app_id: str) -> RunnerState:
        """The present state, without waiting for anything."""

    def stop(self, app_id: str) -> None:
        """End the container and keep the URL."""

    def delete(self, app_id: str) -> None:
        """End and remove the container, close the port."""

    def deleted(self, app_id: str) -> bool:
        """Whether nothing of a deleted app is left."""

    def logs(self, app_id: str) -> Sequence[LogEntry]:
        """All lines so far, oldest first; may wait for the engine."""

    def close(self) -> None:
        """Delete everything this runner started, and wait until it is done."""


class Traffic(Struct, frozen=True, kw_only=True):
    """One request answered by something other than the API (an app's URL, the old endpoints), for the request log."""

    service: Literal["app", "legacy", "registry"]
    method: str
    path: str
    status: int
    bytes: int
    app_id: str | None = None
    fault: str = ""


class Gate(Protocol):
    """What the runtime side may ask of the API side; every method is quick."""

    def serving(self, app_id: str) -> bool:
        """Whether the app's state lets requests through (RUNNING, or SCALING after having run)."""

    def authorise(self, app_id: str, authorization: str | None) -> bool:
        """Whether the ``Authorization`` header of a request opens this app (token or AI user; open if unsecureHttp)."""

    def drift(self, app_id: str) -> Literal["scale", "swap", "nan"] | None:
        """How the answers of this app are to be altered, if they are.

        ``scale``: one float tensor of each ``/eval`` answer by 1 %; ``swap``: two labels (or the ends of an integer or
        string tensor) exchanged; ``nan``: one number becomes NaN, as the old contract writes it.
        """

    def record(self, traffic: Traffic) -> None:
        """Write a line of the request log."""


# the registry


class RegistryServer(Protocol):
    """A real registry that asks for Bearer tokens, and the token server it points to.

    Built as ``registry.Registry(folder, realm=URL, check=callable)``: ``realm`` is the URL at which process.py mounts
    ``routes`` (under ``/registry``, so the token path is ``/registry/token``) and ``check(username, password)`` tells
    whether a login is good. Every good login may pull and push.
    """

    @property
    def routes(self) -> Sequence[BaseRoute]:
        """The token server, relative to ``/registry``."""

    @property
    def address(self) -> str:
        """``127.0.0.1:PORT``; the same over stop and start of one folder where the port is still free."""

    def start(self, progress: Progress) -> None:
        """Start it and wait until it answers; raises RuntimeError with one sentence when it cannot."""

    def down(self) -> None:
        """Stop answering and keep the content (the fault ``registry-down``)."""

    def up(self) -> None:
        """Answer again at the same address, and wait until it does."""

    def stop(self) -> None:
        """End it, and wait."""


# the old endpoints


class LegacyServer(Protocol):
    """The old endpoints of the sample namespace: ``URL/<model-id>/{describe,eval}``, asking for the old JWT.

    Built as ``legacy.Legacy(folder, record=gate.record)``.
    """

    @property
    def url(self) -> str:
        """``http://127.0.0.1:PORT``, without a trailing slash; known before the start."""

    @property
    def token(self) -> str:
        """An evaluation token for every model (resource ``*``), handed out as ``MIGRATE_OLD_TOKEN``."""

    def start(self, progress: Progress) -> None:
        """Make the environment if needed, start it and wait; raises RuntimeError with one sentence when it cannot."""

    def stop(self) -> None:
        """End it, and wait."""


# the sample namespaces: index.json in a folder of their own


class SampleNamespace(Struct, frozen=True, kw_only=True, rename="camel"):
    """The namespace; ``url``, ``hubUrl`` and ``containerId`` are filled in by the sandbox."""

    id: str
    description: str
    container: str
    region: str = "GRA"
    cluster_id: str = "c1"
    created_at: str = "2021-06-01T09:00:00Z"


class SampleObject(Struct, frozen=True, kw_only=True, rename="camel"):
    """An object of the namespace's container: its name there, and the file (relative to index.json) that it is.

    A ``file`` that is a folder stands for all the files in it, below ``name``. Without ``file`` the object is ``size``
    zero bytes, made at the sandbox's start (a large file takes no space on the disk):
    :func:`migrate.sandbox.world.samples.lay_object` writes either. With ``slo`` its ETag is not the MD5 of its content,
    as with a large object uploaded in segments.
    """

    name: str
    file: str | None = None
    size: int = 0
    content_type: str = "application/octet-stream"
    slo: bool = False


class SampleIndex(Struct, frozen=True, kw_only=True, rename="camel"):
    """``index.json``: the records as ML Serving answered them (``cloud.project.ai.serving.*``), and the objects.

    ``models`` are ``Model`` records without ``url`` (filled in: namespace URL + ``/`` + id), ``tokens`` are ``Token``
    records without value, ``flavors`` are ``Flavor`` records. ``silent`` are the models whose old endpoint the
    sandbox has no runtime for: their ``url`` stays null. ``pickles`` are the files, relative to index.json, that are
    code and that whoever trusts this project may allow.
    """

    namespace: SampleNamespace
    models: tuple[dict[str, object], ...]
    tokens: tuple[dict[str, object], ...]
    flavors: tuple[dict[str, object], ...]
    objects: tuple[SampleObject, ...]
    silent: tuple[str, ...] = ()
    pickles: tuple[str, ...] = ()
