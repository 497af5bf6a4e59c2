"""The one place where errors become what a person reads and the exit code a program reads."""

import sys
from typing import Final

from migrate.core.errors import ExitCode, Interrupted, MigrateError
from migrate.core.events import Result
from migrate.core.options.declaration import AS_JSON, OUTPUT
from migrate.core.secret import redact
from migrate.core.text import type_again

_JSON_IN_ONE_WORD: Final = frozenset(
    f"{name}=json" if name.startswith("--") else f"{name}json" for name in OUTPUT.names
)


def wants_json(arguments: list[str]) -> bool:
    """Whether the command line asks for JSON, also where it could not be parsed."""
    ours = arguments[: arguments.index("--")] if "--" in arguments else arguments
    for position, word in enumerate(ours):
        if word in {*AS_JSON.names, *_JSON_IN_ONE_WORD}:
            return True
        if word in OUTPUT.names and ours[position + 1 : position + 2] == ["json"]:
            return True
    return False


def tell(error: MigrateError, arguments: list[str]) -> int:
    """Shows an expected failure: one sentence, the next step and the query id; answers its exit code.

    Where the error names no next step, the one that the catalogue has for its code is shown.
    """
    from migrate.core.codes.catalogue import CODES  # noqa: PLC0415 - only where something failed

    next_step = error.next_step or (CODES[error.code].next_step if error.code in CODES else "")
    if wants_json(arguments):
        from migrate.console.jsonlines import JsonLines  # noqa: PLC0415 - only for --json

        JsonLines(sys.stdout)(
            Result(
                command=arguments[0] if arguments else "",
                exit_code=int(error.exit_code),
                error={
                    "code": error.code,
                    "what": error.what,
                    "next_step": next_step,
                    "query_id": error.query_id,
                },
            )
        )
    else:
        lines = [error.what if error.code == "declined" else f"Error: {error.what}"]  # "no" is no error
        if next_step:
            lines.append(f"Next:  {next_step}")
        if error.query_id:
            lines.append(f"For OVHcloud's support: query id {error.query_id}")
        sys.stderr.write("\n".join(lines) + "\n")
    return int(error.exit_code)


def tell_bug(error: Exception, arguments: list[str]) -> None:
    """Gives a program its last line where this tool failed; Python shows a person the traceback."""
    if not wants_json(arguments):
        return
    from migrate.console.jsonlines import JsonLines  # noqa: PLC0415 - only for --json

    facts: dict[str, object] = {
        "code": "bug",
        "what": f"This tool failed: {type(error).__name__}.",
        "next_step": "Report the traceback on standard error.",
    }
    JsonLines(sys.stdout)(Result(command=arguments[0] if arguments else "", exit_code=int(ExitCode.BUG), error=facts))


def interrupted(error: Interrupted | KeyboardInterrupt, arguments: list[str]) -> int:
    """Ends after Ctrl-C where the command itself had nothing to say."""
    text = str(error) or f"Interrupted; nothing was left half-done. {type_again(note='it goes on where it stopped')}"
    code = int(ExitCode.INTERRUPTED)
    if wants_json(arguments):
        from migrate.console.jsonlines import JsonLines  # noqa: PLC0415 - only for --json

        error_facts: dict[str, object] = {"code": "interrupted", "what": redact(text)}
        JsonLines(sys.stdout)(Result(command=arguments[0] if arguments else "", exit_code=code, error=error_facts))
    else:
        sys.stderr.write(f"\n{redact(text)}\n")
    return code
