"""Sample requests made from a model's signature: the same for the same seed, and legal for the types declared."""

import math
from collections.abc import Callable, Sequence
from random import Random
from typing import Any, Final

import msgspec
from msgspec import Struct

from migrate.core.model_json import Field, Index, ModelJson
from migrate.core.values import Sample
from migrate.parity.oracles.java_dates import SECOND, DateError, written

SEED: Final = 20221201
"""Of a run's sample requests: fixed, so that a second run asks the same questions."""

_MAXIMUM_VALUES: Final = 200_000  # numbers in one request: some megabytes of JSON
_WORDS: Final = ("a", "b", "c", "yes", "no", "1", "2", "other")
_EDGE_WORDS: Final = ("", "é", "a longer text, with a comma", "0")
_SENTENCES: Final = (
    "The order did not arrive.",
    "please send the invoice of last month",
    "It works very well, thank you!",
    "where is the server",
    "The server works again since yesterday.",
)
_OF_TEXTS: Final = frozenset({"tokenizers", "transformers", "fastai"})
_WITH_MISSING: Final = frozenset({"pmml", "scaler", "pi", "fastai"})
_NUMBERS: Final = frozenset({"integer", "long", "float", "double"})
_ANY: Final = frozenset({*_NUMBERS, "string", "boolean"})
_IMAGE_SIDE: Final = 32  # pixels, where the model leaves height and width free
# Dates lie between 2000 and 2024.
_FIRST: Final = 946_684_800  # 2000-01-01, in seconds since 1970
_MINUTES: Final = 25 * 365 * 24 * 60
_SECONDS: Final = {
    "TS_Y": 31_556_952, "TS_MO": 2_629_746, "TS_D": 86_400, "TS_H": 3600, "TS_MI": 60, "TS_S": 1,
}  # fmt: skip
_PARTS: Final = {"TS_MS": 1000, "TS_US": 1_000_000, "TS_NS": SECOND}


class _Kind(Struct, frozen=True):
    """A kind of request.

    Rows in the batch, size of other free dimensions, by columns or tensors, edge values, and types that have nulls.
    """

    name: str
    rows: int
    free: int
    columns: bool = False
    edges: bool = False
    nulls: frozenset[str] = frozenset()


_KINDS: Final = (
    _Kind("single", 1, 8),
    _Kind("batch", 3, 4),
    _Kind("columns", 2, 1, columns=True),
    _Kind("edges", 4, 1, edges=True),
    _Kind("larger-batch", 16, 16),
)


