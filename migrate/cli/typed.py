"""What a person typed, so that the commands shown to them mean the same source in the same place."""

from pathlib import Path

from migrate.migration.run.options import Typed


def typed_of(source: str, *, project: str | None, workspace: Path | None) -> Typed:
    """The source with the options that every further command needs."""
    extra: list[str] = []
    if project is not None:
        extra += ["--project", project]
    if workspace is not None:
        extra += ["--workspace", str(workspace)]
    return Typed(source, tuple(extra))
