"""What serves a loaded model: the protocol of the engines, and what they raise."""

from collections.abc import Mapping
from typing import Any, NoReturn, Protocol

from migrate.server.model import Model
from migrate.server.tensors import Array


class ContradictionError(Exception):
    """The engine says something else of the model than ``model.json`` does; the server must not become ready."""


class ModelEngine(Protocol):
    """A loaded model."""

    @property
    def inputs(self) -> Mapping[str, str]:
        """The dtype of each input as the engine itself computes it, in numpy's words (``object`` for strings)."""

    @property
    def outputs(self) -> Mapping[str, str]:
        """The dtype of each output, in numpy's words."""

    def run(self, feeds: Mapping[str, Array]) -> dict[str, Array]:
        """Compute every output.

        Raises:
            migrate.server.errors.HttpError: When the engine refuses the tensors.
        """

    def complete(self, model: Model) -> Model:
        """The description with what only a run can tell filled in.

        Raises:
            ContradictionError: When the description does not fit the loaded model.
        """


class UnloadedError(Exception):
    """The model is not in memory: whoever computes waits for it before."""


class UnloadedEngine:
    """What stands for the engine of a model that is not in memory: its words for types, which stay."""

    def __init__(self, engine: ModelEngine) -> None:
        self.inputs: Mapping[str, str] = dict(engine.inputs)
        self.outputs: Mapping[str, str] = dict(engine.outputs)

    def run(self, feeds: Mapping[str, Array]) -> NoReturn:
        """Refuse.

        Raises:
            UnloadedError: Always.
        """
        del feeds
        raise UnloadedError

    def evaluate(self, tensors: Mapping[str, Any], stop: Any, *, strict_nulls: bool) -> NoReturn:
        """Refuse, as :meth:`run`."""
        del tensors, stop, strict_nulls
        raise UnloadedError

    def complete(self, model: Model) -> Model:
        """The description as it is."""
        return model
