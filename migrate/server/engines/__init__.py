"""What computes: one module for each engine, each importing exactly one inference library."""

from collections.abc import Callable, Mapping
from importlib import import_module
from typing import Final, Protocol

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


# One image holds one engine's library, or those of a flow's steps: a module is imported when a model names it.
_MODULES: Final = {
    "onnx": ("onnx", "OnnxEngine"),
    "tensorflow": ("tensorflow", "TensorflowEngine"),
    "keras": ("keras", "KerasEngine"),
    "tokenizers": ("tokenizers", "TokenizersEngine"),
    "scaler": ("processors", "ScalerEngine"),
    "pi": ("processors", "IntervalEngine"),
    "datetime_encoder": ("datetime_encoder", "DatetimeEngine"),
    "flow": ("flow", "FlowEngine"),
    "torchscript": ("torch_script", "TorchScriptEngine"),
    "torch_pickle": ("torch_pickle", "TorchPickleEngine"),
    "pmml": ("pmml", "PmmlEngine"),
    "jpmml": ("jpmml", "JpmmlEngine"),
    "transformers": ("transformers", "TransformersEngine"),
    "fastai": ("fastai", "FastaiEngine"),
}


def load(model: Model, *, threads: int) -> Engine:
    """The engine that ``model.engine`` names, with the model loaded.

    Raises:
        ContradictionError: When no engine of that name travels in this image, or the file cannot be loaded.
    """
    try:
        module, name = _MODULES[model.engine]
        make: Callable[..., Engine] = getattr(import_module(f"{__name__}.{module}"), name)
    except (KeyError, ModuleNotFoundError) as error:
        reason = f": {error}" if isinstance(error, ModuleNotFoundError) else ""
        raise ContradictionError(f"this image has no engine named {model.engine!r}{reason}") from error
    return make(model, threads=threads)
