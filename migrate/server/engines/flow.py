"""Flow: models one after another, whose tensors accumulate by name (contract: Old processors)."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec
import numpy as np

from migrate.server.engines import load
from migrate.server.errors import HttpError, bad_request
from migrate.server.evaluator import Evaluated, Evaluator, Stop, array_of, evaluator_of, row_count, tensor_of
from migrate.server.inputs import zeros
from migrate.server.model import Field, Model, ModelJson
from migrate.server.model_engine import ContradictionError
from migrate.server.model_files import ModelFileError, model_of
from migrate.server.tensors import DTYPES, TYPELESS, Array, Tensor


class FlowEngine:
    """The steps, loaded, each with its own engine."""

    def __init__(self, model: Model, *, threads: int) -> None:
        self._model = model
        self._kept = [name for field in model.outputs for name in (field.name, *(index.name for index in field.fields))]
        self._steps: list[Evaluator] = []
        produced: dict[str, Field] = {}
        for number, content in enumerate(_steps(model)):
            step = _step_model(model, number, content)
            try:
                engine = load(step, threads=threads)
                step = engine.complete(step)
            except ContradictionError as error:
                raise ContradictionError(f"step {number}: {error}") from error
            _warm_up(step, engine)
            self._steps.append(evaluator_of(step, engine))
            produced |= {field.name: field for field in step.outputs}
        self.row_by_row = any(getattr(step, "row_by_row", False) for step in self._steps)
        self.may_not_end = any(getattr(step, "may_not_end", False) for step in self._steps)
        missing = [field.name for field in model.outputs if field.name not in produced]
        if missing:
            raise ContradictionError(f"no step has the outputs {missing}; they have {sorted(produced)}")

    @property
    def inputs(self) -> Mapping[str, str]:
        """Numpy's word for the dtype of each input, as declared."""
        return {field.name: str(np.dtype(DTYPES[field.type])) for field in self._model.inputs}

    @property
    def outputs(self) -> Mapping[str, str]:
        """Numpy's word for the dtype of each output, as declared."""
        return {field.name: str(np.dtype(DTYPES[field.type])) for field in self._model.outputs}

    def run(self, feeds: Mapping[str, Array]) -> dict[str, Array]:
        """Every output; one that declares indexes as the tensor that they are the columns of."""
        tensors = {name: tensor_of(data) for name, data in feeds.items()}
        found = self.evaluate(tensors, None, strict_nulls=False).tensors
        return {field.name: _whole(field, found) for field in self._model.outputs}

    def complete(self, model: Model) -> Model:
        """The description as it is."""
        return model

    def evaluate(self, tensors: Mapping[str, Tensor], stop: Stop | None, *, strict_nulls: bool) -> Evaluated:
        """Run the steps; what one answers is there for the next ones, and what is not an output is dropped at the end.

        Raises:
            migrate.server.errors.HttpError: 400, when there is less than one rolling window, or a step refuses.
        """
        window = self._model.window
        if max((_first_dim(tensor) for tensor in tensors.values()), default=0) < window:
            raise bad_request(f"Not enough data to evaluate. Required batch size is {window}")
        accumulated = {name: tensor for name, tensor in tensors.items() if tensor.type != TYPELESS}
        rows = 0
        for number, step in enumerate(self._steps):
            inside = (stop[0], 0) if stop is not None and stop[1] == number else None
            found = step.evaluate(accumulated, inside, strict_nulls=strict_nulls)
            rows += found.rows
            accumulated |= {name: tensor_of(data) for name, data in found.tensors.items()}
            if found.stopped:
                return Evaluated({name: array_of(tensor) for name, tensor in accumulated.items()}, rows, stopped=True)
        answer = {name: array_of(accumulated[name]) for name in self._kept if name in accumulated}
        return Evaluated(answer, rows + row_count(answer))


def _steps(model: Model) -> tuple[ModelJson, ...]:
    if model.flow is None or not model.flow.steps:
        raise ContradictionError("model.json names no steps of the flow")
    return model.flow.steps


def _step_model(model: Model, number: int, content: ModelJson) -> Model:
    """The model of a step: its files are the flow's."""
    if content.engine == "flow":
        raise ContradictionError(f"step {number} of the flow is no model")
    named = msgspec.structs.replace(content, id=f"{model.id}#{number}", files=model.files)
    try:
        return model_of(named, Path(model.folder), f"model.json, step {number}")
    except ModelFileError as error:
        raise ContradictionError(str(error)) from error


def _warm_up(model: Model, engine: Any) -> None:
    """Run a step on zeros, so that the first request finds it ready; zeros are no input for every model."""
    try:
        engine.run({field.name: zeros(field) for field in model.inputs})
    except HttpError:
        return


def _first_dim(tensor: Tensor) -> int:
    return int(tensor.data.shape[0]) if tensor.data.ndim else 1


def _whole(field: Field, found: Mapping[str, Array]) -> Array:
    if field.name in found:
        return found[field.name]
    return np.stack([found[index.name].reshape(-1) for index in field.fields], axis=-1)
