"""What serves a loaded model: the protocol of the engines, and what they raise."""

from collections.abc import Mapping
from typing import Protocol

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
