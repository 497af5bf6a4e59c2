"""Writes migrate/contract/api.json: the names and types of the API contract, without its sentences.

Run it with the contract's own file:  python scripts/extract_contract.py ../shared/contract/ovh-api.json
"""

import json
import sys
from pathlib import Path
from typing import Any

TARGET = Path(__file__).parents[1] / "migrate" / "contract" / "api.json"
PARAMETER_KEYS = ("in", "name", "type", "required")
FIELD_KEYS = ("type", "nullable", "readOnly", "required")


def extract(contract: dict[str, Any]) -> dict[str, Any]:
    """Paths (method -> parameters, response, authentication) and models (fields or enum values)."""
    paths = {
        path: {
            method: {
                "params": [{key: parameter[key] for key in PARAMETER_KEYS} for parameter in operation["params"]],
                "response": operation["response"],
                "noAuthentication": operation["noAuthentication"],
                "iamActions": operation.get("iamActions", []),
                "status": operation["status"],
            }
            for method, operation in operations.items()
        }
        for path, operations in contract["paths"].items()
    }
    models = {}
    for name, model in contract["models"].items():
        if "enum" in model:
            models[name] = {"enum": model["enum"]}
        else:
            models[name] = {
                "fields": {
                    field: {key: description[key] for key in FIELD_KEYS if key in description}
                    for field, description in model.get("fields", {}).items()
                }
            }
    return {"paths": paths, "models": models}


def main() -> None:
    """Read the contract named on the command line and write the extract."""
    source = Path(sys.argv[1])
    contract = json.loads(source.read_text(encoding="utf-8"))
    TARGET.write_text(json.dumps(extract(contract), indent=1, sort_keys=True) + "\n", encoding="utf-8")
    print(f"wrote {TARGET.name}: {len(contract['paths'])} paths, {len(contract['models'])} models")


if __name__ == "__main__":
    main()
