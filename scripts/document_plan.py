"""Writes docs/plan.schema.json, the JSON schema of a plan file, from the structs that read it.

python scripts/document_plan.py
"""

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
        **msgspec.json.schema(PlanFile),
    }
    return json.dumps(schema, indent=2) + "\n"


if __name__ == "__main__":
    main()
