"""The rows that a model's file states itself, as requests to the engine that is to serve it."""

from collections.abc import Mapping
from typing import Any, Final

from migrate.core.values import Artifact
from migrate.formats.pmml.verification import read_verification
from migrate.parity.recording import Expected, Rows

_ENGINES: Final = frozenset({"pmml", "jpmml"})
_NONE: Final = Rows()


def stated_rows(artifact: Artifact, settings: Mapping[str, Any]) -> Rows:
    """The rows of a PMML file with the results for outputs of the model; none for other formats.

    Raises:
        LocalError: The file cannot be read from this machine's disk.
    """
    if settings.get("engine") not in _ENGINES:
        return _NONE
    found = read_verification(artifact, str(settings["entry"]))
    inputs = {str(field["name"]): str(field["type"]) for field in settings["inputs"]}
    precisions = {
        str(field["name"]): (found.precisions[field["name"]].relative, found.precisions[field["name"]].zero)
        for field in settings["outputs"]
        if field["name"] in found.precisions
    }
    if not precisions:
        return _NONE
    expected = tuple(
        Expected(
            {name: [_value(row.get(name), word)] for name, word in inputs.items()},
            {name: row.get(name) for name in precisions},
        )
        for row in found.rows
    )
    return Rows(expected, precisions)


def _value(text: str | None, word: str) -> object:
    """A cell as JSON; one that is no value of its type is missing, as the engine would find it."""
    if text is None or word == "string":
        return text
    if word == "boolean":
        return text.lower() in {"true", "1", "1.0"}
    try:
        number = float(text)
    except ValueError:
        return None
    if word in {"float", "double"}:
        return number if number - number == 0 else None
    return int(number) if number.is_integer() else None
