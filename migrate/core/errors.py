"""The errors a user can meet: what happened, why, what to do next, and an exit code.

    MigrateError
    ├── UsageError           2   the command was typed wrong
    ├── ConfigurationError   3   configuration or credentials
    ├── NeedsYouError        4   a model needs a person
    ├── RemoteError          5   a remote service; trying again may help
    ├── StaleError           6   what a plan rests on has changed
    ├── LocalError           7   the engine, a registry or the disk
    └── RefusedError         8   refused for safety

Interruption exits with 130 and programming errors, which are never turned into one of these, with 1.
"""

from collections.abc import Mapping
from enum import IntEnum
from typing import TYPE_CHECKING, Final, TypeVar

from migrate.core.secret import redact

if TYPE_CHECKING:
    from migrate.core.codes.catalogue import Code


class ExitCode(IntEnum):
    """The documented exit codes of every command."""

    DONE = 0
    BUG = 1
    USAGE = 2
    CONFIGURATION = 3
    NEEDS_YOU = 4
    REMOTE = 5
    STALE = 6
    LOCAL = 7
    REFUSED = 8
    CHANGES = 10
    INTERRUPTED = 130


EXIT_TEXTS: Final[Mapping[ExitCode, str]] = {
    ExitCode.DONE: "done",
    ExitCode.BUG: "a bug in this tool",
    ExitCode.USAGE: "the command was typed wrong",
    ExitCode.CONFIGURATION: "configuration or credentials",
    ExitCode.NEEDS_YOU: "some models need you",
    ExitCode.REMOTE: "a remote service; try again",
    ExitCode.STALE: "what the plan rests on has changed; plan again",
    ExitCode.LOCAL: "engine, registry or disk of this machine",
    ExitCode.REFUSED: "refused for safety",
    ExitCode.CHANGES: "`plan --detailed-exitcode`: something is left to do",
    ExitCode.INTERRUPTED: "interrupted",
}


class MigrateError(Exception):
    """An expected failure.

    Attributes:
        what: One sentence: what happened and why.
        next_step: What to do now, or an empty string.
        code: A stable word for programs, such as ``engine-not-running``; ``core.codes`` says what each means.
        query_id: The id under which OVHcloud's support finds the request, where there is one.
        evidence: Lines that show how it came to this, such as the end of a log; for ``migrate why``.
        step: The step of a model's journey that it ended, where it ended one.
    """

    exit_code: ExitCode = ExitCode.BUG

    def __init__(
        self,
        what: str,
        *,
        code: "Code",
        next_step: str = "",
        query_id: str | None = None,
        evidence: tuple[str, ...] = (),
        step: str = "",
    ) -> None:
        self.evidence = tuple(map(redact, evidence))
        self.what = redact(what)
        self.next_step = redact(next_step)
        self.code: Code = code
        self.query_id = query_id
        self.step = step
        super().__init__(self.what)


class UsageError(MigrateError):
    """The command was typed wrong."""

    exit_code = ExitCode.USAGE


class ConfigurationError(MigrateError):
    """Configuration or credentials are missing, wrong or too narrow."""

    exit_code = ExitCode.CONFIGURATION


class NeedsYouError(MigrateError):
    """This model cannot go on without a person; ``code`` is the reason code and ``next_step`` the task."""

    exit_code = ExitCode.NEEDS_YOU


class RemoteError(MigrateError):
    """A remote service failed; trying again may help."""

    exit_code = ExitCode.REMOTE


class StaleError(MigrateError):
    """A plan no longer fits: what it rests on has changed since it was made."""

    exit_code = ExitCode.STALE


class LocalError(MigrateError):
    """The container engine, the registry or the disk of this machine."""

    exit_code = ExitCode.LOCAL


class RefusedError(MigrateError):
    """Refused for safety."""

    exit_code = ExitCode.REFUSED


class Interrupted(Exception):  # noqa: N818 - not an error: the person asked for it
    """The run was asked to stop (Ctrl-C, SIGTERM); raised where work can be left without a trace."""


_E = TypeVar("_E", bound=MigrateError)


def with_more(error: _E, what: str, next_step: str) -> _E:
    """The same error with another sentence at its end, and another next step where one is given."""
    return type(error)(
        f"{error.what}{' ' if error.what.endswith('.') else chr(10)}{what}",
        code=error.code,
        next_step=next_step or error.next_step,
        query_id=error.query_id,
        evidence=error.evidence,
        step=error.step,
    )


def with_next_step(error: _E, next_step: str) -> _E:
    """The same error with another next step."""
    return type(error)(
        error.what,
        code=error.code,
        next_step=next_step,
        query_id=error.query_id,
        evidence=error.evidence,
        step=error.step,
    )
