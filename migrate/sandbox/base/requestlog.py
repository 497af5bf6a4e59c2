"""The request log: one JSON line for each request, written before the last bytes of its answer go out.

Tests count downloads and creations by it. A line has ``time``, ``service`` (api, storage, app, legacy, registry),
``method``, ``path`` (as sent, without the query), ``query`` (without signatures), ``operation`` (the template of the
contract), ``status`` (0 when the caller was gone before an answer), ``bytes`` (of the body that was sent),
``seconds``, ``query_id``, and ``fault`` where one struck.
"""

import re
import threading
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import msgspec
from msgspec import Struct

_SIGNATURES: Final = re.compile(r"(temp_url_sig=)[^&]*")


class Line(Struct, kw_only=True, omit_defaults=True):
    """One line of the log."""

    time: str
    service: str
    method: str
    path: str
    status: int
    bytes: int
    query: str = ""
    operation: str = ""
    seconds: float = 0.0
    query_id: str = ""
    fault: str = ""
    app_id: str = ""


class RequestLog:
    """Appends lines; each is in the file before the next is begun."""

    def __init__(self, path: Path) -> None:
        self._lock = threading.Lock()
        self._path = path
        self._file = path.open("ab", buffering=0)

    def write(self, line: Line) -> None:
        """Append a line."""
        line.query = _SIGNATURES.sub(r"\1***", line.query)
        with self._lock:
            self._file.write(msgspec.json.encode(line) + b"\n")

    def clear(self) -> None:
        """Begin anew."""
        with self._lock:
            self._file.truncate(0)


def read_log(path: Path) -> list[Line]:
    """The lines so far, oldest first; none where there is no log."""
    if not path.exists():
        return []
    return [msgspec.json.decode(line, type=Line) for line in path.read_bytes().splitlines()]


def timestamp(moment: float) -> str:
    """Unix seconds as RFC 3339 in UTC with microseconds."""
    return datetime.fromtimestamp(moment, UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")
