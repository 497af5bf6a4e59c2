"""Where the cause of a code lies, in the words by which support hands a case on."""

from collections.abc import Mapping
from typing import Final, Literal

from migrate.core.codes.access import ACCESS
from migrate.core.codes.catalogue import CODES
from migrate.core.codes.machine import MACHINE
from migrate.core.codes.services import SERVICES
from migrate.core.codes.typed import TYPING

Cause = Literal["file", "rights", "network", "platform", "machine", "command", "tool"]

CAUSES: Final[Mapping[Cause, str]] = {
    "file": "the model: its files, or what it answers",
    "rights": "credentials, rights or quotas",
    "network": "the network between this machine and a service",
    "platform": "a service elsewhere: OVHcloud, the storage or a registry",
    "machine": "this machine: its disk, its container engine, its journal",
    "command": "what was typed or chosen",
    "tool": "this tool itself",
}

# Codes whose table says something else: the first that holds counts.
_ELSEWHERE: Final[Mapping[str, Cause]] = {
    "network": "network",
    "truncated-download": "network",
    "registry-unreachable": "network",
    "proxy-login": "network",
    "insecure-url": "platform",
    "object-unreadable": "file",
    "encoded-object": "file",
    "object-gone": "file",
    "object-changed": "file",
    "app-image": "rights",
    "app-architecture": "command",
    "app-probe": "file",
    "app-memory": "file",
    "clock-skew": "machine",
    "ml-serving-gone": "platform",
    "unknown-flavor": "platform",
    "no-cpu-flavor": "platform",
    "no-shared-registry": "platform",
}

_TABLES: Final[tuple[tuple[frozenset[str], Cause], ...]] = (
    (frozenset(TYPING), "command"),
    (frozenset(ACCESS), "rights"),
    (frozenset(SERVICES), "platform"),
    (frozenset(MACHINE), "machine"),
)


def cause_of(code: str) -> Cause:
    """Where the cause of a code lies; of one that this release does not know, in the tool."""
    meaning = CODES.get(code)
    if meaning is None or meaning.whose == "bug":
        return "tool"
    if code in _ELSEWHERE:
        return _ELSEWHERE[code]
    return next((cause for codes, cause in _TABLES if code in codes), "file")
