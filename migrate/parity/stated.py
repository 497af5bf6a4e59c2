"""What a model's file itself states: requests with results, which the engine that is to serve it has to give."""

import math
from collections.abc import Callable, Mapping
from typing import Any, Final

from msgspec import Struct

from migrate.core.errors import NeedsYouError
from migrate.core.text import printable
from migrate.core.values import Sample
from migrate.parity.tensors import read_tensor

_LEAST: Final = 1e-9  # of any engine's doubles (decisions: Tolerances)


class Expected(Struct, frozen=True):
    """A request with results that the model's file itself states: values by output, None where there is none."""

    request: dict[str, object]
    results: Mapping[str, str | None]


class Rows(Struct, frozen=True):
    """The requests with their results, and by output how far a number may be off: relative, and around zero."""

    expected: tuple[Expected, ...] = ()
    precisions: Mapping[str, tuple[float, float]] = {}


NO_ROWS: Final = Rows()
"""What a file states that states nothing."""


def verified(rows: Rows, ask: Callable[[Mapping[str, object]], Mapping[str, Any]]) -> list[Sample]:
    """The rows as samples, with the engine's answers, which are the file's within its precision.

    Args:
        rows: What the file states.
        ask: The reference program, with the model loaded.

    Raises:
        NeedsYouError: They are not (``verification-differs``).
    """
    samples: list[Sample] = []
    for number, row in enumerate(rows.expected, 1):
        answer = ask({"request": row.request})
        outputs = answer.get("outputs")
        if not isinstance(outputs, dict):
            said = printable(str(answer.get("error", "")), 300)
            raise _contradicted(f"row {number} in the model's file is refused by the engine ({said})")
        for name, text in row.results.items():
            tensor = read_tensor(outputs.get(name))
            value = tensor.values[0] if tensor is not None and tensor.values else None
            if not agrees(text, value, *rows.precisions[name]):
                wanted, found = printable(str(text), 80), printable(str(value), 80)
                raise _contradicted(
                    f"row {number} in the model's file has {wanted} for {printable(name, 80)}, "
                    f"and the engine gives {found}"
                )
        samples.append(Sample(name=f"file-row-{number}", request=row.request, answer=outputs, status=200))
    return samples


def agrees(text: str | None, value: object, relative: float, zero: float) -> bool:
    """Whether an engine's result is the one that a file states; numbers may differ as the file says, and by 1e-9."""
    is_missing = value is None or (isinstance(value, float) and math.isnan(value)) or value == "NaN"
    if text is None or is_missing:
        return text in (None, "NaN") and is_missing
    if isinstance(value, bool):
        return text.lower() == str(value).lower() or text in {str(int(value)), f"{int(value)}.0"}
    try:
        wanted, found = float(text), float(str(value))
    except ValueError:
        return text == value
    if math.isinf(wanted) or math.isinf(found):
        return wanted == found
    if abs(wanted) <= zero:
        return abs(found) <= max(zero, _LEAST)
    return abs(wanted - found) <= max(relative, _LEAST) * abs(wanted)


def _contradicted(what: str) -> NeedsYouError:
    return NeedsYouError(
        f"The engine contradicts the model's file: {what}.",
        code="verification-differs",
        next_step="Export the model again, or give answers of your own with --samples.",
    )
