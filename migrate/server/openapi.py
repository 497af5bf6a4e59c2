"""The OpenAPI document of a model, with the schemas and names that the old runtime gave it."""

import json
from collections.abc import Mapping
from math import prod
from typing import Any, Final

from migrate.server.model import Field, Model

_TYPES: Final = {
    "string": {"type": "string"},
    "integer": {"type": "integer", "format": "int32"},
    "long": {"type": "integer", "format": "int64"},
    "float": {"type": "number", "format": "float"},
    "double": {"type": "number", "format": "double"},
    "boolean": {"type": "boolean"},
    "date": {"type": "string"},
}
_EXAMPLES: Final[dict[str, Any]] = {
    "string": "a",
    "integer": 1,
    "long": 1,
    "float": 0.5,
    "double": 0.5,
    "boolean": True,
    "date": "2020-01-01",
}
_LARGEST_EXAMPLE: Final = 10_000
_TEXT: Final = {"type": "string"}


def document(model: Model, example: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """The OpenAPI 3.0.1 document; ``example`` is a request that is known to work."""
    request = dict(example) if example is not None else example_request(model)
    content: dict[str, Any] = {
        "application/json": {"schema": _reference("schemas/Inputs"), "example": request},
        "multipart/form-data": {"schema": _reference("schemas/Inputs")},
    }
    if takes_image(model):
        binary = {"schema": {"type": "string", "format": "binary"}}
        content |= {"image/png": binary, "image/jpeg": binary}
    error = {"application/json": {"schema": _reference("schemas/Error"), "examples": _bad_input(model)}}
    produced = ("application/json", "text/html", "multipart/form-data", "image/png", "image/jpeg")
    return {
        "openapi": "3.0.1",
        "info": {"title": model.title or model.id, "description": "Inference Model", "version": "1"},
        "servers": [{"url": "."}],
        "paths": {
            "/describe": {
                "get": {
                    "summary": "Describe the model",
                    "operationId": "describe",
                    "responses": {"200": {"description": "Inputs and outputs", "content": _json_object()}},
                }
            },
            "/eval": {
                "post": {
                    "summary": "Evaluate the model",
                    "operationId": "evaluate",
                    "parameters": [
                        _header("Step", "input:0 or output:0: the tensors at this place, not simplified"),
                        _header("Accept", f"One of {', '.join(produced)}; the first counts"),
                        _header("Keep-Dimensions", "1: keep dimensions of size 1"),
                    ],
                    "requestBody": _reference("requestBodies/request"),
                    "responses": {
                        "200": _reference("responses/response"),
                        "400": {"description": "The request does not fit the model", "content": error},
                    },
                }
            },
        },
        "components": {
            "requestBodies": {"request": {"required": True, "content": content}},
            "responses": {
                "response": {
                    "description": "The model's answer",
                    "content": {"application/json": {"schema": _reference("schemas/Outputs")}},
                }
            },
            "schemas": {
                "Inputs": _inputs(model),
                "Outputs": _object(model.outputs, columns=True, window=1),
                "Error": {
                    "type": "object",
                    "required": ["status", "message"],
                    "properties": {"status": {"type": "integer"}, "message": _TEXT, "detail": _TEXT},
                },
            },
            "securitySchemes": {"token": {"type": "http", "scheme": "bearer"}},
        },
    }


def takes_image(model: Model) -> bool:
    """Whether the model's single input is an image."""
    return len(model.inputs) == 1 and model.inputs[0].image_transformer is not None


def example_request(model: Model) -> dict[str, Any]:
    """A request of the right form, unknown dimensions being 1 (or the rolling window); columns where there are some."""
    found: dict[str, Any] = {}
    for field in model.inputs:
        if field.fields:
            for index in field.fields:
                value = _EXAMPLES[index.type or field.type]
                found[index.name] = [value] * model.window if model.window > 1 else value
            continue
        wanted = field.shape if field.shape is not None else (-1,) * (model.window > 1)
        shape = [model.window if place == 0 and dim == -1 else abs(dim) for place, dim in enumerate(wanted)]
        # A larger one would only make the document unreadable.
        found[field.name] = _nested(_example(field), shape) if prod(shape) <= _LARGEST_EXAMPLE else []
    return found


def _example(field: Field) -> Any:
    if field.format is None or field.type != "string":
        return _EXAMPLES[field.type]
    from migrate.server.engines.datetime_pattern import Pattern, moment_at  # noqa: PLC0415 - few models have dates

    return Pattern(field.format).format(moment_at(0))


def _nested(value: Any, shape: list[int]) -> Any:
    for size in reversed(shape):
        value = [value] * size
    return value


def _reference(name: str) -> dict[str, str]:
    return {"$ref": f"#/components/{name}"}


def _json_object() -> dict[str, Any]:
    return {"application/json": {"schema": {"type": "object"}}}


def _header(name: str, description: str) -> dict[str, Any]:
    return {"name": name, "in": "header", "required": False, "description": description, "schema": _TEXT}


def _bad_input(model: Model) -> dict[str, Any]:
    text = f"Not enough data to evaluate. Required batch size is {model.window}"
    return {"bad-input": {"value": {"status": 400, "message": text}}}


def _inputs(model: Model) -> dict[str, Any]:
    whole = _object(model.inputs, columns=False, window=model.window)
    if not any(field.fields for field in model.inputs):
        return whole
    return {"anyOf": [_object(model.inputs, columns=True, window=model.window), whole]}


def _object(fields: tuple[Field, ...], *, columns: bool, window: int) -> dict[str, Any]:
    properties: dict[str, Any] = {}
    for field in fields:
        if columns and field.fields:
            properties.update({index.name: _column(index.type or field.type, window) for index in field.fields})
        elif field.shape is None:
            properties[field.name] = _column(field.type, window)
        else:
            properties[field.name] = _tensor(field, window)
    return {"type": "object", "properties": properties}


def _column(kind: str, window: int) -> dict[str, Any]:
    leaf = dict(_TYPES[kind])
    vector: dict[str, Any] = {"type": "array", "items": leaf}
    if window > 1:
        return vector | {"minItems": window}
    return {"oneOf": [leaf, vector]}


def _tensor(field: Field, window: int) -> dict[str, Any]:
    schema: dict[str, Any] = dict(_TYPES[field.type])
    shape = field.shape or ()
    for place in range(len(shape) - 1, -1, -1):
        schema = {"type": "array", "items": schema}
        if shape[place] >= 0:
            schema |= {"minItems": shape[place], "maxItems": shape[place]}
        elif place == 0:
            schema["minItems"] = window
    return schema


def to_yaml(value: Any, indent: int = 0) -> str:
    """A JSON value as block YAML; strings are in double quotes, as JSON has them."""
    pad = "  " * indent
    if isinstance(value, dict) and value:
        return "".join(f"{pad}{json.dumps(key)}:{_after(item, indent)}" for key, item in value.items())
    if isinstance(value, list) and value:
        return "".join(f"{pad}-{_after(item, indent)}" for item in value)
    return f"{pad}{json.dumps(value)}\n"


def _after(item: Any, indent: int) -> str:
    if isinstance(item, dict | list) and item:
        return "\n" + to_yaml(item, indent + 1)
    return f" {json.dumps(item)}\n"
