"""What a person chose for a run, and how to write the next command for them."""

import shlex
from pathlib import Path
from typing import Final, Literal, Self

from msgspec import Struct
from msgspec.structs import replace

from migrate.core.errors import UsageError
from migrate.core.secret import Secret
from migrate.core.values import Inspection, ProofLevel
from migrate.migration.run import permissions
from migrate.migration.run.licences import ACCEPT

Layout = Literal["separate", "packed"]

DEFAULT_JOBS: Final = 4
DEFAULT_REGION: Final = "GRA"
DEFAULT_PROOF: Final[ProofLevel] = "engine"
REHEARSAL_TIMEOUT: Final = 300.0  # seconds
READY_TIMEOUT: Final = 900.0  # seconds; 1 GB of image takes under 10 minutes (contract: AI Deploy images)


def check_registry(address: str) -> str:
    """The address itself, if its first part names a host: anything else would mean Docker Hub.

    Raises:
        UsageError: It does not.
    """
    host = address.removeprefix("https://").removeprefix("http://").strip("/").partition("/")[0]
    if "." in host or ":" in host or host == "localhost":
        return address
    raise UsageError(
        f"{address!r} is not the address of a registry.",
        code="bad-registry",
        next_step="Write it as HOST[/PATH], for example a1b2.c1.gra9.container-registry.ovh.net/models.",
    )


class Typed(Struct, frozen=True):
    """The source and the options that every further command needs to mean the same thing."""

    source: str
    extra: tuple[str, ...] = ()

    def command(self, name: str, *words: str) -> str:
        """A command to type next, quoted for a shell."""
        return shlex.join(["migrate", name, self.source, *words, *self.extra])


class RunOptions(Struct, frozen=True, kw_only=True):
    """The options of ``migrate run``.

    ``registry`` is None for the platform's shared one. ``samples`` holds the customer's own requests and answers.
    ``old_token`` opens the old endpoints. ``region`` is the AI Deploy region, or None for GRA.
    ``proof`` is the least level at which a model counts as migrated. ``slim`` asks for models of TensorFlow, Keras and
    TorchScript to be served as ONNX where that changes no answer. ``allow_unsafe`` holds the digests of files that the
    user lets run as code. ``accept_agpl`` lets PMML be served by JPMML.
    """

    typed: Typed
    models: tuple[str, ...] = ()
    layout: Layout = "separate"
    jobs: int = DEFAULT_JOBS
    adopt: bool = False
    region: str | None = None
    registry: str | None = None
    registry_user: str | None = None
    base_image: str | None = None
    samples: Path | None = None
    old_token: Secret | None = None
    proof: ProofLevel = DEFAULT_PROOF
    slim: bool = False
    ready_timeout: float = READY_TIMEOUT
    rehearsal_timeout: float = REHEARSAL_TIMEOUT
    allow_unsafe: tuple[str, ...] = ()
    accept_agpl: bool = False

    def allowing(self, inspection: Inspection) -> Self:
        """The same options, with the user's word for all the files of a model too."""
        return replace(self, allow_unsafe=permissions.needed(self.allow_unsafe, inspection))

    def again(self, *models: str) -> str:
        """The command that goes on with this run, or with some of its models, under the same options."""
        words: list[str] = []
        for model in models or self.models:
            words += ["--model", model]
        given = {
            "--layout": self.layout if self.layout != "separate" else None,
            "--jobs": str(self.jobs) if self.jobs != DEFAULT_JOBS else None,
            "--region": self.region,
            "--registry": self.registry,
            "--registry-user": self.registry_user,
            "--base-image": self.base_image,
            "--samples": str(self.samples) if self.samples else None,
            "--proof": self.proof if self.proof != DEFAULT_PROOF else None,
            "--rehearsal-timeout": f"{self.rehearsal_timeout:g}"
            if self.rehearsal_timeout != REHEARSAL_TIMEOUT
            else None,
        }
        for name, value in given.items():
            words += [name, value] if value is not None else []
        words += permissions.words(self.allow_unsafe)
        flags = (("--adopt", self.adopt), ("--slim", self.slim), (ACCEPT, self.accept_agpl))
        words += [word for word, given in flags if given]
        return self.typed.command("run", *words)
