"""One model being served: from the body of a request to the tensors of an answer."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

import msgspec
from msgspec import Struct

from migrate.server.errors import bad_request
from migrate.server.evaluator import Evaluator, MissingTaker
from migrate.server.inputs import feeds_of
from migrate.server.layouts import declared_layout
from migrate.server.limits import Settings
from migrate.server.model import Field, Model
from migrate.server.model_engine import ModelEngine, UnloadedEngine
from migrate.server.negotiation import JSON_BODY, Form, MediaType
from migrate.server.outputs import AnswerPlan, raw_answer
from migrate.server.pace import Pace
from migrate.server.parsing.encoded import opened
from migrate.server.parsing.fast import FastDecoder
from migrate.server.parsing.json import load_object, tensors_of
from migrate.server.parsing.tensorflow_serving import ServingForms, check_rows
from migrate.server.rendering.json import render, render_rows
from migrate.server.tensors import Array, Tensor, simplified

# Larger bodies are always read in a thread, however quick the model.
SMALL_BYTES: Final = 32 * 1024
_TABLE: Final = 2  # dimensions: rows and columns


class Call(Struct, frozen=True):
    """What one request to ``/eval`` says; ``accept`` and ``step`` are the headers as sent, or None.

    ``keep_dimensions`` asks for an answer with its dimensions of size 1.
    """

    body: bytes
    content_type: MediaType = JSON_BODY
    accept: str | None = None
    step: str | None = None
    keep_dimensions: bool = False


class Answer(Struct, frozen=True):
    """The tensors of an answer, the fields that declare them, and how many rows the model computed for it.

    ``form`` is that of the request: its tensors by their names, or one of TensorFlow Serving's.
    """

    tensors: Mapping[str, Array]
    simplify: bool
    fields: Mapping[str, Field]
    batch: int = 0
    form: Form = "named"


class Sent(Struct, frozen=True):
    """The tensors of a request, as they came or as the model takes them.

    ``rows`` is how many instances it had, 0 in the other forms.
    """

    tensors: Mapping[str, Any]
    form: Form = "named"
    rows: int = 0


class Served:
    """A model with its engine.

    Attributes:
        pace: How long its calls take.
        merges: Whether requests that wait are put into one run.
        row_by_row: Whether its engine tells of each row that it computes (:mod:`migrate.server.rows`).
        may_not_end: Whether one of them may take for ever, and must never be computed where requests are read.
        example: A request that is known to work, where one was recorded.
    """

    def __init__(self, model: Model, engine: ModelEngine, settings: Settings) -> None:
        self.model = model
        self.engine: ModelEngine = engine
        self.describe: Final = msgspec.json.encode(model.describe())
        self._settings = settings
        self._own: Evaluator | None = engine if isinstance(engine, Evaluator) else None
        self._fast = FastDecoder(model) if self._own is None and FastDecoder.applies(model) else None
        self._serving_forms = ServingForms(model)
        self._plan = AnswerPlan(model)
        self._inputs = {entry.name: entry for entry in model.inputs}
        self._outputs = {entry.name: entry for entry in model.outputs}
        self.pace = Pace()
        self.merges = False
        self.row_by_row: Final[bool] = getattr(engine, "row_by_row", False)
        self.may_not_end: Final[bool] = getattr(engine, "may_not_end", False)
        self.example: dict[str, Any] | None = None

    @property
    def is_loaded(self) -> bool:
        """Whether its engine is in memory; all else of it always is."""
        return not isinstance(self.engine, UnloadedEngine)

    def unload(self) -> ModelEngine:
        """Give the engine up, and return it; until :meth:`load` nothing may be computed."""
        engine = self.engine
        self.engine = unloaded = UnloadedEngine(engine)
        self._own = None if self._own is None else unloaded
        return engine

    def load(self, engine: ModelEngine) -> None:
        """Take the same model's engine, loaded again."""
        self.engine = engine
        self._own = engine if isinstance(engine, Evaluator) else None

    def _feeds(self, call: Call) -> Sent:
        """The tensors that the model takes."""
        if self._fast is not None and call.content_type.name == "application/json":
            feeds = self._fast.decode(call.body)
            if feeds is not None:
                return Sent(feeds)
        sent = self._tensors(call)
        return Sent(feeds_of(self.model, sent.tensors, strict_nulls=self._settings.strict_nulls), sent.form, sent.rows)

    def _tensors(self, call: Call) -> Sent:
        """The tensors of a request as they came."""
        name = call.content_type.name
        if name == "application/json":
            return self._json(call.body)
        return Sent(self._image(call.body) if name.startswith("image/") else self._multipart(call))

    def _json(self, body: bytes) -> Sent:
        asked = self._serving_forms.body(load_object(body))
        tensors = tensors_of(
            asked.tensors,
            depth_limit=self._settings.max_json_depth,
            missing=isinstance(self.engine, MissingTaker),
        )
        found = {name: opened(name, tensor, self.model, self._settings) for name, tensor in tensors.items()}
        return Sent(found, asked.form, asked.rows)

    def quick_answer(self, body: bytes) -> tuple[bytes, int] | None:
        """The JSON answer to the usual JSON body, and its rows; None where :meth:`evaluate` must look.

        Raises:
            migrate.server.errors.HttpError: As :meth:`evaluate`.
        """
        feeds = None if self._fast is None else self._fast.decode(body)
        if feeds is None:
            return None
        outputs = self.engine.run(feeds)
        tensors = self._plan.answer(outputs)
        return render({name: simplified(data) for name, data in tensors.items()}), _batch(outputs)

    @property
    def stacks(self) -> bool:
        """Whether requests can be laid on each other: tables of rows that the model is known to compute apart."""
        shapes = [field.shape for field in (*self.model.inputs, *self.model.outputs)]
        return (
            self._fast is not None
            and self.model.onnx is not None
            and self.model.onnx.rows_apart
            and all(field.shape is not None and len(field.shape) == _TABLE for field in self.model.inputs)
            and all(shape is not None and shape[:1] == (-1,) for shape in shapes)
        )

    def row(self, body: bytes) -> list[Any] | None:
        """The only row of the usual JSON body, for :meth:`merged_answers`; None where there is not just one."""
        return None if self._fast is None else self._fast.row(body)

    def merged_outputs(self, rows: Sequence[list[Any]]) -> dict[str, Array] | None:
        """What the engine gives for several rows by one run, one row for each; None where they differ too much.

        Raises:
            migrate.server.errors.HttpError: One of the requests does not fit.
        """
        feeds = None if self._fast is None else self._fast.stack(rows)
        if feeds is None:
            return None
        outputs = self.engine.run(feeds)
        return None if any(len(data) != len(rows) for data in outputs.values()) else outputs

    def merged_answers(self, rows: Sequence[list[Any]]) -> list[bytes] | None:
        """What :meth:`quick_answer` gives for the body of each row, by one run; None where they differ too much.

        Raises:
            migrate.server.errors.HttpError: One of the requests does not fit.
        """
        outputs = self.merged_outputs(rows)
        if outputs is None:
            return None
        tensors = self._plan.answer(outputs)
        texts = render_rows(tensors)
        if texts is not None:
            return texts
        return [
            render({name: simplified(data[place : place + 1]) for name, data in tensors.items()})
            for place in range(len(rows))
        ]

    def evaluate(self, call: Call) -> Answer:
        """Run the model on a request.

        Raises:
            migrate.server.errors.HttpError: 400, when the request or the model's answer does not fit.
        """
        stop = _parse_step(call.step)
        simplify = call.step is None and not call.keep_dimensions
        if self._own is not None:
            sent = self._tensors(call)
            found = self._own.evaluate(sent.tensors, stop, strict_nulls=self._settings.strict_nulls)
            fields = {**self._inputs, **self._outputs} if found.stopped else self._outputs
            return self._in_its_form(Answer(raw_answer(found.tensors), simplify, fields, found.rows), sent)
        sent = self._feeds(call)
        if stop == ("input", 0):
            return self._in_its_form(Answer(raw_answer(sent.tensors), simplify=False, fields=self._inputs), sent)
        outputs = self.engine.run(sent.tensors)
        batch = _batch(outputs)
        if stop == ("output", 0):
            answer = Answer(raw_answer(outputs), simplify=False, batch=batch, fields=self._outputs)
        else:
            answer = Answer(self._plan.answer(outputs), simplify, self._outputs, batch)
        return self._in_its_form(answer, sent)

    def _in_its_form(self, answer: Answer, sent: Sent) -> Answer:
        """The answer as it is, or as TensorFlow Serving answers where the request had one of its forms."""
        if sent.form == "named":
            return answer
        if sent.form == "rows":
            check_rows(answer.tensors, sent.rows, window=self.model.window)
        return Answer(answer.tensors, simplify=False, fields=answer.fields, batch=answer.batch, form=sent.form)

    def _image(self, body: bytes) -> dict[str, Tensor]:
        """The single image of a request."""
        if len(self.model.inputs) != 1:
            raise bad_request("Your model takes several tensors as parameters but you provided only one")
        only = self.model.inputs[0]
        layout = declared_layout(only)
        if layout is None:
            raise bad_request(
                "Unable to feed an image as tensor on a non-tensor model", f"tensor {only.name} does not take images"
            )
        from migrate.server.parsing.images import read_picture, tensor_of  # noqa: PLC0415 - most models take none

        picture = read_picture(body, pixel_limit=self._settings.max_image_pixels, plain_gray=self._settings.plain_gray)
        return {only.name: tensor_of([picture], only, layout)}

    def _multipart(self, call: Call) -> dict[str, Tensor]:
        from migrate.server.parsing.multipart import parse_parts  # noqa: PLC0415 - few callers send it

        return parse_parts(
            call.body,
            call.content_type.parameter("boundary"),
            self.model,
            depth_limit=self._settings.max_json_depth,
            pixel_limit=self._settings.max_image_pixels,
            plain_gray=self._settings.plain_gray,
        )


def _batch(outputs: Mapping[str, Array]) -> int:
    first = next(iter(outputs.values()))
    return int(first.shape[0]) if first.ndim else 1


def _parse_step(step: str | None) -> tuple[str, int] | None:
    """The place at which the caller wants to stop; an unknown word means nowhere, as it always did."""
    if step is None:
        return None
    where, _, number = step.partition(":")
    if where not in {"input", "output"}:
        return None
    try:
        return where, int(number)
    except ValueError:
        raise bad_request(f"Step '{step}' is expected to be input:<number> or output:<number>") from None
