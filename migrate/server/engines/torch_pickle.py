"""Pickled PyTorch modules (``torch.save(model)``): called by position in evaluation mode.

Unpickling runs what the file says. It happens here, in the image, and nowhere else.
"""

import logging
import re
from collections.abc import Iterator, Mapping
from typing import Any, Final

import msgspec
import torch

from migrate.server.engines import torch_period
from migrate.server.engines.torch_calls import check_fields, dtypes_of, failed, prepare, to_numpy, to_torch
from migrate.server.engines.torch_trials import trial_outputs
from migrate.server.logs import log
from migrate.server.model import Model
from migrate.server.model_engine import ContradictionError
from migrate.server.tensors import Array

_NO_ATTRIBUTE: Final = re.compile(r"Can't get attribute '([^']*)' on <module '([^']*)'")


class TorchPickleEngine:
    """A module on the CPU, safe to run from several threads at once."""

    def __init__(self, model: Model, *, threads: int) -> None:
        prepare(threads)
        check_fields((*model.inputs, *model.outputs))
        self._module = _load(model)
        self._inputs = model.inputs
        self._outputs = model.outputs
        # Who wrote a manifest knew the types; whoever did not sends JSON's numbers.
        self._precision = None if model.manifest else _precision(self._module)

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
        found = self._call(feeds)
        if not all(field.name in found for field in self._outputs):
            if len(found) < len(self._outputs):
                raise failed(f"the model answers with {len(found)} tensors where {len(self._outputs)} are declared")
            found = dict(zip([field.name for field in self._outputs], found.values(), strict=False))
        return {field.name: to_numpy(found[field.name]) for field in self._outputs}

    def complete(self, model: Model) -> Model:
        """Inputs and outputs that no manifest declares: those of trial calls, and tensors as they come and go."""
        if model.manifest:
            return model
        self._outputs = trial_outputs(self._call, self._inputs)
        if not self._outputs:
            log(logging.WARNING, "the model takes no trial input, its first output is answered", model=model.id)
            self._outputs = model.outputs[:1]
        return msgspec.structs.replace(model, outputs=self._outputs, guessed=True)

    def _call(self, feeds: Mapping[str, Array]) -> dict[str, Any]:
        """The tensors of the module's answer, by name."""
        arguments = [to_torch(feeds[field.name]) for field in self._inputs]
        if self._precision is not None:
            arguments = [each.to(self._precision) if each.is_floating_point() else each for each in arguments]
        try:
            with torch.no_grad():
                result = self._module(*arguments)
        except Exception as error:
            raise failed(str(error) or type(error).__name__) from error
        return tensors_of(result)


def tensors_of(result: Any) -> dict[str, Any]:
    """The tensors in an answer: under a dict's own names, else by their place, those of inner tuples in their order."""
    if isinstance(result, Mapping):
        found: dict[str, Any] = {}
        for name, value in result.items():
            leaves = list(_leaves(value))
            names = [str(name)] if len(leaves) == 1 else [f"{name}_{place}" for place in range(len(leaves))]
            found |= dict(zip(names, leaves, strict=True))
    else:
        found = {f"output_{place}": leaf for place, leaf in enumerate(_leaves(result))}
    return {name: leaf for name, leaf in found.items() if isinstance(leaf, torch.Tensor)}


def _leaves(value: Any) -> Iterator[Any]:
    if isinstance(value, tuple | list):
        for item in value:
            yield from _leaves(item)
    else:
        yield value


def _precision(module: Any) -> Any:
    """The type of floating numbers that a module computes with; None where it has none of its own."""
    weights = (*module.parameters(), *module.buffers())
    return next((tensor.dtype for tensor in weights if tensor.is_floating_point()), None)


def _load(model: Model) -> Any:
    try:
        loaded = torch_period.load(model.entry_path)
    except (AttributeError, ImportError) as error:
        # A pickle names classes and holds none.
        raise ContradictionError(f"{model.entry} needs code that is not in this image: {_missing(error)}") from error
    except Exception as error:
        raise ContradictionError(f"PyTorch cannot load {model.entry}: {error}") from error
    if isinstance(loaded, Mapping):
        # Checkpoints keep the model beside the number of the epoch, the optimizer and the like.
        modules = {name: value for name, value in loaded.items() if isinstance(value, torch.nn.Module)}
        if not modules:
            what = "the weights of a model and not the model: its code is missing"
            raise ContradictionError(f"{model.entry} holds {what}")
        if len(modules) > 1:
            names = ", ".join(map(str, modules))
            raise ContradictionError(f"{model.entry} holds {len(modules)} modules ({names}): which is the model?")
        (loaded,) = modules.values()
    if not isinstance(loaded, torch.nn.Module):
        raise ContradictionError(f"{model.entry} holds a {type(loaded).__name__} and no PyTorch module")
    return torch_period.completed(loaded)


def _missing(error: Exception) -> str:
    """The class or module that was not found, without the names of this program and its files."""
    found = _NO_ATTRIBUTE.match(str(error))
    if found is None:
        return str(error)
    where = f" of {found[2]}" if found[2] != "__main__" and not found[2].startswith("migrate.") else ""
    return f"the class {found[1]}{where}, which the file names and does not hold"
