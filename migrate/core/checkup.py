"""What a look at everything that a run needs tells: one value for each thing."""

from typing import Final, Literal

from msgspec import Struct

from migrate.core.errors import ExitCode, MigrateError

State = Literal["ok", "warning", "wrong", "unknown", "skipped"]
"""``warning`` stops no run; ``unknown`` cannot be asked without changing something; ``skipped`` was not looked at."""

NAMES: Final = (
    "credentials",
    "clock",
    "project",
    "rights",
    "authorization",
    "quota",
    "region",
    "storage",
    "registry",
    "engine",
    "processor",
    "disk",
    "base image",
    "packages",
    "proxy",
    "certificates",
)
"""What is looked at, in this order."""


class Check(Struct, frozen=True, kw_only=True):
    """One thing.

    Attributes:
        name: One of ``NAMES``.
        state: How it is.
        text: What was found, in a sentence or a part of one.
        next_step: What to type or to do, where something is wrong.
        code: The code of the error, where there was one.
        exit_code: That of the error; 0 where nothing is wrong.
        details: More lines, such as each right that is missing.
        fixable: Whether ``--fix`` mends it.
    """

    name: str
    state: State
    text: str
    next_step: str = ""
    code: str = ""
    exit_code: int = 0
    details: tuple[str, ...] = ()
    fixable: bool = False


class Checkup(Struct, frozen=True, kw_only=True):
    """All of them, and what was mended, a sentence each."""

    checks: tuple[Check, ...]
    fixed: tuple[str, ...] = ()

    @property
    def exit_code(self) -> ExitCode:
        """That of the first thing that is wrong."""
        return ExitCode(next((one.exit_code for one in self.checks if one.state == "wrong"), ExitCode.DONE))


def wrong(name: str, error: MigrateError, *, fixable: bool = False) -> Check:
    """A thing that a run would fail on."""
    return Check(
        name=name,
        state="wrong",
        text=error.what,
        next_step=error.next_step,
        code=error.code,
        exit_code=int(error.exit_code),
        fixable=fixable,
    )
