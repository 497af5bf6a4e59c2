"""What the references have in common: from a request's JSON values to tensors, and from tensors to an answer's."""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]
Fields = Sequence[Mapping[str, Any]]
Request = Mapping[str, Any]

JAVA_OF_AN_IMAGE = ("-Duser.language=en", "-Duser.country=", "-Duser.timezone=UTC")
"""Options for Java: a container's locale and time zone, whatever those of this machine are."""

DTYPES: dict[str, np.dtype[Any]] = {
    "float": np.dtype(np.float32),
    "double": np.dtype(np.float64),
    "integer": np.dtype(np.int32),
    "long": np.dtype(np.int64),
    "boolean": np.dtype(np.bool_),
    "string": np.dtype(object),
}


class RefusedError(Exception):
    """The request does not fit the model's inputs."""


@dataclass(frozen=True)
class Loaded:
    """A loaded model.

    Attributes:
        answer: A request's JSON values in, the answer's values by name out: nested lists, numbers as they are.
        known: ``inputs``, and ``words`` for them, where the model tells them only when it is loaded.
    """

    answer: Callable[[Request], dict[str, Any]]
    known: dict[str, object] = field(default_factory=dict)


def window_of(settings: Mapping[str, Any]) -> int:
    """Rows in one rolling window; some models print 0 and mean 1."""
    return max(1, int(settings.get("rolling_windows_size", 1)))


def feed(settings: Mapping[str, Any], request: Request) -> dict[str, Array]:
    """One array for each declared input of a model that takes tensors."""
    window = window_of(settings)
    return {one["name"]: input_array(one, request, window) for one in settings["inputs"]}


def input_array(declared: Mapping[str, Any], request: Request, window: int = 1) -> Array:
    """The tensor of one declared input, taken from a request by its own name or by its columns' names."""
    array = typed(declared["name"], declared["type"], named_or_columns(declared, request))
    if window > 1:
        rows = [array[start : start + window] for start in range(len(array) - window + 1)]
        if not rows:
            raise RefusedError(f"{declared['name']}: fewer rows than one window of {window}")
        array = np.stack(rows)
    return converted(array, declared["type"]).reshape(wanted_shape(array.shape, declared["shape"]))


def typed(name: str, word: str, value: Any) -> Array:
    """A JSON value as an array of its values; all must be of the family of the declared type, or null."""
    array = np.asarray(value, dtype=object)
    kinds = {kind(one) for one in array.ravel() if one is not None}
    if any(isinstance(one, list) for one in array.ravel()) or len(kinds) > 1:
        raise RefusedError(f"{name}: ragged or mixed values")
    if kinds and kinds != {kind_of_type(word)}:
        raise RefusedError(f"{name}: {kinds.pop()} values for a tensor of type {word}")
    return array


def named_or_columns(declared: Mapping[str, Any], request: Request) -> Any:
    """The JSON value of an input; columns become rows of one table, each at its index."""
    if declared["name"] in request:
        return request[declared["name"]]
    columns = list(declared.get("fields") or ())
    if not columns or any(column["name"] not in request for column in columns):
        raise RefusedError(f"no value for {declared['name']}")
    places = [place if column["index"] is None else column["index"] for place, column in enumerate(columns)]
    ordered = [column for _, column in sorted(zip(places, columns, strict=True), key=lambda pair: pair[0])]
    vectors = [request[column["name"]] for column in ordered]
    vectors = [vector if isinstance(vector, list) else [vector] for vector in vectors]
    if len({len(vector) for vector in vectors}) != 1:
        raise RefusedError(f"{declared['name']}: columns of different lengths")
    return [list(row) for row in zip(*vectors, strict=True)]


def table(fields: Fields, request: Request) -> dict[str, list[Any]]:
    """The columns of a request to a model that knows missing values (None); decimals stay as they were sent."""
    columns = {
        one["name"]: [cell(value, one["type"]) for value in typed(one["name"], one["type"], request[one["name"]]).flat]
        for one in fields
        if one["name"] in request
    }
    if len({len(column) for column in columns.values()}) != 1:
        raise RefusedError("the columns are of different lengths, or there are none")
    return columns


def cell(value: Any, word: str) -> Any:
    """A value of a table."""
    if value is None or word in ("string", "boolean"):
        return value
    return float(value) if word in ("float", "double") else narrow(value, 32 if word == "integer" else 64)


def kind(value: object) -> str:
    """The family of a JSON value."""
    if isinstance(value, bool):
        return "boolean"
    return "number" if isinstance(value, int | float) else "string"


def kind_of_type(word: str) -> str:
    """The family of a declared type."""
    return word if word in ("boolean", "string") else "number"


def converted(array: Array, word: str) -> Array:
    """Values in the declared type, narrowed as Java narrows: truncated, saturated, null as zero."""
    if word == "string":
        return array
    flat = [0 if value is None else value for value in array.ravel().tolist()]
    if word in ("integer", "long"):
        bits = 32 if word == "integer" else 64
        flat = [narrow(value, bits) for value in flat]
    with np.errstate(over="ignore"):
        return np.array(flat, dtype=DTYPES[word]).reshape(array.shape)


def narrow(value: float, bits: int) -> int:
    """A number as a signed integer of so many bits, by Java's rules."""
    low, high = -(1 << bits - 1), (1 << bits - 1) - 1
    if isinstance(value, int):
        return (value - low) % (1 << bits) + low
    if math.isnan(value):
        return 0
    return max(low, min(high, int(max(-1e300, min(1e300, value)))))


def wanted_shape(sent: Sequence[int], wanted: Sequence[int]) -> list[int]:
    """The declared shape with its free sizes filled in for what was sent."""
    free = [position for position, size in enumerate(wanted) if size == -1]
    shape = list(wanted)
    if len(free) == 1:
        fixed = math.prod(size for size in wanted if size != -1)
        shape[free[0]] = math.prod(sent) // fixed
    elif free:
        padded = [*sent, *[1] * len(wanted)]
        shape = [padded[position] if size == -1 else size for position, size in enumerate(wanted)]
    if math.prod(shape) != math.prod(sent):
        raise RefusedError(f"shape {list(sent)} does not fit {list(wanted)}")
    return shape


def declared_array(declared: Mapping[str, Any], array: Array) -> Array:
    """An output in the type and shape that a manifest declares."""
    return converted(array, declared["type"]).reshape(wanted_shape(array.shape, declared["shape"]))


def answered(fields: Fields, tensors: Mapping[str, Array]) -> dict[str, Any]:
    """The answer's values: each declared output, or only its named columns where it has some."""
    found: dict[str, Any] = {}
    for one in fields:
        array = tensors[one["name"]]
        if not one.get("fields"):
            found[one["name"]] = array.tolist()
        for column in one.get("fields") or ():
            found[column["name"]] = (array if column["index"] is None else array[:, column["index"]]).tolist()
    return found


def plain(value: Any) -> Any:
    """The same values as JSON has them: what is not finite by its word."""
    if isinstance(value, dict):
        return {name: plain(item) for name, item in value.items()}
    if isinstance(value, list):
        return [plain(item) for item in value]
    if isinstance(value, float) and not math.isfinite(value):
        return {"nan": "NaN", "inf": "Infinity", "-inf": "-Infinity"}[str(value)]
    return value


def scored(value: Any, word: str) -> Any:
    """A result of a PMML engine in its declared type; None where there is none."""
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return None
    if word == "string":
        return str(value)
    if word == "boolean":
        return str(value).lower() in ("true", "1", "1.0")
    return float(value) if word in ("float", "double") else int(float(value))
