"""Keras HDF5: one input and one output, named as the old runtime's converter named them (contract: Old TensorFlow)."""

import warnings
from collections.abc import Mapping
from typing import Any, Final

from migrate.server.engines.tf_runtime import check_type, dtype_of, failed, from_tensorflow, tf, to_tensorflow
from migrate.server.model import Model
from migrate.server.model_engine import ContradictionError
from migrate.server.tensors import Array

_INPUT: Final = "inputs"
_OUTPUT: Final = "prediction"


class KerasEngine:
    """A Keras 2 model as one function, safe to run from several threads at once."""

    def __init__(self, model: Model, *, threads: int) -> None:
        # Its own use of old interfaces is no news to the people who read this log.
        warnings.filterwarnings("ignore", module=r"(tf_keras|keras|tensorflow)\b")
        import tf_keras  # noqa: PLC0415 - reads the settings that tf_runtime made

        _limit_threads(threads)
        try:
            loaded: Any = tf_keras.models.load_model(str(model.entry_path), compile=False)
        except Exception as error:
            raise ContradictionError(f"tf_keras cannot load {model.entry}: {error}") from error
        if len(loaded.inputs) != 1 or len(loaded.outputs) != 1:
            raise ContradictionError(
                f"it has {len(loaded.inputs)} inputs and {len(loaded.outputs)} outputs, and one of each is served"
            )
        names = [field.name for field in (*model.inputs, *model.outputs)]
        if names != [_INPUT, _OUTPUT]:
            raise ContradictionError(f"model.json declares {names}, a Keras model has [{_INPUT!r}, {_OUTPUT!r}]")
        source, target = loaded.inputs[0], loaded.outputs[0]
        self._dtypes = (dtype_of(_INPUT, source.dtype), dtype_of(_OUTPUT, target.dtype))
        for field, dtype in zip((*model.inputs, *model.outputs), self._dtypes, strict=True):
            check_type(field, dtype)
        function = tf.function(lambda data: loaded(data, training=False))
        self._loaded = loaded  # the function does not keep the variables alive
        self._function = function.get_concrete_function(tf.TensorSpec(source.shape, source.dtype))

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
        except (tf.errors.OpError, ValueError, TypeError) as error:
            raise failed(error) from error

    def complete(self, model: Model) -> Model:
        """The description as it is."""
        return model


def _limit_threads(threads: int) -> None:
    """Use this many CPUs; these settings are of the process, and the first model's are kept."""
    try:
        tf.config.threading.set_intra_op_parallelism_threads(threads)
        tf.config.threading.set_inter_op_parallelism_threads(1)
    except RuntimeError:
        return
