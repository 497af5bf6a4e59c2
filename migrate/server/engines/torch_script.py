"""TorchScript: positional inputs in the manifest's order, a tensor or a tuple back (contract: Old TorchScript)."""

from collections.abc import Mapping
from typing import Any

import torch

from migrate.server.engines.torch_calls import check_fields, dtypes_of, failed, prepare, to_numpy, to_torch
from migrate.server.model import Model
from migrate.server.model_engine import ContradictionError
from migrate.server.tensors import Array, Tensor, shaped, type_of


class TorchScriptEngine:
    """A scripted or traced module on the CPU, safe to run from several threads at once."""

    def __init__(self, model: Model, *, threads: int) -> None:
        prepare(threads)
        check_fields((*model.inputs, *model.outputs))
        try:
            # As saved: a module that was exported in training mode answered in training mode.
            self._module: Any = torch.jit.load(str(model.entry_path), map_location="cpu")
        except Exception as error:
            raise ContradictionError(f"PyTorch cannot load {model.entry}: {error}") from error
        self._inputs = model.inputs
        self._outputs = model.outputs

    @property
    def inputs(self) -> Mapping[str, str]:
        """Numpy's word for the dtype of each input, as the manifest declares it."""
        return dtypes_of(self._inputs)

    @property
    def outputs(self) -> Mapping[str, str]:
        """Numpy's word for the dtype of each output, as the manifest declares it."""
        return dtypes_of(self._outputs)

    def run(self, feeds: Mapping[str, Array]) -> dict[str, Array]:
        """Compute every output: the k-th element, flattened, in the k-th declared shape and type."""
        arguments = [to_torch(feeds[field.name]) for field in self._inputs]
        try:
            with torch.no_grad():
                result = self._module(*arguments)
        except Exception as error:
            raise failed(str(error)) from error
        elements = result if isinstance(result, tuple) else (result,)
        if len(elements) < len(self._outputs):
            raise failed(f"the model answers with {len(elements)} tensors, its manifest names {len(self._outputs)}")
        answer = {}
        for field, element in zip(self._outputs, elements, strict=False):
            if not isinstance(element, torch.Tensor):
                raise failed(f"output {field.name} is a {type(element).__name__} and no tensor")
            data = to_numpy(element).reshape(-1)
            answer[field.name] = shaped(Tensor(type_of(data), data), field.type, field.shape)
        return answer

    def complete(self, model: Model) -> Model:
        """The description as it is: the manifest says everything."""
        return model
