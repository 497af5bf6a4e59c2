"""What computes: one module for each engine, each importing exactly one inference library."""

from collections.abc import Mapping
from typing import Protocol

from migrate.server.model import Model
from migrate.server.tensors import Array


class ContradictionError(Exception):
    """The engine says something else of the model than ``model.json`` does; the server must not become ready."""


class Engine(Protocol):
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


def load(model: Model, *, threads: int) -> Engine:
    """The engine that ``model.engine`` names, with the model loaded.

    Raises:
        ContradictionError: When no engine of that name travels in this image, or the file cannot be loaded.
    """
    if model.engine == "onnx":
        from migrate.server.engines.onnx import OnnxEngine  # noqa: PLC0415 - one image holds one engine's library

        return OnnxEngine(model, threads=threads)
    raise ContradictionError(f"this image has no engine named {model.engine!r}")
