"""Where a case plays: a sandbox, a source and a workspace of its own, chosen by the case's seed but for names."""

import contextlib
import json
import os
import random
import shutil
import subprocess
import threading
import uuid
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from migrate.core.names import slug
from migrate.images.base.archive import bootstrap
from migrate.migration.journal.journal import Journal
from migrate.migration.journal.ledger import Effect
from migrate.sandbox import control
from migrate.sandbox.base.settings import Folder
from migrate.sandbox.world.people import PLATFORM_USER
from tests.e2e.harness import GOOD, NAMESPACE, ROOT, Ended, Sandbox, Tool

MODELS: Final = ROOT / "examples" / "models"
_KINDS: Final = ("inventory", "inventory", "inventory", "container", "namespace")
_TURNS: Final = {model: threading.Lock() for model in GOOD}


@dataclass
class Stage:
    """A case's place.

    Attributes:
        kind: ``inventory``, ``container`` or ``namespace``.
        models: The ids of the models that are moved.
        words: Options of every run.
        repositories: The beginnings of the names of its images, where no other case makes the same ones.
        unaided: Whether the command makes its images without an engine, and finds none.
    """

    sandbox: Sandbox
    folder: Path
    tool: Tool
    kind: str
    source: str
    models: tuple[str, ...]
    words: tuple[str, ...]
    environment: dict[str, str]
    repositories: tuple[str, ...]
    packed: bool = False
    registers: bool = False
    unaided: bool = False
    pids: list[int] = field(default_factory=list)

    @property
    def scratch(self) -> Path:
        """The folder for temporary files of all its commands."""
        return self.folder / "tmp"

    @property
    def run_words(self) -> tuple[str, ...]:
        """What follows ``migrate`` for a run."""
        chosen = tuple(word for model in self.models for word in ("--model", model))
        return ("run", self.source, *chosen, *self.words, "--yes", "--authorize", "--json")

    def start(self, *words: str) -> "subprocess.Popen[str]":
        """Start a command, noted so that what it leaves behind is found."""
        process = self.tool.start(*words, **self.environment)
        self.pids.append(process.pid)
        return process

    def __call__(self, *words: str) -> Ended:
        """A command to its end."""
        process = self.start(*words)
        with contextlib.closing(_Group(process)):
            out, err = process.communicate(timeout=280)
        return Tool._ended(process.returncode, out, err)

    def run(self) -> Ended:
        """A run."""
        return self(*self.run_words)

    def undo(self) -> Ended:
        """An undo of everything."""
        return self("undo", self.source, "--yes", "--json")

    def effects(self) -> tuple[Effect, ...]:
        """What the journal says exists."""
        for path in self.tool.workspace.glob("*/*/*/journal.sqlite"):
            journal = Journal.read(path)
            if journal is not None:
                with contextlib.closing(journal):
                    return journal.effects.existing()
        return ()

    def ours(self) -> set[str]:
        """The processes of this case, in the form of the label of containers that they start."""
        return {str(pid) for pid in self.pids}


@dataclass
class _Group:
    process: "subprocess.Popen[str]"

    def close(self) -> None:
        if self.process.poll() is None:
            from tests.e2e.harness import kill_group  # noqa: PLC0415

            kill_group(self.process)
            self.process.wait()


