"""What computes: one module for each engine, each importing exactly one inference library."""

from importlib import import_module
from typing import TYPE_CHECKING, Final

from migrate.server.model import Model
from migrate.server.model_engine import ContradictionError, ModelEngine

if TYPE_CHECKING:
    from collections.abc import Callable

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


def load(model: Model, *, threads: int) -> ModelEngine:
    """The engine that ``model.engine`` names, with the model loaded.

    Raises:
        ContradictionError: When no engine of that name travels in this image, or the file cannot be loaded.
    """
    try:
        module, name = _MODULES[model.engine]
        make: Callable[..., ModelEngine] = getattr(import_module(f"{__name__}.{module}"), name)
    except (KeyError, ModuleNotFoundError) as error:
        reason = f": {error}" if isinstance(error, ModuleNotFoundError) else ""
        raise ContradictionError(f"this image has no engine named {model.engine!r}{reason}") from error
    return make(model, threads=threads)
