"""Inference requests of the Open Inference Protocol, and the quick way for the usual one: numbers of floats in JSON."""

from collections.abc import Mapping, Sequence
from math import prod
from types import GenericAlias
from typing import Any, Final

import msgspec
from msgspec import Struct

from migrate.server.model import Model
from migrate.server.parsing.fast import UNREADABLE, array_of, value_type
from migrate.server.tensors import DTYPES, Array, fits

_FLOATS: Final = frozenset({"float", "double"})


# In all of these a null is what is not there: serialisers of Java and C# write it.
class InputTensor(Struct):
    """One input of a request; ``data`` is absent when it follows in binary."""

    name: str
    shape: list[int]
    datatype: str
    parameters: dict[str, Any] | None = None
    data: Any = None


class OutputRequest(Struct):
    """An output that is asked for."""

    name: str
    parameters: dict[str, Any] | None = None


class InferRequest(Struct):
    """The JSON of an inference request; an ``id`` that is a number is answered as text."""

    inputs: list[InputTensor]
    id: str | int | float | None = None
    parameters: dict[str, Any] | None = None
    outputs: list[OutputRequest] | None = None


DECODER: Final = msgspec.json.Decoder(InferRequest)


class QuickRequests:
    """Reads a request of a model of floats by one typed decoder.

    It gives None where it does not apply, and then the exact way decides; so it never decides what is an error, and
    gives nothing that the exact way would not give.
    """

    def __init__(self, model: Model) -> None:
        rank = max(len(field.shape or ()) for field in model.inputs)
        data = ("data", value_type(float, rank))
        tensor = msgspec.defstruct("Tensor", [data], bases=(InputTensor,), kw_only=True)
        inputs = ("inputs", GenericAlias(list, (tensor,)))
        self._decoder: msgspec.json.Decoder[InferRequest] = msgspec.json.Decoder(
            msgspec.defstruct("Request", [inputs], bases=(InferRequest,), kw_only=True)
        )
        self._fields = {field.name: field for field in model.inputs}
        self._words = {field.name: "FP32" if field.type == "float" else "FP64" for field in model.inputs}

    @staticmethod
    def applies(model: Model, dtypes: Mapping[str, str]) -> bool:
        """Whether all inputs are floats of a known shape, and the engine takes them as they are declared."""
        return not model.guessed and all(
            field.type in _FLOATS and field.shape and dtypes[field.name] == DTYPES[field.type].__name__
            for field in model.inputs
        )

    def read(self, text: bytes) -> tuple[InferRequest, dict[str, Array]] | None:
        """The request and the tensors that the model takes."""
        asked = self._decode(text)
        if asked is None:
            return None
        feeds = {}
        for tensor in asked.inputs:
            array = array_of(tensor.data, self._fields[tensor.name].type)
            if array is None or array.size != prod(tensor.shape):
                return None
            feeds[tensor.name] = array.reshape(tensor.shape)
        return asked, feeds

    def row(self, text: bytes) -> tuple[InferRequest, list[Sequence[float]]] | None:
        """A request of one row for all outputs as JSON, and the row of each input in the model's order.

        Every input is a table: of declared shape ``[-1, columns]``.
        """
        asked = self._decode(text)
        if asked is None or asked.outputs or asked.parameters:
            return None
        rows = {}
        for tensor in asked.inputs:
            row = tensor.data
            if type(row) is not list or tensor.shape[0] != 1:
                return None
            if row and type(row[0]) is list:
                if len(row) != 1:
                    return None
                row = row[0]
            if len(row) != tensor.shape[1]:
                return None
            rows[tensor.name] = row
        return asked, [rows[name] for name in self._fields]

    def _decode(self, text: bytes) -> InferRequest | None:
        try:
            asked = self._decoder.decode(text)
        except UNREADABLE:
            return None
        if len(asked.inputs) != len(self._fields):
            return None
        found = set()
        for tensor in asked.inputs:
            field = self._fields.get(tensor.name)
            if field is None or field.shape is None or tensor.parameters or tensor.datatype != self._words[tensor.name]:
                return None
            if not fits(tuple(tensor.shape), field.shape) or min(tensor.shape) < 0:
                return None
            found.add(tensor.name)
        return asked if len(found) == len(self._fields) else None
