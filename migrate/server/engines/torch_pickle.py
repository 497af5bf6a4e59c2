"""Pickled PyTorch modules (``torch.save(model)``): called by position in evaluation mode.

Unpickling runs what the file says. It happens here, in the image, and nowhere else.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Final

import msgspec
import torch

from migrate.server.engines.torch_calls import check_fields, dtypes_of, failed, prepare, to_numpy, to_torch
from migrate.server.engines.zeros import zeros
from migrate.server.errors import HttpError
from migrate.server.model import Field, Model
from migrate.server.model_engine import ContradictionError
from migrate.server.tensors import Array, Shape, type_of

# Attributes that modules of PyTorch 1.6 were pickled without, and that their classes read today: name, value.
_LATER: Final[dict[str, tuple[tuple[str, object], ...]]] = {
    "GELU": (("approximate", "none"),),
    "Upsample": (("recompute_scale_factor", None),),
    "MultiheadAttention": (("batch_first", False),),
    "TransformerEncoderLayer": (("norm_first", False),),
    "TransformerDecoderLayer": (("norm_first", False),),
}


class TorchPickleEngine:
    """A module on the CPU, safe to run from several threads at once."""

    def __init__(self, model: Model, *, threads: int) -> None:
        prepare(threads)
        check_fields((*model.inputs, *model.outputs))
        self._module = _load(model)
        self._inputs = model.inputs
        self._outputs = model.outputs

    @property
    def inputs(self) -> Mapping[str, str]:
        """Numpy's word for the dtype of each input, as declared."""
        return dtypes_of(self._inputs)

    @property
    def outputs(self) -> Mapping[str, str]:
        """Numpy's word for the dtype of each output, as declared."""
        return dtypes_of(self._outputs)

    def run(self, feeds: Mapping[str, Array]) -> dict[str, Array]:
        """Compute every output: by name where the module answers with a dict that has it, by place otherwise."""
        values = self._call(feeds)
        if isinstance(values, Mapping):
            values = _by_name(values, self._outputs)
        if len(values) < len(self._outputs):
            raise failed(f"the model answers with {len(values)} tensors where {len(self._outputs)} are declared")
        return {field.name: _array(field.name, value) for field, value in zip(self._outputs, values, strict=False)}

    def complete(self, model: Model) -> Model:
        """Outputs that no manifest declares, from one call on zeros with every unknown dimension 1."""
        if model.manifest:
            return model
        try:
            values = self._call({field.name: zeros(field) for field in model.inputs})
        except HttpError:
            return model  # zeros of the smallest shape are no input for every model
        named = values if isinstance(values, Mapping) else {f"output_{k}": value for k, value in enumerate(values)}
        dynamic = any(field.shape and field.shape[0] == -1 for field in model.inputs)
        found = [_field(str(name), value, dynamic) for name, value in named.items() if isinstance(value, torch.Tensor)]
        if not found:
            return model
        self._outputs = tuple(found)
        return msgspec.structs.replace(model, outputs=self._outputs)

    def _call(self, feeds: Mapping[str, Array]) -> Sequence[Any] | Mapping[Any, Any]:
        arguments = [to_torch(feeds[field.name]) for field in self._inputs]
        try:
            with torch.no_grad():
                result = self._module(*arguments)
        except Exception as error:
            raise failed(str(error)) from error
        if isinstance(result, tuple | list | Mapping):
            return result
        return (result,)


def _load(model: Model) -> Any:
    try:
        module = torch.load(model.entry_path, map_location="cpu", weights_only=False)
    except (AttributeError, ImportError) as error:
        # A pickle names classes and holds none.
        raise ContradictionError(f"{model.entry} needs a class that is not in this image: {error}") from error
    except Exception as error:
        raise ContradictionError(f"PyTorch cannot load {model.entry}: {error}") from error
    if isinstance(module, Mapping):
        raise ContradictionError(f"{model.entry} holds the weights of a model and not the model: its code is missing")
    if not isinstance(module, torch.nn.Module):
        raise ContradictionError(f"{model.entry} holds a {type(module).__name__} and no PyTorch module")
    for part in module.modules():
        for name, value in _LATER.get(type(part).__name__, ()):
            if name not in part.__dict__:
                part.__dict__[name] = value
    return module.eval()


def _by_name(values: Mapping[Any, Any], outputs: Sequence[Field]) -> list[Any]:
    if all(field.name in values for field in outputs):
        return [values[field.name] for field in outputs]
    return list(values.values())


def _array(name: str, value: Any) -> Array:
    if not isinstance(value, torch.Tensor):
        raise failed(f"output {name} is a {type(value).__name__} and no tensor")
    return to_numpy(value)


def _field(name: str, value: Any, dynamic: bool) -> Field:
    data = to_numpy(value)
    shape: Shape = tuple(data.shape)
    if dynamic and shape[:1] == (1,):
        shape = (-1, *shape[1:])
    return Field(name, type_of(data), shape)
