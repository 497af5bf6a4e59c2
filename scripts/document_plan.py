"""Writes docs/plan.schema.json, the JSON schema of a plan file, from the structs that read it.

python scripts/document_plan.py
"""

import inspect
import json
from pathlib import Path
from typing import Any, Final

import msgspec

from migrate.core.planfile.content import SCHEMA, PlanFile

TARGET: Final = Path(__file__).parents[1] / "docs" / "plan.schema.json"


def main() -> None:
    """Write the schema."""
    TARGET.write_text(page(), encoding="utf-8")
    print(f"wrote {TARGET.name}: schema {SCHEMA} of plan files")


def page() -> str:
    """The schema's text."""
    schema: dict[str, Any] = {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "A plan of migrate",
        "$comment": "Made by scripts/document_plan.py (make docs); change migrate/core/planfile instead.",
        **_plain(msgspec.json.schema(PlanFile)),
    }
    return json.dumps(schema, indent=2) + "\n"


def _plain(value: Any) -> Any:
    """A schema whose descriptions have no indentation: Python 3.13 takes it out of docstrings."""
    if isinstance(value, dict):
        return {
            key: inspect.cleandoc(part) if key == "description" and isinstance(part, str) else _plain(part)
            for key, part in value.items()
        }
    return [_plain(part) for part in value] if isinstance(value, list) else value


if __name__ == "__main__":
    main()
