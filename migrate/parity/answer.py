"""What an endpoint answers, and how one is asked."""

from collections.abc import Callable
from typing import Any

from msgspec import Struct

from migrate.core.values import Sample


class Answer(Struct, frozen=True, kw_only=True):
    """What an endpoint answered: HTTP status, the JSON object in the body (None where there is none), the text."""

    status: int
    body: dict[str, Any] | None
    text: str


Call = Callable[[Sample], Answer]
"""Asks one endpoint: the sample's request in, its answer out."""
