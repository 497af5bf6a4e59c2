"""Keras HDF5: one input and one output, named as the old runtime's converter named them (contract: Old TensorFlow)."""

from collections.abc import Mapping
from typing import Any, Final

import numpy as np

from migrate.server.engines.deferred import complete
from migrate.server.engines.keras_file import loaded
from migrate.server.engines.tf_runtime import REFUSALS, check_type, dtype_of, failed, from_tensorflow, to_tensorflow
from migrate.server.model import Model, with_output
from migrate.server.model_engine import ContradictionError
from migrate.server.tensors import Array, type_of

complete("tensorflow")
import tensorflow  # noqa: ICN001 - of the deferred package, which Keras takes whole

# The package does not declare what it exports.
tf: Any = tensorflow
_INPUT: Final = "inputs"
_OUTPUT: Final = "prediction"


class KerasEngine:
    """A Keras 2 model as one function, safe to run from several threads at once."""

    def __init__(self, model: Model, *, threads: int) -> None:
        _limit_threads(threads)
        with loaded(model.entry_path) as made:
            if len(made.inputs) != 1 or len(made.outputs) != 1:
                raise ContradictionError(
                    f"it has {len(made.inputs)} inputs and {len(made.outputs)} outputs, and one of each is served"
                )
            names = [field.name for field in (*model.inputs, *model.outputs)]
            if names != [_INPUT, _OUTPUT]:
                raise ContradictionError(f"model.json declares {names}, a Keras model has [{_INPUT!r}, {_OUTPUT!r}]")
            source, target = made.inputs[0], made.outputs[0]
            self._dtypes = (dtype_of(_INPUT, source.dtype), dtype_of(_OUTPUT, target.dtype))
            check_type(model.inputs[0], self._dtypes[0])
            function = tf.function(lambda data: made(data, training=False))
            self._loaded = made  # the function does not keep the variables alive
            self._function = function.get_concrete_function(tf.TensorSpec(source.shape, source.dtype))
        self._shape = None if target.shape.rank is None else [-1 if size is None else size for size in target.shape]

    @property
    def inputs(self) -> Mapping[str, str]:
        """Numpy's word for the dtype of the input."""
        return {_INPUT: self._dtypes[0]}

    @property
    def outputs(self) -> Mapping[str, str]:
        """Numpy's word for the dtype of the output."""
        return {_OUTPUT: self._dtypes[1]}

    def run(self, feeds: Mapping[str, Array]) -> dict[str, Array]:
        """Compute the prediction.

        Raises:
            migrate.server.errors.HttpError: 500, as the old runtime had it, when TensorFlow refuses.
        """
        try:
            result = self._function(tf.constant(to_tensorflow(feeds[_INPUT], self._dtypes[0])))
            return {_OUTPUT: from_tensorflow(result.numpy())}
        except REFUSALS as error:
            raise failed(error) from error

    def complete(self, model: Model) -> Model:
        """Type and shape of the prediction, which a configuration does not always tell."""
        word = type_of(np.empty(0, self._dtypes[1]))
        return with_output(model, _OUTPUT, word, self._shape)


def _limit_threads(threads: int) -> None:
    """Use this many CPUs; these settings are of the process, and the first model's are kept."""
    try:
        tf.config.threading.set_intra_op_parallelism_threads(threads)
        tf.config.threading.set_inter_op_parallelism_threads(1)
    except RuntimeError:
        return
