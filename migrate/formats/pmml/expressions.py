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
    declared = element.attributes.get("dataType")
    if declared is not None and element.name != "Extension":
        return WORDS.get(declared, "string")
    match element.name:
        case "Constant":
            return "double" if _is_number(element.text) else "string"
        case "FieldRef":
            return fields.get(element.attributes.get("field", ""), "string")
        case "NormContinuous" | "NormDiscrete" | "TextIndex" | "Aggregate":
            return "double"
        case "Apply":
            return _of_function(element, fields)
        case "Decisions":
            inside = [part for part in element.parts if part.name not in {"Extension", "Decision"}]
            return type_of(inside[0], fields) if inside else "string"
    return "string"


def _of_function(element: Element, fields: Mapping[str, str]) -> str:
    name = element.attributes.get("function", "")
    if name in _TEXTS:
        return "string"
    if name in _TRUTHS:
        return "boolean"
    if name in _WHOLE:
        return "long"
    if name == "if":
        branches = {type_of(part, fields) for part in element.parts[1:3]}
        # a number and another kind of number are numbers
        return branches.pop() if len(branches) == 1 else "string" if branches & {"string", "boolean"} else "double"
    return "double"


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True
