"""Values against the types of the contract: requests strictly, and the sandbox's own answers too."""

import ipaddress
import uuid
from collections.abc import Callable, Mapping
from datetime import datetime
from urllib.parse import parse_qsl

from migrate.contract import Contract, Operation


class Invalid(Exception):  # noqa: N818 - a finding, which the gateway turns into an answer
    """What is wrong with a value, naming the field."""


def _is_text(value: object) -> bool:
    return isinstance(value, str)


def _is_long(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _is_double(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _parses(parse: Callable[[str], object]) -> Callable[[object], bool]:
    def check(value: object) -> bool:
        if not isinstance(value, str):
            return False
        try:
            parse(value)
        except ValueError:
            return False
        return True

    return check


def parse_datetime(text: str) -> datetime:
    """An ISO 8601 date and time with a zone.

    Raises:
        ValueError: It is not one; a date alone or a time without zone is not.
    """
    moment = datetime.fromisoformat(text)
    if moment.tzinfo is None:
        raise ValueError(text)
    return moment


_SCALARS: dict[str, Callable[[object], bool]] = {
    "string": _is_text,
    "password": _is_text,
    "countryCode2LettersEnum": _is_text,
    "long": _is_long,
    "double": _is_double,
    "boolean": lambda value: isinstance(value, bool),
    "datetime": _parses(parse_datetime),
    "uuid": _parses(uuid.UUID),
    "ip": _parses(ipaddress.ip_address),
    "ipBlock": _parses(ipaddress.ip_network),
}


def check_value(contract: Contract, value: object, kind: str, where: str, *, answer: bool = False) -> None:
    """Check a value against a type of the contract.

    Args:
        contract: The API's types.
        value: What was sent, decoded from JSON.
        kind: The type's name, ``T[]`` or ``map[string]T``.
        where: How to name the value in the finding.
        answer: True for an answer (every field is there, read-only ones too), False for a request body.

    Raises:
        Invalid: It does not fit.
    """
    if kind.startswith("map[string]"):
        if not isinstance(value, dict):
            raise Invalid(f"{where} must be an object, not {_name(value)}")
        for key, item in value.items():
            check_value(contract, item, kind.removeprefix("map[string]"), f"{where}.{key}", answer=answer)
    elif kind.endswith("[]"):
        if not isinstance(value, list):
            raise Invalid(f"{where} must be an array, not {_name(value)}")
        for index, item in enumerate(value):
            check_value(contract, item, kind[:-2], f"{where}[{index}]", answer=answer)
    elif kind in _SCALARS:
        if not _SCALARS[kind](value):
            raise Invalid(f"{where} must be a {kind}, not {_name(value)}")
    elif kind in contract.models:
        _check_model(contract, value, kind, where, answer=answer)
    elif not isinstance(value, dict):  # the four models that the extract of the contract leaves out
        raise Invalid(f"{where} must be an object, not {_name(value)}")


def _check_model(contract: Contract, value: object, kind: str, where: str, *, answer: bool) -> None:
    model = contract.models[kind]
    if model.enum is not None:
        if value not in model.enum:
            raise Invalid(f"{where} must be one of {', '.join(model.enum)}, not {_name(value)}")
        return
    if not isinstance(value, dict):
        raise Invalid(f"{where} must be an object ({kind}), not {_name(value)}")
    for name in value:
        if name not in model.fields:
            raise Invalid(f"{where} has a field that {kind} does not know: {name}")
    for name, field in model.fields.items():
        place = f"{where}.{name}"
        if name not in value:
            if answer or field.required:
                raise Invalid(f"{place} is missing")
            continue
        if field.read_only and not answer:
            raise Invalid(f"{place} is read-only")
        if value[name] is None:
            if not field.nullable:
                raise Invalid(f"{place} must not be null")
            continue
        check_value(contract, value[name], field.type, place, answer=answer)


def _name(value: object) -> str:
    if value is None:
        return "null"
    if isinstance(value, str):
        return f'"{value[:60]}"'
    if isinstance(value, dict | list):
        return "an object" if isinstance(value, dict) else "an array"
    return str(value).lower() if isinstance(value, bool) else str(value)


def check_path(contract: Contract, operation: Operation, parameters: Mapping[str, str]) -> None:
    """Check the path parameters that are not plain text (uuid, long)."""
    for parameter in operation.params:
        if parameter.place == "path" and parameter.name is not None:
            value: object = parameters[parameter.name]
            if parameter.type == "long":
                value = _number(str(value), f"path parameter {parameter.name}")
            check_value(contract, value, parameter.type, f"path parameter {parameter.name}")


def read_query(contract: Contract, operation: Operation, text: str) -> dict[str, object]:
    """The query parameters, converted to their types; an array is written by repeating the parameter.

    Raises:
        Invalid: A parameter is unknown, missing, given twice, or of another type.
    """
    known = {p.name: p for p in operation.params if p.place == "query"}
    found: dict[str, object] = {}
    for name, raw in parse_qsl(text, keep_blank_values=True):
        parameter = known.get(name)
        if parameter is None:
            raise Invalid(f"query parameter {name} is not known here")
        where = f"query parameter {name}"
        repeated = parameter.type.endswith("[]") and not parameter.type.startswith("map[")
        kind = parameter.type[:-2] if repeated else parameter.type
        value = _from_text(raw, kind, where)
        check_value(contract, value, kind, where)
        if repeated:
            items = found.setdefault(name, [])
            if isinstance(items, list):
                items.append(value)
        elif name in found:
            raise Invalid(f"{where} is given twice")
        else:
            found[name] = value
    for parameter in known.values():
        if parameter.required and parameter.name not in found:
            raise Invalid(f"query parameter {parameter.name} is missing")
    return found


def _from_text(raw: str, kind: str, where: str) -> object:
    if kind == "long":
        return _number(raw, where)
    if kind == "boolean":
        if raw not in {"true", "false"}:
            raise Invalid(f"{where} must be true or false, not {_name(raw)}")
        return raw == "true"
    return raw


def _number(raw: str, where: str) -> int:
    try:
        return int(raw)
    except ValueError:
        raise Invalid(f"{where} must be a long, not {_name(raw)}") from None


def check_body(contract: Contract, operation: Operation, *, given: bool, body: object) -> None:
    """Check the JSON body: ``given`` is whether the request has one."""
    expected = [p for p in operation.params if p.place == "body"]
    if not expected:
        if given and body is not None:  # OVHcloud's own console sends null to the two PUT calls without a body
            raise Invalid("this call takes no body")
        return
    if not given:
        raise Invalid("the body is missing")
    check_value(contract, body, expected[0].type, "body")


def completed(contract: Contract, value: object, kind: str) -> object:
    """A checked value with null for every nullable field that is missing, at all depths, as answers have it."""
    if kind.endswith("[]") and isinstance(value, list):
        return [completed(contract, item, kind[:-2]) for item in value]
    model = contract.models.get(kind)
    if model is None or model.enum is not None or not isinstance(value, dict):
        return value
    full = {name: None for name, field in model.fields.items() if field.nullable} | value
    return {name: completed(contract, item, model.fields[name].type) for name, item in full.items()}
