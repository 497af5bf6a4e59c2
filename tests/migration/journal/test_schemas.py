"""The form of every stored value is pinned to its schema number: who changes a form has to give it the next one."""

import json
from pathlib import Path
from typing import Any, Final

import msgspec
import pytest

from migrate.core.model_json import NO_MODEL, content_of
from migrate.core.values import (
    App,
    Artifact,
    BuildContext,
    Conversion,
    Documents,
    Image,
    Inspection,
    Listing,
    ModelRecord,
    Outcome,
    Parity,
    PushedImage,
    Recording,
    Rehearsal,
    RuntimeImage,
)
from migrate.migration.journal.journal import Journal, Stored
from migrate.migration.journal.schemas import number_of, read
from migrate.migration.journey.outcomes import Log
from migrate.migration.run.workspace import Workspace
from tests.migration.kept import KEPT, NAMES, Kept

FORMS: Final = Path(__file__).parent / "stored_forms.json"
BY_STEP: Final[dict[str, type]] = {
    "fetch": Artifact,
    "inspect": Inspection,
    "runtime": RuntimeImage,
    "record": Recording,
    "convert": Conversion,
    "render": BuildContext,
    "build": Image,
    "rehearse": Rehearsal,
    "rehearsal-proof": Parity,
    "push": PushedImage,
    "attest": Documents,
    "deploy": App,
    "prove": Parity,
    "log": Log,
    "list": Listing,
}
RENAMED: Final = ("cross-checked", "engine")
STORED: Final = (ModelRecord, Outcome, *dict.fromkeys(BY_STEP.values()))


def form_of(kind: type) -> dict[str, Any]:
    """The fields of a struct and of those inside it, with their types and defaults, without what is only told."""
    _, components = msgspec.json.schema_components([kind], schema_hook=lambda _: {"type": "any"})
    return {name: _bare(json.loads(json.dumps(part))) for name, part in sorted(components.items())}


def _bare(part: Any) -> Any:
    if isinstance(part, dict):
        return {name: _bare(value) for name, value in part.items() if name not in {"description", "title"}}
    # The order of choices says nothing, and that of a Literal's is another in each process.
    return sorted(map(_bare, part), key=json.dumps) if isinstance(part, list) else part


@pytest.mark.parametrize("kind", STORED, ids=lambda kind: kind.__name__)
def test_a_form_changes_with_its_number_alone(kind: type) -> None:
    forms = json.loads(FORMS.read_text(encoding="utf-8"))
    number = str(number_of(kind))
    assert form_of(kind) == forms[kind.__name__].get(number), (
        f"{kind.__name__}, which journals hold, is no longer what schema {number} stands for: give it the next number "
        f"as SCHEMA, see that texts of schema {number} can still be read, and add its form to {FORMS.name}"
    )


def test_no_number_is_skipped_or_forgotten() -> None:
    forms = json.loads(FORMS.read_text(encoding="utf-8"))
    assert list(forms) == [kind.__name__ for kind in STORED]
    assert all(list(forms[kind.__name__]) == [str(n + 1) for n in range(number_of(kind))] for kind in STORED)


@pytest.mark.parametrize("kept", KEPT, ids=NAMES)
def test_every_value_of_a_kept_journal_is_read(kept: Path, tmp_path: Path) -> None:
    journal = Kept(kept, Workspace(tmp_path), endpoint="e", project="p")
    opened = Journal.read(journal.path)
    assert opened is not None
    for subject, step, text in journal.sql("SELECT subject, step, json FROM value"):
        stored: Stored[object] | None = opened.get(subject, step, BY_STEP[step])
        assert stored is not None
        assert _within(json.loads(text), _told(stored.value)), (subject, step)
    opened.close()


def _told(value: Any) -> Any:
    """What a value says, with the settings of an inspection as ``model.json`` has them, defaults included."""
    told = json.loads(msgspec.json.encode(value))
    if isinstance(value, Inspection) and value.settings is not NO_MODEL:
        told["settings"] = content_of(value.settings)
    if isinstance(value, Conversion) and value.inspection is not None:
        told["inspection"] = _told(value.inspection)
    return told


@pytest.mark.parametrize(
    ("kind", "text"),
    [
        (Recording, '{"level": "cross-checked", "origin": "o", "samples": []}'),
        (Parity, '{"level": "cross-checked", "origin": "o", "passed": true, "calls": 1, "worst_difference": 0.0}'),
        (Outcome, '{"model": "m", "outcome": "done", "proof": "cross-checked"}'),
    ],
)
def test_what_was_called_cross_checked_by_the_same_engine_is_read_as_engine(kind: type, text: str) -> None:
    for number, level in ((1, "engine"), (2, "cross-checked")):
        value: Any = read(text.encode(), kind, number, newest=number_of(kind), what=str, next_step="n")
        assert (value.proof if kind is Outcome else value.level) == level
    live: Any = read(text.replace("cross-checked", "live").encode(), kind, 1, newest=2, what=str, next_step="n")
    assert (live.proof if kind is Outcome else live.level) == "live"


def _within(old: Any, new: Any) -> bool:
    """Whether all that was written is still there, whatever has come besides."""
    if isinstance(old, dict):
        return isinstance(new, dict) and all(name in new and _within(part, new[name]) for name, part in old.items())
    if isinstance(old, list):
        return isinstance(new, list) and len(old) == len(new) and all(map(_within, old, new))
    return bool(old == new) or (old, new) == RENAMED
