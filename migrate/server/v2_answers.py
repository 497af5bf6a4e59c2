"""Answers of the Open Inference Protocol: their JSON, put together from texts that are the same for many of them."""

from collections.abc import Mapping, Sequence
from functools import lru_cache

import msgspec

from migrate.server.rendering.json import row_texts, tensor_text
from migrate.server.tensors import Array, Shape
from migrate.server.v2_tensors import datatype_of, to_binary

Id = str | int | float | None


class InferAnswers:
    """The answers of one version of a model."""

    def __init__(self, name: str, version: str) -> None:
        self._start = msgspec.json.encode({"model_name": name, "model_version": version})[:-1] + b',"outputs":['

    def answer(self, outputs: Mapping[str, Array], binary: Mapping[str, bool], given: Id) -> tuple[bytes, list[bytes]]:
        """The JSON of an answer, and the tensors that follow it in binary; ``given`` is the caller's id."""
        entries, tails = [], []
        for name, data in outputs.items():
            start = _start(name, _dtype(data), data.shape)
            if binary[name]:
                tails.append(to_binary(name, data))
                entries.append(b'%b,"parameters":{"binary_data_size":%d}}' % (start, len(tails[-1])))
            else:
                entries.append(b'%b,"data":%b}' % (start, tensor_text(data.reshape(-1))))
        return self._start + b",".join(entries) + _end(given), tails

    def rows(self, outputs: Mapping[str, Array], given: Sequence[Id]) -> list[bytes]:
        """The JSON of the answer to each row of a run, as if it had run alone."""
        columns = []
        for name, data in outputs.items():
            texts = row_texts(data)
            start = _start(name, _dtype(data), (1, *data.shape[1:])) + b',"data":'
            if texts is None:
                texts = [tensor_text(data[place : place + 1].reshape(-1)) for place in range(len(data))]
            elif data.size == len(data):
                texts = [b"[%b]" % text for text in texts]
            columns.append([start + text for text in texts])
        return [
            self._start + b"},".join(entries) + b"}" + _end(one)
            for entries, one in zip(zip(*columns, strict=True), given, strict=True)
        ]


def _dtype(data: Array) -> str:
    return "object" if data.dtype.kind == "O" else data.dtype.name


@lru_cache(maxsize=1024)
def _start(name: str, dtype: str, shape: Shape) -> bytes:
    """The beginning of an output, up to its data."""
    return msgspec.json.encode({"name": name, "datatype": datatype_of(dtype), "shape": list(shape)})[:-1]


def _end(given: Id) -> bytes:
    return b"]}" if given is None else b'],"id":%b}' % msgspec.json.encode(str(given))
