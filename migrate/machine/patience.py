"""How often the cloud is asked how things are."""

import os
from typing import Final

DEFAULT_SECONDS: Final = 10.0  # under an undocumented rate, ten seconds or slower is what the digest advises


def poll_seconds() -> float:
    """Seconds between two polls: ``MIGRATE_POLL_SECONDS`` (0.2 to 300), by default 10."""
    try:
        return min(300.0, max(0.2, float(os.environ["MIGRATE_POLL_SECONDS"])))
    except (KeyError, ValueError):
        return DEFAULT_SECONDS
