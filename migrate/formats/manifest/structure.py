"""Manifests: JSON files that name a model and describe its tensors (contract: Old discovery; Old fields)."""

import re
from typing import Any, Final

import msgspec

from migrate.formats.manifest.fields import invalid

# What the old runtime (contract: Old discovery) and the service around it knew.
MANIFEST_TYPES: Final = (
    "onnx",
    "tensorflow",
    "torch_script",
    "huggingface_tokenizer",
    "huggingface_pipeline",
    "standard_scaler",
    "pi",
    "datetime_encoder",
    "flow",
)
MAXIMUM_SIZE: Final = 64 * 1024 * 1024
MAXIMUM_STRUCTURE: Final = 8 * 1024 * 1024  # without the model that a manifest may hold as one text


def read_type(name: str, data: bytes) -> tuple[str, dict[str, Any]] | None:
    """A manifest's type and content, or None for a JSON file that is no manifest.

    Raises:
        FormatError: It names a known type, but is not valid JSON.
    """
    try:
        data = data.removeprefix(b"\xef\xbb\xbf")
        if len(data) > MAXIMUM_STRUCTURE:
            _check_structure(name, data)
        content = msgspec.json.decode(data)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        known = "|".join(MANIFEST_TYPES).encode()
        if re.search(rb'"type"\s*:\s*"(?:' + known + rb')"', data):
            raise invalid(name, str(error)) from None
        return None
    if not isinstance(content, dict) or content.get("type") not in MANIFEST_TYPES:
        return None
    return content["type"], content


def _check_structure(name: str, data: bytes) -> None:
    """Refuse a large manifest whose size is not that of one text: lists of lists take twenty times their size."""
    parts = msgspec.json.decode(data, type=dict[str, msgspec.Raw])
    size = sum(len(part) for part in parts.values() if bytes(memoryview(part)[:1]) != b'"')
    if size > MAXIMUM_STRUCTURE:
        raise invalid(name, f"its fields have {size} bytes, more than the {MAXIMUM_STRUCTURE} that are read")
