"""JSON lines on standard output: time, level, message, and what belongs to it, such as the request id."""

import logging
import sys
import warnings
from datetime import UTC, datetime
from io import TextIOWrapper
from typing import Final

import msgspec

LOGGER: Final = logging.getLogger("migrate.server")


class JsonFormatter(logging.Formatter):
    """One JSON object a record; ``extra={"fields": {...}}`` adds keys."""

    def format(self, record: logging.LogRecord) -> str:
        """The line of a record."""
        line: dict[str, object] = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "message": record.getMessage(),
        }
        line.update(getattr(record, "fields", {}))
        if record.exc_info:
            line["traceback"] = self.formatException(record.exc_info)
        return msgspec.json.encode(line, enc_hook=str).decode()


def set_up() -> None:
    """Send this server's records, and the warnings of libraries, to standard output, in UTF-8 whatever the locale."""
    if isinstance(sys.stdout, TextIOWrapper):
        sys.stdout.reconfigure(encoding="utf-8")
    handler = logging.StreamHandler(sys.stdout)
    handler.setFormatter(JsonFormatter())
    logging.basicConfig(level=logging.WARNING, handlers=[handler], force=True)
    LOGGER.setLevel(logging.INFO)
    # Hostile images make Pillow talk; what matters of it is in the answer's detail.
    logging.getLogger("PIL").setLevel(logging.CRITICAL)
    warnings.filterwarnings("ignore", module="PIL")


def log(level: int, message: str, **fields: object) -> None:
    """Write one line."""
    LOGGER.log(level, message, extra={"fields": fields})
