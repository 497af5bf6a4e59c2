"""Inference requests of the Open Inference Protocol, and the quick way for the usual one: numbers of floats in JSON."""

from collections.abc import Mapping, Sequence
from math import prod
from types import GenericAlias
from typing import Any, Final

import msgspec
from msgspec import Struct

from migrate.server.model import Model
from migrate.server.parsing import numbers
from migrate.server.parsing.fast import UNREADABLE, array_of, most_commas, value_type
from migrate.server.tensors import DTYPES, Array, fits

_FLOATS: Final = frozenset({"float", "double"})
# For shorter requests, what stands around the numbers costs more than they do.
LONG_BYTES: Final = 16 << 10
_COMMAS: Final = 8  # around the values of a tensor
_TENSOR_KEYS: Final = ["data", "datatype", "name", "shape"]
_KEYS: Final = (["inputs"], ["id", "inputs"])


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
        self._rank = max(len(field.shape or ()) for field in model.inputs)
        data = ("data", value_type(float, self._rank))
        tensor = msgspec.defstruct("Tensor", [data], bases=(InputTensor,), kw_only=True)
        inputs = ("inputs", GenericAlias(list, (tensor,)))
        self._decoder: msgspec.json.Decoder[InferRequest] = msgspec.json.Decoder(
            msgspec.defstruct("Request", [inputs], bases=(InferRequest,), kw_only=True)
        )
        self._fields = {field.name: field for field in model.inputs}
        self._most_commas = most_commas(model.inputs, around=_COMMAS)
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
        asked = self._decode(text, long=True) if len(text) > LONG_BYTES else None
        if asked is None:
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
        if len(text) > numbers.LONG_BYTES and text.count(b",") > self._most_commas:
            return None
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

    def _decode(self, text: bytes, *, long: bool = False) -> InferRequest | None:
        """The request if it has all inputs as the model declares them."""
        try:
            asked = read_long(text, self._rank) if long else self._decoder.decode(text)
        except UNREADABLE:
            return None
        if asked is None or len(asked.inputs) != len(self._fields):
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


def read_long(text: bytes, rank: int) -> InferRequest | None:
    """A request of numbers alone, its data as arrays; None for any other."""
    try:
        root: Any = numbers.parser(len(text)).parse(text)
        if sorted(root.keys()) not in _KEYS:
            return None
        inputs, lists = [], 1
        for entry in root["inputs"]:
            if sorted(entry.keys()) != _TENSOR_KEYS:
                return None
            shape, data = entry["shape"].as_list(), numbers.numbers_of(entry["data"], rank)
            if data is None:
                return None
            inputs.append(InputTensor(entry["name"], shape, entry["datatype"], data=data))
            lists += 1 + numbers.lists_of(data.shape)
        given = root.get("id")
    except (*numbers.UNREADABLE, AttributeError):
        return None
    plain = all(type(size) is int for tensor in inputs for size in tensor.shape) and isinstance(given, str | None)
    return InferRequest(inputs, id=given) if plain and numbers.brackets(text) == lists else None
