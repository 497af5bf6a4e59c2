"""What the old runtime found in a folder: a processor's manifest, or a model of ONNX."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any, Protocol

from numpy.typing import NDArray

from .dates import DateEncoder
from .models import Model, NotLoadableError
from .processors import Interval, Scaler


class Evaluator(Protocol):
    """What answers at one endpoint."""

    def describe(self) -> dict[str, Any]:
        """The document of ``/describe``."""

    def evaluate(self, body: bytes, step: str | None) -> dict[str, NDArray[Any]]:
        """The tensors that answer a JSON body, before dimensions are dropped."""


PROCESSORS: dict[object, Callable[[dict[str, Any]], Evaluator]] = {
    "standard_scaler": Scaler,
    "pi": Interval,
    "datetime_encoder": DateEncoder,
}


def load(folder: Path) -> Evaluator:
    """The evaluator of a folder.

    Raises:
        NotLoadableError: The old runtime would not have started on it, or needs an engine that is not there.
    """
    for file in sorted(folder.glob("*.json")):
        try:
            document = json.loads(file.read_bytes())
        except ValueError:
            continue
        kind = PROCESSORS.get(document.get("type")) if isinstance(document, dict) else None
        if kind is None:
            continue
        try:
            return kind(document)
        except (KeyError, TypeError, ValueError) as error:
            raise NotLoadableError(f"{file.name} is no valid manifest: {error!r}") from error
    return Model(folder)
