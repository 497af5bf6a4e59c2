"""All codes together. A code that is not in one of the tables is refused by the type checker and by a test."""

from collections.abc import Mapping
from typing import Any, Final, cast

from migrate.core.codes.access import ACCESS, AccessCode
from migrate.core.codes.files import FILES, FileCode
from migrate.core.codes.hazards import HAZARDS, HazardCode
from migrate.core.codes.machine import MACHINE, MachineCode
from migrate.core.codes.meaning import Meaning
from migrate.core.codes.models import MODELS, ModelCode
from migrate.core.codes.services import SERVICES, ServiceCode
from migrate.core.codes.typed import TYPING, TypingCode

Code = TypingCode | AccessCode | ServiceCode | MachineCode | ModelCode | FileCode | HazardCode

TABLES: Final[Mapping[str, Mapping[Any, Meaning]]] = {
    "What was typed or chosen": TYPING,
    "Credentials, rights, quotas": ACCESS,
    "Services elsewhere": SERVICES,
    "This machine": MACHINE,
    "A model that is fetched, tried and compared": MODELS,
    "A model's files": FILES,
    "Hazards in a model's files": HAZARDS,
}
CODES: Final[Mapping[str, Meaning]] = {code: meaning for table in TABLES.values() for code, meaning in table.items()}


def stored_code(text: str) -> Code:
    """A code as it was stored: by this version, or by one that had others."""
    return cast("Code", text)
