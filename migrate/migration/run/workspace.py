"""Where this tool keeps things: one folder per source for its journal, one store of content for all of them."""

from pathlib import Path
from typing import Final

from msgspec import Struct

from migrate.core.names import slug
from migrate.core.options.declaration import absolute
from migrate.machine.private import make_private

APPLICATION: Final = "mlserving-migrate"


class Workspace(Struct, frozen=True):
    """A workspace: ``root`` is absolute."""

    root: Path

    @property
    def store(self) -> Path:
        """Artifacts, wheels and partial downloads, named by content and shared by all sources."""
        return self.root / "store"

    @property
    def state(self) -> Path:
        """What processes of one API key share: the rate bucket."""
        return self.root / "state"

    @property
    def calls(self) -> Path:
        """What the last commands asked of OVHcloud's API, one file a command."""
        return self.root / "calls"

    @property
    def built(self) -> Path:
        """SBOM and provenance of images that no source has, one folder for each name of an image."""
        return self.root / "built"

    def source(self, endpoint: str, project: str, source: str) -> "SourceFolder":
        """The folder of one source of one project behind one endpoint (decisions: Journal)."""
        return SourceFolder(self.root / slug(endpoint) / slug(project) / slug(source))

    def sources(self) -> tuple["SourceFolder", ...]:
        """Every source that has a journal here, in the order of their names."""
        return tuple(SourceFolder(path.parent) for path in sorted(self.root.glob("*/*/*/journal.sqlite")))


class SourceFolder(Struct, frozen=True):
    """The folder of one source: the journal and what belongs to it."""

    path: Path

    @property
    def journal(self) -> Path:
        """The SQLite file."""
        return self.path / "journal.sqlite"

    @property
    def lock(self) -> Path:
        """The file whose lock makes a run the only writer."""
        return self.path / "journal.lock"

    @property
    def contexts(self) -> Path:
        """The build contexts, one folder a unit."""
        return self.path / "contexts"

    @property
    def documents(self) -> Path:
        """What the images are made of: SBOM and provenance, one folder a unit."""
        return self.path / "documents"

    @property
    def tokens(self) -> Path:
        """One file of mode 0600 for each access token made for the customer."""
        return self.path / "tokens"


def open_workspace(option: Path | None) -> Workspace:
    """The workspace that ``--workspace`` names, or the one in the platform's state folder; made if missing.

    Raises:
        LocalError: The folder cannot be made or written.
    """
    if option is None:
        import platformdirs  # noqa: PLC0415 - only without --workspace

        option = platformdirs.user_state_path(APPLICATION)
    root = absolute(option)
    make_private(root)
    return Workspace(root)
