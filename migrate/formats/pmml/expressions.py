"""The type of an expression, where an output field does not say its own: the standard takes the expression's.

Functions: https://dmg.org/pmml/v4-4-1/BuiltinFunctions.html.
"""

from collections.abc import Mapping
from typing import Final

from migrate.formats.pmml.structure import Element

WORDS: Final = {"integer": "long", "float": "float", "double": "double", "boolean": "boolean"}

_TEXTS: Final = frozenset(
    {"uppercase", "lowercase", "substring", "trimBlanks", "concat", "replace", "formatNumber", "formatDatetime"}
)
_TRUTHS: Final = frozenset(
    {
        *("equal", "notEqual", "lessThan", "lessOrEqual", "greaterThan", "greaterOrEqual", "and", "or", "not"),
        *("isMissing", "isNotMissing", "isValid", "isNotValid", "isIn", "isNotIn", "matches"),
    }
)
_WHOLE: Final = frozenset(
    {"stringLength", "dateDaysSinceYear", "dateSecondsSinceYear", "dateSecondsSinceMidnight", "count"}
)


def type_of(element: Element, fields: Mapping[str, str]) -> str:
    """The word for the type of an expression's values.

    Args:
        element: The expression.
        fields: The words of the fields that it may name.
    """
    found: set[str] = set()
    waiting = [element]  # no call of its own for each level: a file may have a thousand
    while waiting:
        part = waiting.pop()
        inside = _branches(part)
        waiting += inside
        if not inside:
            found.add(_own_type(part, fields))
    if len(found) == 1:
        return found.pop()
    # a number and another kind of number are numbers
    return "string" if found & {"string", "boolean"} else "double"


def _branches(element: Element) -> list[Element]:
    """The parts one of whose values is that of an expression."""
    if _declared(element) is not None:
        return []
    if element.name == "Apply" and element.attributes.get("function") == "if":
        return element.parts[1:3]
    if element.name == "Decisions":
        return [part for part in element.parts if part.name not in {"Extension", "Decision"}][:1]
    return []


def _declared(element: Element) -> str | None:
    return element.attributes.get("dataType") if element.name != "Extension" else None


def _own_type(element: Element, fields: Mapping[str, str]) -> str:
    declared = _declared(element)
    if declared is not None:
        return WORDS.get(declared, "string")
    match element.name:
        case "Constant":
            return "double" if _is_number(element.text) else "string"
        case "FieldRef":
            return fields.get(element.attributes.get("field", ""), "string")
        case "NormContinuous" | "NormDiscrete" | "TextIndex" | "Aggregate":
            return "double"
        case "Apply":
            return _of_function(element.attributes.get("function", ""))
    return "string"


def _of_function(name: str) -> str:
    if name in _TEXTS:
        return "string"
    if name in _TRUTHS:
        return "boolean"
    if name in _WHOLE:
        return "long"
    return "double"


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True
