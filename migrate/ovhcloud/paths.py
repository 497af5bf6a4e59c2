"""From a path template of the contract to the target of a request."""

import re
from collections.abc import Mapping
from typing import Final
from urllib.parse import quote, urlencode

from migrate.core.errors import UsageError
from migrate.core.text import printable

_PLACEHOLDER: Final = re.compile(r"\{([^}/]+)\}")


def target(template: str, params: Mapping[str, str], query: Mapping[str, object] | None) -> str:
    """Fill a template such as ``/cloud/project/{serviceName}/ai/app/{appId}`` and add the query.

    The `ovh` client encodes neither path parts nor lists (contract: The ovh client): each part is percent-encoded
    whole, a list repeats its parameter, booleans are ``true`` and ``false``, and None is left out.

    Raises:
        UsageError: ``bad-identifier`` for a part that would change the path (empty, ``.`` or ``..``).
    """
    names = set(_PLACEHOLDER.findall(template))
    if names != set(params):
        message = f"{template} takes {sorted(names)}, not {sorted(params)}"
        raise ValueError(message)
    path = _PLACEHOLDER.sub(lambda match: _part(match[1], params[match[1]]), template)
    pairs = list(_pairs(query or {}))
    return f"{path}?{urlencode(pairs, quote_via=quote, safe='')}" if pairs else path


def _part(name: str, value: str) -> str:
    if value in {"", ".", ".."}:
        raise UsageError(f"{printable(value)!r} cannot be a {name} of OVHcloud's API.", code="bad-identifier")
    return quote(value.encode("utf-8", "surrogatepass"), safe="")


def _pairs(query: Mapping[str, object]) -> list[tuple[str, str]]:
    pairs: list[tuple[str, str]] = []
    for name, value in query.items():
        values = value if isinstance(value, list | tuple) else (value,)
        pairs += [(name, _word(item)) for item in values if item is not None]
    return pairs


def _word(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)
