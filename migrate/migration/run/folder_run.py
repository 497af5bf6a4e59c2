"""One run over a folder of this machine: what the steps need where no cloud is asked."""

import threading
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path
from typing import Final

from migrate.core.events import Emit
from migrate.core.names import slug
from migrate.core.options.folders import BuildOptions, ExportOptions, ServeOptions
from migrate.core.options.shared import OUT
from migrate.machine.disk import disk_errors, scratch_folder
from migrate.machine.room import Need
from migrate.migration.journal.database import MEMORY
from migrate.migration.journal.journal import Journal
from migrate.migration.run.builder import chosen_engine
from migrate.migration.run.once import Once
from migrate.migration.run.run_context import RunContext
from migrate.migration.run.step_engine import Performer
from migrate.migration.run.units import Unit
from migrate.migration.run.workspace import Workspace

FolderOptions = BuildOptions | ExportOptions | ServeOptions

_MEMORY: Final = 4 << 30  # one unit of ai1-1-cpu (contract: AI Deploy images)


class FolderRun(RunContext):
    """What the steps need for the models of one folder.

    Attributes:
        options: What the person chose.
        steps: What walks the journey.
    """

    options: FolderOptions

    def __init__(
        self,
        options: FolderOptions,
        *,
        journal: Journal,
        workspace: Workspace,
        contexts: Path,
        emit: Emit,
        stop: threading.Event,
        environ: Mapping[str, str],
    ) -> None:
        super().__init__(journal=journal, workspace=workspace, contexts=contexts, emit=emit, stop=stop, environ=environ)
        self.options = options
        self.steps = Performer(journal, self.emit, stop)
        self._uses_engine: Once[bool] = Once()

    def needs(self, size: int, largest: int | None = None) -> tuple[Need, ...]:
        """What the command writes of a model's files: an image, a folder, or nothing more for ``serve``."""
        match self.options:
            case ExportOptions(out=out):
                remedy = f"Name another folder with {OUT.name}"
                return (Need(folder=out, size=size, what="the build context", remedy=remedy),)
            case BuildOptions(out=out) if not self.uses_engine():
                remedy = f"Name another file with {OUT.name}"
                kept = Need(folder=self.workspace.store, size=size, what="the image's layers")
                written = out and Need(folder=out, size=size, what="the image's archive", remedy=remedy)
                return (kept, written) if written else ()  # to a registry, large layers are made on their way
            case BuildOptions():
                return super().needs(size, largest)
            case _:
                return ()

    def uses_engine(self) -> bool:
        """Whether a container engine makes the image.

        Raises:
            UsageError: See ``chosen_engine``.
        """
        options = self.options
        return not isinstance(options, BuildOptions) or self._uses_engine.get(
            lambda: chosen_engine(options, self.engine, self.environ)
        )

    def memory_of(self, unit: Unit) -> int:  # noqa: ARG002 - no flavor was chosen
        """The memory of AI Deploy's smallest replica, in bytes."""
        return _MEMORY

    def image_tag(self, unit: Unit, digest: str) -> str:  # noqa: ARG002 - the person chose it
        """The name that was asked for."""
        return (self.options.name or "") if isinstance(self.options, BuildOptions) else ""

    def documents(self, unit: Unit) -> Path:
        """A folder of the workspace, by the name that was asked for."""
        return self.workspace.built / slug(self.image_tag(unit, ""))

    def look(self, model_id: str) -> str:  # noqa: ARG002 - nothing is kept
        """No command: the journal ends with the process."""
        return ""


@contextmanager
def folder_run(
    options: FolderOptions, *, workspace: Workspace, emit: Emit, stop: threading.Event, environ: Mapping[str, str]
) -> Iterator[FolderRun]:
    """A run over a folder; its build contexts are gone at the end.

    Args:
        options: What the person chose.
        workspace: Where the content store is.
        emit: Shows events.
        stop: Set to end early.
        environ: The environment, for the engine.

    Raises:
        LocalError: The disk.
    """
    with ExitStack() as stack:
        with disk_errors():
            contexts = stack.enter_context(scratch_folder(workspace.store, "contexts-"))
        source = str(options.folder)
        journal = stack.enter_context(closing(Journal.create(MEMORY, source=source, endpoint="", project="")))
        yield FolderRun(
            options,
            journal=journal,
            workspace=workspace,
            contexts=contexts,
            emit=emit,
            stop=stop,
            environ=environ,
        )
