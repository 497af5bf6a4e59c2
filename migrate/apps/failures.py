"""Why an app does not come up, as far as AI Deploy says it, and what to do.

The API has eleven words for the state of an app and a sentence of the platform's (``status.info``); that an image
cannot be pulled, is for another architecture or is not ready are known causes of FAILED (contract: AI Deploy
failures), for which no sentence is documented. So the cause is read from what engines and Kubernetes usually call it,
and where nothing is recognised, only the sentence and the end of the log are told.
"""

import re
from collections.abc import Callable
from typing import Final

from msgspec import Struct

from migrate.core.errors import MigrateError, NeedsYouError, RemoteError
from migrate.core.text import printable, type_again
from migrate.ovhcloud import apps
from migrate.ovhcloud.apps import State
from migrate.ovhcloud.session import Cloud

FAILURES: Final = frozenset(
    {"app-image", "app-architecture", "app-probe", "app-memory", "app-failed", "app-error", "quota-exceeded"}
)
"""The codes of an app that ended by itself: nothing of it runs, and it will not answer."""

_SHOWN: Final = 8  # lines of the log in the message
_KEPT: Final = 50  # lines of the log for `migrate why`


class _Cause(Struct, frozen=True):
    """What the platform's sentence looks like, and the error of a sentence and the lines of the log."""

    pattern: re.Pattern[str]
    error: Callable[[str, tuple[str, ...]], NeedsYouError]


_CAUSES: Final = (
    _Cause(
        re.compile(r"quota", re.IGNORECASE),
        lambda text, log: NeedsYouError(
            text,
            code="quota-exceeded",
            next_step=type_again(
                "Ask for more in the control panel (Project Management > Quotas), or use fewer apps (--layout packed)"
            ),
            evidence=log,
        ),
    ),
    _Cause(
        re.compile(
            r"exec format error|no match(?:ing manifest)? for (?:platform|linux)|\b(?:arm64|aarch64|arm/v\d)\b",
            re.IGNORECASE,
        ),
        lambda text, log: NeedsYouError(
            text,
            code="app-architecture",
            next_step=type_again(
                "Leave out --base-image, or name one for linux/amd64, which is all that AI Deploy runs"
            ),
            evidence=log,
        ),
    ),
    _Cause(
        re.compile(
            r"\bpull|errimage|manifest unknown|manifest for .* not found|repository .*not (?:found|exist)"
            r"|pull access denied|authentication required|no basic auth",
            re.IGNORECASE,
        ),
        lambda text, log: NeedsYouError(
            text,
            code="app-image",
            next_step=type_again(
                "See that the image is in the registry, that AI Deploy reaches the registry on port 443, and that its "
                "login is good (--registry, --registry-user)",
                note="an image that is not there any more is pushed again",
            ),
            evidence=log,
        ),
    ),
    _Cause(
        re.compile(r"oom.?kill|out of memory|killed: it used more|memory limit|exit code 137\b", re.IGNORECASE),
        lambda text, log: NeedsYouError(
            text,
            code="app-memory",
            next_step=type_again("Give each replica more memory, which follows its CPUs", adding="--cpus NUMBER"),
            evidence=log,
        ),
    ),
    _Cause(
        re.compile(r"probe|health.?check|progress ?deadline|not become ready", re.IGNORECASE),
        lambda text, log: NeedsYouError(
            text,
            code="app-probe",
            next_step=type_again(
                "Read the log above: the server answers /health/ready when it has loaded its model and reproduced its "
                "recorded answers",
                note="if it only was slow, a second start may do, or more CPUs (--cpus NUMBER)",
            ),
            evidence=log,
        ),
    ),
)
_BY_THE_PLATFORM: Final = frozenset({"APP_INTERRUPTED_BY_PLATFORM", "APP_CREATE_ERROR"})


def ended(cloud: Cloud, app: apps.App) -> MigrateError:
    """The error for an app that will not run by itself: its cause, the platform's sentence, and the app's last words.

    Returns:
        A NeedsYouError with ``quota-exceeded``, ``app-architecture``, ``app-image``, ``app-memory``, ``app-probe``,
        ``app-failed`` or ``app-stopped``, or a RemoteError with ``app-error``.
    """
    lines = log_of(cloud, app.id)
    text = f"The app {app.id} is {app.state}{info_of(app)}{last_words(lines)}"
    evidence = tuple(printable(line, 1000) for line in lines[-_KEPT:])
    by_the_platform = app.status.info is not None and app.status.info.code in _BY_THE_PLATFORM
    if app.state == State.ERROR or (app.state == State.FAILED and by_the_platform):
        return RemoteError(
            text,
            code="app-error",
            next_step=type_again(
                "Wait a while: this is on the platform's side",
                note="if it stays so, try another region (--region) or ask OVHcloud's support, with the app's id",
            ),
            evidence=evidence,
        )
    if app.state == State.FAILED:
        cause = _cause_of(app, lines)
        if cause is not None:
            return cause.error(text, evidence)
        return NeedsYouError(
            text,
            code="app-failed",
            next_step="Read the reason and the log above: the image could not be pulled or run as it is. "
            + type_again("Correct it"),
            evidence=evidence,
        )
    return NeedsYouError(
        text,
        code="app-stopped",
        next_step=type_again(
            "Somebody or something stopped it: start it in the control panel or delete it with `migrate undo`"
        ),
        evidence=evidence,
    )


def _cause_of(app: apps.App, lines: tuple[str, ...]) -> _Cause | None:
    """What the platform's sentence says, or else how the log ends."""
    sentence = app.status.info.message if app.status.info is not None else ""
    for text in (sentence, "\n".join(lines[-_SHOWN:])):
        for cause in _CAUSES:
            # A log may speak of anything; only what an engine writes there for a wrong binary is sure.
            if cause.pattern.search(text) and (text is sentence or "exec format error" in text.lower()):
                return cause
    return None


def late(cloud: Cloud, app: apps.App, seconds: float) -> RemoteError:
    """The error for an app that does not come up in time, and may yet."""
    lines = log_of(cloud, app.id)
    why = (
        "its replicas run, or their image is being pulled, and the probe has not passed"
        if app.state == State.SCALING
        else "the platform has not come to it"
    )
    return RemoteError(
        f"The app {app.id} is not running after {seconds:.0f} s; it is {app.state} ({why}){info_of(app)}"
        f"{last_words(lines)}",
        code="app-timeout",
        next_step=type_again(note="it goes on waiting for the same app"),
        evidence=tuple(printable(line, 1000) for line in lines[-_KEPT:]),
    )


def info_of(app: apps.App) -> str:
    """The platform's sentence as the end of one; empty where it says nothing."""
    info = app.status.info
    if info is None or not (info.message or info.code):
        return ""
    return f": {printable(info.message.rstrip('.'), 500)} ({printable(info.code, 60)})"


def log_of(cloud: Cloud, app_id: str) -> tuple[str, ...]:
    """The lines of an app's log; none where it cannot be read, which must not hide why the app ended."""
    try:
        return apps.log_lines(cloud, app_id)
    except MigrateError:
        return ()


def last_words(lines: tuple[str, ...]) -> str:
    """The end of a log as the end of a sentence and indented lines."""
    if not lines:
        return "; AI Deploy has no log of it."
    shown = "\n".join(f"  {printable(line.rstrip(), 300)}" for line in lines[-_SHOWN:])
    return f"; its log ends:\n{shown}"