@contextlib.contextmanager
def set_up(
    sandbox: Sandbox, folder: Path, chance: random.Random, *, registers: bool = False, store: Path | None = None
) -> Iterator[Stage]:
    """A stage in a sandbox that is as new; one that shares names with others waits for its turn.

    Args:
        sandbox: It runs, and no other case uses it.
        folder: Where the case keeps its files; made here.
        chance: What chooses.
        registers: Whether images go to a private registry in any case; else chance says so.
        store: A content store with the runtime in it, of which the case gets a copy: the command then makes its images
            without an engine. None for an engine.
    """
    control.reset(sandbox.folder)
    folder.mkdir(parents=True)
    (folder / "tmp").mkdir()
    kind = chance.choice(_KINDS)
    count = chance.choice((1, 1, 1, 2))
    chosen = tuple(sorted(chance.sample(GOOD, count if kind == "inventory" else 1)))
    # No name follows from the seed: the same case may be played by another program on the same engine.
    identity = str(uuid.uuid4())
    packed = len(chosen) > 1 and chance.random() < 0.5
    registers = chance.random() < 0.12 or registers
    tool = Tool(sandbox, folder / "workspace")
    source, names = _source(sandbox, folder, kind, chosen, identity)
    words: tuple[str, ...] = ("--layout", "packed") if packed else ()
    environment = {"TMPDIR": str(folder / "tmp")}
    if registers:
        running = control.status(sandbox.folder)
        settings = Folder(sandbox.folder).read()
        assert running is not None
        assert settings is not None
        words += ("--registry", f"{running.registry_address}/mine-{identity[:8]}", "--registry-user", PLATFORM_USER)
        environment["MIGRATE_REGISTRY_PASSWORD"] = settings.identity.platform_password
    if chance.random() < 0.3:
        environment["MIGRATE_OLD_TOKEN"] = ""
    if store is not None:
        shutil.copytree(store, tool.workspace / "store", symlinks=True, copy_function=os.link)
        words += ("--builder", "none", "--base-image", f"oci:{bootstrap(print)}")
        environment["DOCKER_HOST"] = "unix:///nonexistent.sock"
    stage = Stage(
        sandbox=sandbox,
        folder=folder,
        tool=tool,
        kind=kind,
        source=source,
        models=chosen,
        words=words,
        environment=environment,
        repositories=names,
        packed=packed,
        registers=registers,
        unaided=store is not None,
    )
    with contextlib.ExitStack() as turns:
        if kind == "namespace":
            turns.enter_context(_TURNS[chosen[0]])
        yield stage


def store_without_engine(sandbox: Sandbox, folder: Path) -> Path:
    """A content store in which the runtime of the models is, with its root: what a case without an engine starts from.

    Args:
        sandbox: It runs.
        folder: Where it is made; it does not exist.
    """
    folder.mkdir()
    tool = Tool(sandbox, folder / "workspace")
    words = ("--out", str(folder / "iris.tar"), "--builder", "none", "--base-image", f"oci:{bootstrap(print)}")
    made = tool("build", str(MODELS / "iris"), *words, "--json")
    assert made.code == 0, made
    shutil.rmtree(tool.workspace / "store" / "artifacts", ignore_errors=True)
    return tool.workspace / "store"


def local_images() -> frozenset[str]:
    """The names of all images of the engine, where there is one."""
    if shutil.which("docker") is None:
        return frozenset()
    words = ["docker", "images", "--format", "{{.Repository}}:{{.Tag}}"]
    return frozenset(subprocess.run(words, capture_output=True, check=True, text=True).stdout.splitlines())


def _source(
    sandbox: Sandbox, folder: Path, kind: str, models: tuple[str, ...], identity: str
) -> tuple[str, tuple[str, ...]]:
    """The source as it is typed, and the beginnings of the names of its images."""
    if kind == "namespace":
        return NAMESPACE, ()
    if kind == "container":
        name = f"chaos-{identity[:8]}"
        control.put_object(sandbox.folder, name, f"{models[0]}/{models[0]}.onnx", _file_of(models[0]))
        return f"{name}@GRA", (f"{slug(f'{name}@GRA')}-",)
    index: dict[str, Any] = json.loads((MODELS / "index.json").read_text(encoding="utf-8"))
    path = folder / "inventory.json"
    kept = [model for model in index["models"] if model["id"] in models]
    namespace = index["namespace"] | {"id": identity}
    path.write_text(json.dumps({"namespace": namespace, "models": kept, "tokens": index["tokens"]}), encoding="utf-8")
    return str(path), (f"{slug(identity)}-",)


def _file_of(model: str) -> Path:
    (path,) = (MODELS / model).glob("*.onnx")
    return path
