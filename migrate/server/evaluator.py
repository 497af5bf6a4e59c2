"""What a model does with the tensors of a request, for the models that do not simply feed them to a graph.

Models of ONNX, TensorFlow and Torch take declared tensors and are run by :class:`migrate.server.served.Served` itself.
Scalers, prediction intervals, tokenizers and flows have rules of their own: they are evaluators. Inside a flow every
step is one.
"""

from collections.abc import Mapping
from typing import Final, Protocol, runtime_checkable

import numpy as np
from msgspec import Struct

from migrate.server.inputs import feeds_of
from migrate.server.model import Model
from migrate.server.model_engine import ModelEngine
from migrate.server.outputs import AnswerPlan
from migrate.server.tensors import TYPELESS, Array, Tensor, type_of

Stop = tuple[str, int]
INPUT: Final = "input"
OUTPUT: Final = "output"


class Evaluated(Struct, frozen=True):
    """What an evaluation gave.

    Attributes:
        tensors: The answer, or what was there at the place where it stopped, by name. Nulls are masked.
        rows: What is added to the count of evaluations.
        stopped: Whether it ended at the place that was asked for.
    """

    tensors: Mapping[str, Array]
    rows: int
    stopped: bool = False


@runtime_checkable
class Evaluator(Protocol):
    """Takes the tensors of a request as they came."""

    def evaluate(self, tensors: Mapping[str, Tensor], stop: Stop | None, *, strict_nulls: bool) -> Evaluated:
        """Evaluate a request, until ``("input", k)`` or ``("output", k)`` where that is a place of this model.

        Raises:
            migrate.server.errors.HttpError: 400, when the request does not fit.
        """


class TensorEvaluator:
    """A model that takes declared tensors, as a step of a flow."""

    def __init__(self, model: Model, engine: ModelEngine) -> None:
        self._model = model
        self._engine = engine
        self._plan = AnswerPlan(model)

    def evaluate(self, tensors: Mapping[str, Tensor], stop: Stop | None, *, strict_nulls: bool) -> Evaluated:
        """Feed the declared inputs, and answer the declared outputs or their columns."""
        feeds = feeds_of(self._model, tensors, strict_nulls=strict_nulls)
        if stop == (INPUT, 0):
            return Evaluated(feeds, 0, stopped=True)
        outputs = self._engine.run(feeds)
        rows = row_count(outputs)
        if stop == (OUTPUT, 0):
            return Evaluated(outputs, rows, stopped=True)
        return Evaluated(self._plan.answer(outputs), rows)


def evaluator_of(model: Model, engine: ModelEngine) -> Evaluator:
    """The engine itself where it is an evaluator."""
    return engine if isinstance(engine, Evaluator) else TensorEvaluator(model, engine)


def row_count(tensors: Mapping[str, Array]) -> int:
    """The first dimension of the first tensor; 1 for a scalar."""
    first = next(iter(tensors.values()), None)
    if first is None:
        return 0
    return int(first.shape[0]) if first.ndim else 1


def array_of(tensor: Tensor) -> Array:
    """The values of a tensor, its nulls masked."""
    if tensor.type == TYPELESS:
        return np.ma.MaskedArray(tensor.data, mask=True)
    return tensor.data if tensor.nulls is None else np.ma.MaskedArray(tensor.data, tensor.nulls)


def tensor_of(array: Array) -> Tensor:
    """The tensor of values, masked ones being nulls."""
    if not isinstance(array, np.ma.MaskedArray):
        return Tensor(type_of(array), array)
    nulls = np.ma.getmaskarray(array)
    return Tensor(type_of(array), np.asarray(array.data), nulls if nulls.any() else None)