def generate(settings: ModelJson, *, seed: int, count: int = 5) -> tuple[Sample, ...]:
    """Requests to ``/eval`` for a model.

    A single row, batches, values at the edges of what is usual, and, for inputs with named columns, requests by
    column. Values that no type forbids may still be refused by a model (an index out of its range): whoever records
    the answers leaves such samples out.

    Args:
        settings: The model's settings.
        seed: Equal seeds give equal requests.
        count: How many; fewer where a single request is already very large.
    """
    # what a flow needs and ``/describe`` leaves out, because a step gives it under the same name, comes last
    inputs = (*settings.inputs, *(settings.flow.hidden if settings.flow is not None else ()))
    window = settings.window
    words = _known_words(settings)
    smallest = sum(math.prod(_sizes(field, 1, 1)) for field in inputs)
    count = min(count, max(1, 5 * _MAXIMUM_VALUES // max(1, smallest)))
    samples = []
    for number in range(count):
        kind = _KINDS[number % len(_KINDS)]
        if kind.columns and not any(_by_columns(field, window) for field in inputs):
            kind = _Kind("batch", 2, 2)
        random = Random(f"{seed}/{number}")  # noqa: S311 - samples, not secrets
        rows = max(1, min(kind.rows, _MAXIMUM_VALUES // max(1, smallest)))
        kind = msgspec.structs.replace(kind, rows=rows, nulls=_nulls(settings) if kind.edges else frozenset())
        request: dict[str, object] = {}
        for field in inputs:
            request |= _request_part(field, kind, window, random, words.get(field.name, ()))
        samples.append(Sample(name=f"{number + 1}-{kind.name}", request=request))
    return tuple(samples)


def _known_words(settings: ModelJson) -> dict[str, Sequence[str]]:
    """Texts that a model knows, by the name of the input: its engine's own, or those of the steps of a flow."""
    of_texts = settings.engine in _OF_TEXTS
    found: dict[str, Sequence[str]] = {field.name: _SENTENCES for field in settings.inputs if of_texts}
    for step in settings.flow.steps if settings.flow is not None else ():
        found |= _known_words(step)
    for own in (settings.onnx, settings.transformers, settings.fastai):
        found |= own.words if own is not None else {}
    return found


def _nulls(settings: ModelJson) -> frozenset[str]:
    """The types whose values may be missing for a model; numbers only where the training said what that means."""
    if settings.engine not in _WITH_MISSING:
        return frozenset()
    return frozenset({"string"} if settings.engine == "fastai" else _ANY)


def _request_part(field: Field, kind: _Kind, window: int, random: Random, words: Sequence[str]) -> dict[str, object]:
    """What the request says of one input: its tensor, or one vector for each of its columns."""
    rows = kind.rows + window - 1
    if _by_columns(field, window) and (kind.columns or window > 1):
        columns = {}
        for column in field.fields:
            value = _source(_of_column(column, field), kind, random, words)
            columns[column.name] = value() if rows == 1 else [value() for _ in range(rows)]
        return columns
    sizes = _sizes(field, kind.rows, kind.free)
    if window > 1 and sizes:
        # each row of a window travels once: [rows, width] becomes [rows - window + 1, window, width]
        sizes = [rows, *sizes[1:]]
        if len(sizes) > 1 and math.prod(sizes[1:]) % window == 0:
            sizes = [rows, math.prod(sizes[1:]) // window]
    tensor = _nested(sizes, _source(field, kind, random, words))
    if field.type in kind.nulls and isinstance(tensor, list) and len(tensor) > 1:
        tensor[int(random.random() * len(tensor))] = None
    return {field.name: tensor}


def _of_column(column: Index, field: Field) -> Field:
    """A column as a field of its own."""
    return Field(column.name, column.type or field.type, values=column.values, plain_domain=column.domain)


def _by_columns(field: Field, window: int) -> bool:
    """Whether an input's columns make up the whole tensor, each at an index of its own."""
    columns, shape = field.fields, field.shape or ()
    indexes = sorted(column.index for column in columns if column.index is not None)
    whole = indexes == list(range(len(columns))) and bool(columns)
    return whole and len(shape) == 2 and shape[1] in (-1, len(columns) * window)


def _sizes(field: Field, rows: int, free: int) -> list[int]:
    """The shape of one request's tensor."""
    layout = field.image_transformer.image_shape if field.image_transformer is not None else ()
    sizes = []
    for position, size in enumerate((-1,) if field.shape is None else field.shape):
        if size != -1:
            sizes.append(size)
        elif layout and layout[position] in ("HEIGHT", "WIDTH"):
            sizes.append(_IMAGE_SIDE)
        else:
            sizes.append(rows if position == 0 else free)
    return sizes


def _nested(sizes: Sequence[int], value: Callable[[], object]) -> object:
    if not sizes:
        return value()
    return [_nested(sizes[1:], value) for _ in range(sizes[0])]


def _source(field: Field, kind: _Kind, random: Random, words: Sequence[str]) -> Callable[[], object]:
    """A supply of legal values of a field or column."""
    word = field.type
    if word == "string":
        return _texts(field, kind, random, words)
    if word == "boolean":
        return lambda: random.random() < 0.5
    if field.values:
        return lambda: _category(_choice(random, field.values), word)
    if field.image_transformer is not None:
        pixel = (lambda: _choice(random, (0, 255))) if kind.edges else (lambda: int(random.random() * 256))
        return pixel if word in ("integer", "long") else (lambda: float(pixel()))
    if pattern := field.format:
        return lambda: date_number(pattern, random) or 0
    return _numbers(field, kind, random)


def _numbers(field: Field, kind: _Kind, random: Random) -> Callable[[], float]:
    """A supply of numbers of a field's domain."""
    low, high = _bounds(field, (0.0, 1.0) if kind.rows == 1 else (-2.0, 8.0))
    if field.type in ("integer", "long"):
        if kind.edges:
            return lambda: _choice(random, (0, 1, 2))
        return lambda: max(0, math.floor(low + random.random() * (high - low) + 0.5))
    if kind.edges and not field.domain and not field.plain_domain:
        return lambda: _choice(random, (0.0, 1.0, -1.0, 0.1, 1e-6, 1000.0))
    return lambda: round(low + random.random() * (high - low), 4)


def _texts(field: Field, kind: _Kind, random: Random, words: Sequence[str]) -> Callable[[], str]:
    """A supply of texts that are legal, or known to the model."""
    if pattern := field.format:
        return lambda: date_text(pattern, random) or _choice(random, _WORDS)
    known = field.values or words
    return lambda: _choice(random, known or (_EDGE_WORDS if kind.edges else _WORDS))


def _category(text: str, word: str) -> int | float:
    """A category of a numeric field, which is declared as a text."""
    try:
        value = float(text)
    except ValueError:
        return 0
    return int(value) if word in ("integer", "long") and math.isfinite(value) else value


def _choice(random: Random, values: Sequence[Any]) -> Any:
    return values[int(random.random() * len(values))]


def _bounds(field: Field, usual: tuple[float, float]) -> tuple[float, float]:
    domain = field.domain or field.plain_domain or ()
    for part in domain:
        low, high = part.lower, part.upper
        if low is not None and high is not None and math.isfinite(high - low) and low <= high:
            return low, high
    for part in domain:
        if part.lower is not None:
            return part.lower, part.lower + 8.0
        if part.upper is not None:
            return part.upper - 8.0, part.upper
    return usual


def date_text(pattern: str, random: Random) -> str | None:
    """A date and time in a pattern; None where the pattern has a letter not known here."""
    try:
        return written(pattern, _seconds(random) * SECOND)
    except DateError:
        return None


def date_number(word: str, random: Random) -> int | None:
    """A date and time as a count since 1970, in the unit of a date-time encoder's format; None for another format."""
    seconds = _seconds(random)
    if word in _PARTS:
        return seconds * _PARTS[word]
    return seconds // _SECONDS[word] if word in _SECONDS else None


def _seconds(random: Random) -> int:
    return _FIRST + 60 * int(random.random() * _MINUTES)
