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

# Their libraries change settings of the whole process while they load (Keras its precision, transformers what
# findings/transformers-loads-one-at-a-time.sh shows), or run what a pickle says, which may do the same. A row of PMML
# that does not end is told by its time, which others in the same Java would share.
_ALONE: Final = frozenset({"keras", "transformers", "fastai", "torch_pickle", "pmml", "jpmml"})
_OWN_THREADS: Final = frozenset({"onnx"})  # each of their models has threads of its own; others share the process's
_MOST_THREADS: Final = 64  # of such engines together


def loads_alone(model: Model) -> bool:
    """Whether no other model may be loaded at the same time."""
    steps = model.flow.steps if model.flow is not None else ()
    return not _ALONE.isdisjoint({model.engine, *(step.engine for step in steps)})


def threads_of(model: Model, cpus: int, models: int) -> int:
    """The threads for one call of a model in a process of so many: fewer where each model has its own.

    Answers do not depend on it: a model whose answers would has one thread anyway.
    """
    return max(1, min(cpus, _MOST_THREADS // models)) if model.engine in _OWN_THREADS else cpus


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
