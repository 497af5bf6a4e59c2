"""All commands, in the order of the help."""

from typing import Final

from migrate.core.options.declaration import Options
from migrate.core.options.folders import BuildOptions, ExportOptions, ServeOptions
from migrate.core.options.sandboxes import (
    DemoOptions,
    EnvOptions,
    FailOptions,
    SandboxStatusOptions,
    StartOptions,
    StopOptions,
)
from migrate.core.options.sources import ListOptions, RunOptions, StatusOptions, UndoOptions, WhyOptions

COMMANDS: Final[tuple[type[Options], ...]] = (
    ListOptions,
    StatusOptions,
    WhyOptions,
    RunOptions,
    BuildOptions,
    ExportOptions,
    ServeOptions,
    DemoOptions,
    StartOptions,
    StopOptions,
    SandboxStatusOptions,
    EnvOptions,
    FailOptions,
    UndoOptions,
)
