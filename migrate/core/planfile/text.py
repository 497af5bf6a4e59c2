"""A plan file as bytes: written in one way only, and read as what anybody may have written.

A file that is not, but for blanks and line ends, the very text that this tool writes for its content is refused. So
whoever reads it sees the same: no key stands twice, and no field is hidden in an unusual form.
"""

import hashlib
import re
from typing import Final

import msgspec

from migrate.core.errors import UsageError
from migrate.core.planfile.checks import contradiction
from migrate.core.planfile.content import SCHEMA, Forecast, PlanContent, PlanFile
from migrate.core.text import printable, type_again

LARGEST: Final = 32_000_000
"""Bytes of a plan file that is read or written."""

_BLANK: Final = re.compile(rb'("[^"\\]*+(?:\\.[^"\\]*+)*+")|[ \t\r\n]+')  # of what is known to be JSON
_ODD: Final = re.compile(r"[^\x20-\x7e]")


class _Refused(Exception):  # noqa: N818 - why a text is no plan, as the end of a sentence
    pass


def plan_file(content: PlanContent, forecast: Forecast) -> PlanFile:
    """The file of a plan, of which it is certain that it can be read again.

    Raises:
        UsageError: ``bad-plan``: it would be too large, or holds what a plan cannot hold.
    """
    made = PlanFile(schema=SCHEMA, digest=digest_of_plan(content), plan=content, forecast=forecast)
    try:
        _read(encode(made))
    except _Refused as error:
        raise UsageError(
            f"This cannot be written as a plan: {error}.",
            code="bad-plan",
            next_step="Plan fewer models at a time, with --model, or move them with migrate run.",
        ) from error
    return made


def digest_of_plan(content: PlanContent) -> str:
    """``sha256:`` and the SHA-256 of the content as compact JSON."""
    return f"sha256:{hashlib.sha256(_compact(content)).hexdigest()}"


def encode(file: PlanFile) -> bytes:
    """The file's bytes: indented, one line end at the end."""
    return msgspec.json.format(_compact(file), indent=2) + b"\n"


def decode(data: bytes, name: str) -> PlanFile:
    """The plan in a file's bytes.

    Args:
        data: At most one byte more than ``LARGEST``.
        name: What the file is called in a message.

    Raises:
        UsageError: ``bad-plan``, in one sentence.
    """
    try:
        return _read(data)
    except _Refused as error:
        raise refused(name, str(error)) from error


def _read(data: bytes) -> PlanFile:
    if len(data) > LARGEST:
        raise _Refused(f"it is larger than {LARGEST // 1_000_000} MB")
    try:
        file = msgspec.json.decode(data, type=PlanFile, strict=True)
    except (msgspec.DecodeError, UnicodeError, RecursionError) as error:
        raise _Refused(_reason(error)) from error
    if _BLANK.sub(rb"\1", data) != _compact(file):
        raise _Refused("a field of it is written twice, out of its order or in another form than this tool writes")
    if file.digest != digest_of_plan(file.plan):
        raise _Refused("its digest is not that of its content, so somebody has changed it")
    if reason := contradiction(file):
        raise _Refused(reason)
    return file


def refused(name: str, reason: str) -> UsageError:
    """The error for a file that is no plan."""
    return UsageError(
        f"{printable(name)} is no plan that can be used: {reason}.",
        code="bad-plan",
        next_step=type_again("Make it anew with migrate plan SOURCE --out FILE"),
    )


def _compact(value: PlanContent | PlanFile) -> bytes:
    return _escaped(msgspec.json.encode(value))


def _escaped(data: bytes) -> bytes:
    """With an escape for each character that a terminal or an editor would obey or hide, such as marks of direction."""
    if data.isascii():
        return data.replace(b"\x7f", b"\\u007f")
    return _ODD.sub(_escape, data.decode()).encode()


def _escape(match: re.Match[str]) -> str:
    character = match[0]
    if character.isprintable():
        return character
    units = character.encode("utf-16-be")
    return "".join(f"\\u{units[at : at + 2].hex()}" for at in range(0, len(units), 2))


def _reason(error: Exception) -> str:
    if isinstance(error, msgspec.ValidationError):
        return printable(f"{error}"[:1].lower() + f"{error}"[1:], 300)
    return "it is no JSON"
