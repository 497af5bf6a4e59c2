"""Manifests: JSON files that name a model and describe its tensors (contract, 2, 6.0 and 6.1)."""

import re
from typing import Any, Final

import msgspec

from migrate.formats.manifest_fields import invalid
from migrate.formats.recognise import MANIFEST_TYPES

MAXIMUM_SIZE: Final = 64 * 1024 * 1024


def read_type(name: str, data: bytes) -> tuple[str, dict[str, Any]] | None:
    """A manifest's type and content, or None for a JSON file that is no manifest.

    Raises:
        FormatError: It names a known type, but is not valid JSON.
    """
    try:
        content = msgspec.json.decode(data.removeprefix(b"\xef\xbb\xbf"))
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        known = "|".join(MANIFEST_TYPES).encode()
        if re.search(rb'"type"\s*:\s*"(?:' + known + rb')"', data):
            raise invalid(name, str(error)) from None
        return None
    if not isinstance(content, dict) or content.get("type") not in MANIFEST_TYPES:
        return None
    return content["type"], content
