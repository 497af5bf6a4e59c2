"""Everything that the sandbox knows while it runs; a new process begins with a new world."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

from msgspec import Struct

from migrate.contract import Operation, contract
from migrate.sandbox.base.faults import FaultBook, RegistryDown, ServingGone
from migrate.sandbox.base.requestlog import RequestLog
from migrate.sandbox.base.routing import Routes
from migrate.sandbox.base.settings import Folder, Settings
from migrate.sandbox.world.apps import Apps
from migrate.sandbox.world.auth import Caller, Keyring, Rate
from migrate.sandbox.world.namespace import Namespace, lay_samples
from migrate.sandbox.world.objects import BUCKET, ObjectStore, SwiftTokens
from migrate.sandbox.world.people import People

if TYPE_CHECKING:
    from migrate.sandbox.base.seam import LegacyServer, RegistryServer

NO_REGISTRY = "registry.sandbox.invalid"


class Call(Struct, frozen=True, kw_only=True):
    """A checked request for a handler: decoded path parameters, typed query, JSON body.

    ``shown_time`` is what ``/auth/time`` says, in Unix seconds.
    """

    template: str
    operation: Operation
    path: dict[str, str]
    query: dict[str, Any]
    body: Any
    caller: Caller
    shown_time: float


class Parts(Struct, kw_only=True):
    """What of the sandbox really runs: "running", or why not.

    ``phase`` is what is being done before it is ready, ``apps_in`` what apps run in, and what holds their limits there.
    """

    ready: bool = False
    phase: str = "starting"
    apps: str = ""
    apps_in: str = ""
    registry: str = ""
    legacy: str = ""


class World:
    """The state behind the API, and the parts that really run."""

    def __init__(self, folder: Folder, settings: Settings, port: int) -> None:
        self.contract = contract()
        self.routes = Routes(self.contract)
        self.options = settings.options
        self.identity = settings.identity
        self.base = f"http://127.0.0.1:{port}"
        self.faults = FaultBook()
        self.log = RequestLog(folder.request_log)
        self.keyring = Keyring(settings.identity)
        self.rate = Rate(settings.options.rate_limit)
        self.objects = ObjectStore(folder.objects, settings.identity.project, settings.identity.url_key)
        self.buckets = ObjectStore(folder.buckets, settings.identity.project, settings.identity.url_key)
        self.swift_tokens = SwiftTokens()
        self.namespaces: tuple[Namespace, ...] = ()
        self.people = People(settings.identity.platform_password)
        self.apps = Apps(settings.options, self.faults, self.people)
        self.authorized = settings.options.authorized
        self.registry: RegistryServer | None = None
        self.legacy: LegacyServer | None = None

    @property
    def serving(self) -> bool:
        """Whether ML Serving is still there."""
        return self.options.serving and not self.faults.standing(ServingGone)

    @property
    def registry_address(self) -> str:
        """Host and port of the shared registry."""
        return self.registry.address if self.registry else NO_REGISTRY

    def lay_storage(self) -> None:
        """Fill the object storage anew: the sample namespaces' containers, and the folder given as an option."""
        self.objects.clear()
        self.buckets.clear()
        self.namespaces = lay_samples(self.objects) if self.options.samples else ()
        if self.options.storage:
            self.objects.load(Path(self.options.storage))
            self.buckets.load(Path(self.options.storage), kind=BUCKET)

    def settle_registry(self) -> None:
        """Let the registry answer or not, as the faults have it; waits until it is so."""
        if self.registry is None:
            return
        if self.faults.standing(RegistryDown):
            self.registry.down()
        else:
            self.registry.up()
