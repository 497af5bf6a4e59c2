"""One function for every name that this tool gives to something outside."""

import hashlib
import re
from typing import Final

SLUG_LIMIT: Final = 40

# The labels of an app (decisions: Labels). A run finds its apps by them, and an access token selects by them.
KEY_LABEL: Final = "mls-key"
RUN_LABEL: Final = "mls-run"
NAMESPACE_LABEL: Final = "mls-namespace"
MODEL_LABEL: Final = "mls-model"
ARTIFACT_LABEL: Final = "mls-artifact"
TICKET_LABEL: Final = "mls-ticket"

_LOOKS_HASHED: Final = re.compile(r"(^|-)[0-9a-f]{8}$")  # such a text could be chosen to meet another's slug


def slug(text: str) -> str:
    """A name of ``[a-z0-9-]``, at most 49 characters, equal for equal texts and different for different ones.

    The slug keeps at most 40 characters of the text, and ends in 8 hex digits of its SHA-256 when it is not the
    text itself, so that two hostile or long ids never meet in one name.
    """
    plain = re.sub(r"[^a-z0-9]+", "-", text.lower())[:SLUG_LIMIT].strip("-")
    if plain and plain == text and not _LOOKS_HASHED.search(plain):
        return plain
    digest = hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:8]
    return f"{plain}-{digest}" if plain else digest


def label_selector(label: str, value: str) -> str:
    """What selects the apps that carry a label with this value."""
    return f"{label}={value}"


def mls_key(project: str, source: str, model_id: str) -> str:
    """The label value by which an app is found again: 40 hex digits of SHA-256 (decisions: Labels).

    Args:
        project: The Public Cloud project's id.
        source: The namespace's id, or the canonical text of any other source.
        model_id: The model's id in it; a packed app has the joined ids of its models.
    """
    return digest_of(project, source, model_id)[:40]


def digest_of(*parts: str) -> str:
    """SHA-256 (64 hex digits) over parts, each prefixed by its length so that no two lists of parts collide."""
    sha = hashlib.sha256()
    for part in parts:
        data = part.encode("utf-8", "surrogatepass")
        sha.update(f"{len(data)}:".encode())
        sha.update(data)
    return sha.hexdigest()
