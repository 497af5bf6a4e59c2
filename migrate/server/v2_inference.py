"""Inference by the Open Inference Protocol: from the body of a request to that of its answer."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

import msgspec

from migrate.server.compression import opened
from migrate.server.errors import bad_request
from migrate.server.evaluator import row_count
from migrate.server.express import Reply, Usual
from migrate.server.http import JSON, Headers, Response
from migrate.server.limits import Settings
from migrate.server.served import Served
from migrate.server.tensors import Array, Shape
from migrate.server.v2_answers import InferAnswers
from migrate.server.v2_requests import DECODER, InferRequest, InputTensor, QuickRequests
from migrate.server.v2_tensors import datatype_of, from_binary, from_json

VERSION: Final = "1"
HEADER_LENGTH: Final = b"inference-header-content-length"
LENGTH_DIGITS: Final = 18  # of any body that there can be
# Headers that change what is answered; whoever sends one is not the usual caller.
_UNUSUAL: Final = frozenset({b"content-encoding", b"upgrade", b"origin"})


class Inference:
    """The inferences of one model."""

    def __init__(self, served: Served, settings: Settings) -> None:
        self._served = served
        self._limit = settings.max_body_bytes
        self._inputs = {field.name: field for field in served.model.inputs}
        self._outputs = [field.name for field in served.model.outputs]
        self._answers = InferAnswers(served.model.id, VERSION)
        known = QuickRequests.applies(served.model, served.engine.inputs)
        self._quick = QuickRequests(served.model) if known else None

    def answer(self, body: bytes, coding: str | None, length: int | None) -> Response:
        """Compute and render; safe in any thread. ``length`` is that of the JSON where binary data follows it.

        Raises:
            migrate.server.errors.HttpError: 400, when the request does not fit.
        """
        if coding is not None:
            body = opened(body, coding, self._limit)
        if length is not None and length > len(body):
            raise bad_request("Inference-Header-Content-Length is larger than the body")
        head = body if length is None else body[:length]
        found = self._quick.read(body) if self._quick is not None and length is None else None
        asked, feeds = found or self._read(head, body)
        wanted = asked.outputs or []
        names = [output.name for output in wanted] or self._outputs
        for output in wanted:
            if output.name not in self._outputs:
                raise bad_request(f"output {output.name} is none of {self._outputs}")
            _check_parameters(output.name, output.parameters or {}, "classification")
        outputs = self._served.engine.run(feeds)
        by_default = bool((asked.parameters or {}).get("binary_data_output", False))
        binary = dict.fromkeys(names, by_default)
        binary.update(
            {output.name: bool((output.parameters or {}).get("binary_data", by_default)) for output in wanted}
        )
        chosen = {name: outputs[name] for name in names}
        text, tails = self._answers.answer(chosen, binary, asked.id)
        rows = row_count(chosen)
        if not tails:
            return Response(text, JSON, rows=rows)
        headers: Headers = [(HEADER_LENGTH, b"%d" % len(text))]
        return Response(b"".join([text, *tails]), b"application/octet-stream", headers=headers, rows=rows)

    def row(self, body: bytes) -> tuple[InferRequest, list[Sequence[float]]] | None:
        """The request and its row, for :meth:`merged`; None for any other than of one row and of all as JSON."""
        return None if self._quick is None else self._quick.row(body)

    def merged(self, asked: Sequence[tuple[InferRequest, list[Sequence[float]]]]) -> list[bytes] | None:
        """What :meth:`answer` gives for each request of one row, by one run; None where they differ too much."""
        outputs = self._served.merged_outputs([row for _, row in asked])
        if outputs is None:
            return None
        chosen = {name: outputs[name] for name in self._outputs}
        return self._answers.rows(chosen, [request.id for request, _ in asked])

    def _read(self, head: bytes, body: bytes) -> tuple[InferRequest, dict[str, Array]]:
        try:
            asked = DECODER.decode(head)
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
            raise bad_request(f"the inference request cannot be read: {error}") from error
        return asked, self._feeds(asked, memoryview(body)[len(head) :])

    def _feeds(self, asked: InferRequest, rest: memoryview) -> dict[str, Array]:
        feeds: dict[str, Array] = {}
        for tensor in asked.inputs:
            field = self._inputs.get(tensor.name)
            if field is None or tensor.name in feeds:
                raise bad_request(f"input {tensor.name} is none of {list(self._inputs)}, or there twice")
            dtype = self._served.engine.inputs[tensor.name]
            if tensor.datatype != datatype_of(dtype):
                raise bad_request(f"input {tensor.name} is {tensor.datatype}, the model takes {datatype_of(dtype)}")
            shape = _checked_shape(tensor, None if self._served.model.guessed else field.shape)
            parameters = tensor.parameters or {}
            _check_parameters(tensor.name, parameters, "shared_memory_region")
            size = parameters.get("binary_data_size")
            if size is None:
                if tensor.data is None:
                    raise bad_request(f"input {tensor.name} has no data")
                feeds[tensor.name] = from_json(tensor.name, tensor.data, dtype, shape)
                continue
            if type(size) is not int or not 0 <= size <= len(rest):
                raise bad_request(f"input {tensor.name}: binary_data_size {size} is not in the body")
            feeds[tensor.name] = from_binary(tensor.name, rest[:size], dtype, shape)
            rest = rest[size:]
        missing = [name for name in self._inputs if name not in feeds]
        if missing:
            raise bad_request(f"inputs {missing} are missing")
        if len(rest):
            raise bad_request(f"{len(rest)} bytes are left over after the binary data of all inputs")
        return feeds


class InferCalls:
    """The usual calls of ``infer`` of one model; see :class:`migrate.server.express.Calls`."""

    route = "infer"
    lines = b"content-type: " + JSON + b"\r\n"

    def __init__(self, served: Served, settings: Settings) -> None:
        self.served = served
        self._inference = Inference(served, settings)

    def usual(self, headers: Sequence[tuple[bytes, bytes]]) -> Usual | None:
        """The caller's own id and the length of the JSON, for no media type matters here."""
        if self.served.may_not_end:
            return None
        given, length = b"", None
        for name, value in headers:
            if name == b"x-request-id":
                given = value
            elif name == HEADER_LENGTH:
                if not value.isdigit() or len(value) > LENGTH_DIGITS:
                    return None
                length = int(value)
            elif name in _UNUSUAL:
                return None
        return given, length

    def row(self, body: bytes, usual: Usual) -> Any | None:
        """The request and its row; None for any other than of one row and of all as JSON."""
        return self._inference.row(body) if usual[1] is None else None

    def merged(self, rows: Sequence[Any]) -> list[bytes] | None:
        """The answers to requests of one row each."""
        return self._inference.merged(rows)

    def alone(self, body: bytes, usual: Usual) -> Reply:
        """The answer to a request."""
        found = self._inference.answer(body, None, usual[1])
        lines = b"".join(b"%b: %b\r\n" % header for header in found.headers)
        return found.body, found.rows, lines + b"content-type: " + found.content_type + b"\r\n"


def _checked_shape(tensor: InputTensor, declared: Shape | None) -> Shape:
    shape = tuple(tensor.shape)
    fits = all(dim >= 0 for dim in shape)
    if fits and declared:
        fits = len(shape) == len(declared) and all(
            want in (-1, have) for have, want in zip(shape, declared, strict=True)
        )
    if not fits:
        raise bad_request(f"input {tensor.name} has the shape {list(shape)}, the model takes {list(declared or ())}")
    return shape


def _check_parameters(name: str, parameters: Mapping[str, Any], unsupported: str) -> None:
    if parameters.get(unsupported):
        raise bad_request(f"{name}: the extension {unsupported} is not served")
