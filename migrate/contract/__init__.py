"""OVHcloud's API as data: paths, parameters, models and enums (``api.json``, made by scripts/extract_contract.py)."""

from functools import cache
from importlib import resources

import msgspec
from msgspec import Struct


class Parameter(Struct, frozen=True, rename={"place": "in"}):
    """A parameter of an operation: ``place`` is path, query or body; a body given as one model has no name."""

    place: str
    name: str | None
    type: str
    required: bool


class Operation(Struct, frozen=True, rename="camel"):
    """One method of one path."""

    params: tuple[Parameter, ...]
    response: str
    no_authentication: bool
    iam_actions: tuple[str, ...]
    status: str


class Field(Struct, frozen=True, rename="camel"):
    """A field of a model; ``required`` speaks of input only."""

    type: str
    nullable: bool = False
    read_only: bool = False
    required: bool = False


class Model(Struct, frozen=True):
    """A model of the API: an enum's values, or an object's fields."""

    enum: tuple[str, ...] | None = None
    fields: dict[str, Field] = {}


class Contract(Struct, frozen=True):
    """Operations by path template and method, and models by name."""

    paths: dict[str, dict[str, Operation]]
    models: dict[str, Model]


@cache
def contract() -> Contract:
    """The whole contract, read once."""
    return msgspec.json.decode(resources.files(__name__).joinpath("api.json").read_bytes(), type=Contract)
