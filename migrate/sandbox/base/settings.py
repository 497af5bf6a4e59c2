"""The folder of a sandbox: its options, its keys, and where everything in it lies."""

import os
import secrets
import uuid
from pathlib import Path
from typing import Final, Literal

import msgspec
from msgspec import Struct

from migrate.sandbox.base.errors import SandboxError

ADMIN_HEADER: Final = "X-Sandbox-Token"
APPS: Final = "apps"  # of the sandbox's folder: what apps in boxes need
FAILED: Final = "failed: "  # begins the phase of a sandbox that could not start


class Options(Struct, frozen=True, kw_only=True):
    """How a sandbox behaves from its start.

    Attributes:
        port: The API's port on 127.0.0.1; 0 takes a free one, and the same again at the next start.
        serving: Whether ML Serving is still there.
        samples: Whether the project has the sample namespaces and their containers.
        storage: A folder with more content for Object Storage, or "": each folder in it is a container, named
            ``name`` (in GRA) or ``name@REGION``, or an S3 bucket, ``s3:name`` or ``s3:name@REGION``.
        builder: What runs apps, and the registry where Debian's program is missing: a container engine, boxes of the
            kernel's name spaces (``none``), or whichever there is.
        runtime: Whether apps, the registry and the old endpoints are really run; False is the API alone.
        rate_limit: Requests a minute and key; 0 is no limit.
        quota_cpu: How many CPUs the project's apps may use together.
        quota_gpu: The same for GPUs.
        authorized: Whether AI Deploy is allowed into the project's storage from the start.
        listing_cap: The most objects in one answer, of the API and of Swift.
        image_update: When a changed image of a running app takes effect; the guides contradict one another.
        unseen_seconds: How long an app stays in a state that nobody has seen yet.
    """

    port: int = 0
    serving: bool = True
    samples: bool = True
    storage: str = ""
    builder: Literal["auto", "engine", "none"] = "auto"
    runtime: bool = True
    rate_limit: int = 60
    quota_cpu: int = 64
    quota_gpu: int = 4
    authorized: bool = False
    listing_cap: int = 10_000
    image_update: Literal["restart", "rolling"] = "restart"
    unseen_seconds: float = 1.0


class Identity(Struct, frozen=True, kw_only=True):
    """The customer and the keys, made at the first start of a folder and kept in it."""

    project: str
    nichandle: str
    application_key: str
    application_secret: str
    consumer_key: str
    client_id: str
    client_secret: str
    platform_password: str
    admin_token: str
    url_key: str


class Settings(Struct, frozen=True, kw_only=True):
    """The content of ``sandbox.json``."""

    options: Options
    identity: Identity
    port: int = 0


def make_identity() -> Identity:
    """Fresh keys, in the forms that OVHcloud gives them."""
    return Identity(
        project=secrets.token_hex(16),
        nichandle="sb12345-ovh",
        application_key=secrets.token_hex(8),
        application_secret=secrets.token_hex(16),
        consumer_key=secrets.token_hex(16),
        client_id=f"EU.{secrets.token_hex(8)}",
        client_secret=secrets.token_hex(16),
        platform_password=secrets.token_hex(16),
        admin_token=secrets.token_hex(16),
        url_key=str(uuid.uuid4()),
    )


class Folder:
    """The paths in a sandbox's folder."""

    def __init__(self, path: Path) -> None:
        self.path = path.resolve()
        self.settings_file = self.path / "sandbox.json"
        self.lock_file = self.path / "sandbox.lock"
        self.start_file = self.path / "start.lock"
        self.pid_file = self.path / "sandbox.pid"
        self.log_file = self.path / "sandbox.log"
        self.request_log = self.path / "requests.jsonl"
        self.objects = self.path / "objects"
        self.buckets = self.path / "buckets"

    def make(self) -> None:
        """Make the folder, for its owner only."""
        self.path.mkdir(parents=True, exist_ok=True)
        self.path.chmod(0o700)

    def read(self) -> Settings | None:
        """The settings, or None where there has been no sandbox.

        Raises:
            SandboxError: The file is not what this program wrote.
        """
        try:
            return msgspec.json.decode(self.settings_file.read_bytes(), type=Settings)
        except FileNotFoundError:
            return None
        except msgspec.MsgspecError as problem:
            message = f"{self.settings_file} cannot be read ({problem}); delete the folder to begin anew"
            raise SandboxError(message) from None

    def write(self, settings: Settings) -> None:
        """Write the settings (0600, they hold the keys), whole or not at all."""
        partial = self.settings_file.with_suffix(".partial")
        partial.unlink(missing_ok=True)
        descriptor = os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            file.write(msgspec.json.format(msgspec.json.encode(settings), indent=2))
        partial.replace(self.settings_file)
