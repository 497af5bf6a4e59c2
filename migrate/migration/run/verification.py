"""The rows that a model's file states itself, as requests to the engine that is to serve it."""

from typing import Final

from migrate.core.model_json import ModelJson
from migrate.core.values import Artifact
from migrate.formats.pmml.verification import read_verification
from migrate.parity.stated import NO_ROWS, Expected, Rows

_ENGINES: Final = frozenset({"pmml", "jpmml"})


def stated_rows(artifact: Artifact, settings: ModelJson) -> Rows:
    """The rows of a PMML file with the results for outputs of the model; none for other formats.

    Raises:
        LocalError: The file cannot be read from this machine's disk.
    """
    if settings.engine not in _ENGINES:
        return NO_ROWS
    found = read_verification(artifact, settings.entry)
    precisions = {
        field.name: (found.precisions[field.name].relative, found.precisions[field.name].zero)
        for field in settings.outputs
        if field.name in found.precisions
    }
    if not precisions:
        return NO_ROWS
    expected = tuple(
        Expected(
            {field.name: [_value(row.get(field.name), field.type)] for field in settings.inputs},
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
    if word in {"integer", "long"} and text.strip().lstrip("+-").isdecimal():
        return int(text)  # a double does not hold every long
    try:
        number = float(text)
    except ValueError:
        return None
    if word in {"float", "double"}:
        return number if number - number == 0 else None
    return int(number) if number.is_integer() else None
