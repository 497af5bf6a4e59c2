"""``model.json``: all that the server knows of a model before it loads it, and what it prints of that."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final, Literal

import msgspec
from msgspec import Struct
from msgspec import field as named

SCHEMA: Final = 1

Layout = Literal["BATCH_SIZE", "HEIGHT", "WIDTH", "CHANEL"]
Colour = Literal["GRAY_SCALE", "RED", "GREEN", "BLUE"]

_CHANNELS: Final[dict[int, tuple[Colour, ...]]] = {1: ("GRAY_SCALE",), 3: ("RED", "GREEN", "BLUE")}


class Bounds(Struct, frozen=True):
    """A part of what a number may be; None where it has no end."""

    lower: float | None = named(default=None, name="lowerBound")
    upper: float | None = named(default=None, name="upperBound")


class Index(Struct, frozen=True, omit_defaults=True):
    """A named column of a tensor (``fields`` of a field). ``index`` is its position, or None for a whole tensor."""

    name: str
    type: str | None = None
    index: int | None = None
    key: Any = None
    values: tuple[str, ...] = ()
    domain: tuple[Bounds, ...] | None = named(default=None, name="continuousDomain")


class ImageTransformer(Struct, frozen=True):
    """How an image lies in a tensor, in the old runtime's spelling."""

    image_shape: tuple[Layout, ...]
    property_chanel: tuple[Colour, ...]


class Field(Struct, frozen=True, omit_defaults=True):
    """An input or output tensor. ``shape`` has -1 for an unknown dimension and is None for a plain field.

    ``format`` is how a date-time encoder reads or writes it. The last three are only printed by ``/describe``.
    """

    name: str
    type: str
    shape: tuple[int, ...] | None = None
    fields: tuple[Index, ...] = ()
    image_transformer: ImageTransformer | None = None
    format: str | None = None
    values: tuple[str, ...] = ()
    domain: tuple[Bounds, ...] | None = named(default=None, name="continuous_domain")
    plain_domain: tuple[Bounds, ...] | None = named(default=None, name="continuousDomain")


class Labels(Struct, frozen=True):
    """The class labels of a ZipMap, in the order of the columns."""

    labels: tuple[int | str, ...]


Words = dict[str, tuple[str, ...]]


class OnnxSettings(Struct, frozen=True, omit_defaults=True):
    """``onnx``.

    ``rows_apart``: each row of an answer is computed from one row alone. ``one_thread``: an operator of the graph adds
    in another order with several threads, so that answers would depend on the batch and on the processors.
    ``embedded``: the entry is a manifest, which holds the model as base64 in its ``binary``.
    """

    zipmap: dict[str, Labels] = {}
    rows_apart: bool = False
    one_thread: bool = False
    words: Words = {}
    embedded: bool = False


class TensorflowSettings(Struct, frozen=True):
    """``tensorflow``: the SavedModel's path in the model's files, and which signature is served.

    ``root`` is the SavedModel's folder inside a zip.
    """

    saved_model: str = ""
    signature: str = ""
    zip: bool = False
    root: str = ""
    tags: tuple[str, ...] = ("serve",)
    dtypes: dict[str, str] = {}


class KerasSettings(Struct, frozen=True):
    """``keras``: the names of the first and the last layer."""

    input: str = ""
    output: str = ""


class TokenizersSettings(Struct, frozen=True, omit_defaults=True):
    """``tokenizers``: whether an encoding has the model's special tokens."""

    add_special_tokens: bool = False


class TransformersSettings(Struct, frozen=True, omit_defaults=True):
    """``transformers``: the classes of a pipeline."""

    pipeline_class: str = ""
    tokenizer_class: str = ""
    model_class: str = ""
    words: Words = {}


class FastaiSettings(Struct, frozen=True):
    """``fastai``: texts that the model knows, for samples."""

    words: Words = {}


class PmmlSettings(Struct, frozen=True):
    """``pmml`` and ``jpmml``: whether the file was read to its end before."""

    sanitised: bool = False


class Scale(Struct, frozen=True):
    """The mean and the standard deviation of a column."""

    mean: float
    std: float


class ScalerSettings(Struct, frozen=True):
    """``scaler``, by the name of an input."""

    mean_std_map: dict[str, Scale] = {}


class IntervalSettings(Struct, frozen=True):
    """``pi``: the standard deviation of the residuals, by the name of an input."""

    residuals_std: dict[str, float] = {}


class DatetimeSettings(Struct, frozen=True):
    """``datetime_encoder``: formats by the names of fields."""

    inputs: dict[str, str] = {}
    outputs: dict[str, str] = {}


class FlowSettings(Struct, frozen=True, omit_defaults=True):
    """``flow``: models one after the other, and inputs that they need and ``/describe`` does not say."""

    steps: "tuple[ModelJson, ...]" = ()
    hidden: tuple[Field, ...] = ()


class ModelJson(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The content of ``model.json``; each engine reads the object that is named after it.

    A file without ``schema`` has number 1. Every engine's object has a default, so that it is the engine that says
    what a file lacks.
    """

    schema: int = SCHEMA
    id: str | None = None
    title: str = ""
    artifact: str = ""
    engine: str
    entry: str = ""
    files: str = "files"
    manifest: bool = False
    inputs: tuple[Field, ...]
    outputs: tuple[Field, ...]
    rolling_windows_size: int = 1
    onnx: OnnxSettings | None = None
    tensorflow: TensorflowSettings | None = None
    keras: KerasSettings | None = None
    tokenizers: TokenizersSettings | None = None
    transformers: TransformersSettings | None = None
    fastai: FastaiSettings | None = None
    pmml: PmmlSettings | None = None
    jpmml: PmmlSettings | None = None
    scaler: ScalerSettings | None = None
    pi: IntervalSettings | None = None
    datetime_encoder: DatetimeSettings | None = None
    flow: FlowSettings | None = None


class Unserved(Struct, frozen=True):
    """``unserved.json``: a model of which it is known that it cannot be served, and why."""

    id: str
    reason: str


class Model(ModelJson, frozen=True, kw_only=True):
    """A model as ``model.json`` describes it; ``folder`` is the folder of that file.

    Where shapes are ``guessed``, because the file says none, tensors go as they come and answers as they are; a tensor
    of fewer dimensions still gets those that are missing.
    """

    id: str
    folder: str = ""
    guessed: bool = False

    @property
    def entry_path(self) -> Path:
        """The model's file."""
        return Path(self.folder, self.files, self.entry)

    @property
    def window(self) -> int:
        """Rows in one rolling window; TorchScript models print 0 and mean 1."""
        return max(1, self.rolling_windows_size)

    def describe(self) -> dict[str, object]:
        """The answer of ``/describe``.

        An output that has a column for each class names the classes, in a key that the old runtime did not have, where
        they are not just the numbers of the columns: it answered only those.
        """
        outputs = [_printed(field) for field in self.outputs]
        for field, made in zip(self.outputs, outputs, strict=True):
            labels = self.classes(field.name)
            if labels != tuple(range(len(labels))):
                made["labels"] = labels
        return {
            "inputs": [_printed(field) for field in self.inputs],
            "outputs": outputs,
            "rolling_windows_size": self.rolling_windows_size,
        }

    def classes(self, output: str) -> tuple[int | str, ...]:
        """The class of each column of an output, in their order; none where its columns are no classes."""
        found = self.onnx.zipmap.get(output) if self.onnx is not None else None
        return () if found is None else found.labels


def _printed(field: Field) -> dict[str, object]:
    """A field as the old runtime printed it: its keys in that order, and only those that say something."""
    made: dict[str, object] = {"name": field.name, "type": field.type}
    if field.values:
        made["values"] = field.values
    if field.domain is not None:
        made["continuous_domain"] = field.domain
    if field.plain_domain is not None:
        made["continuousDomain"] = field.plain_domain
    if field.shape is not None:
        made["shape"] = field.shape
    if field.fields:
        made["fields"] = [_printed_column(column, field.type) for column in field.fields]
    if field.image_transformer is not None:
        made["image_transformer"] = field.image_transformer
    if field.format is not None:
        made["format"] = field.format
    return made


def _printed_column(column: Index, inherited: str) -> dict[str, object]:
    """The same of a column, whose position and key are printed even where they are null."""
    made: dict[str, object] = {"name": column.name, "type": column.type or inherited}
    if column.values:
        made["values"] = column.values
    if column.domain is not None:
        made["continuousDomain"] = column.domain
    return made | {"index": column.index, "key": column.key}


def with_classes(model: Model, name: str, labels: tuple[int | str, ...]) -> Model:
    """The model with the classes of an output's columns, in ``/describe`` too."""
    own = model.onnx or OnnxSettings()
    return msgspec.structs.replace(
        model, onnx=msgspec.structs.replace(own, zipmap={**own.zipmap, name: Labels(labels)})
    )


def with_output_shape(model: Model, name: str, shape: tuple[int, ...]) -> Model:
    """The model with another shape for one output, in ``/describe`` too."""
    outputs = tuple(
        msgspec.structs.replace(field, shape=shape) if field.name == name else field for field in model.outputs
    )
    return msgspec.structs.replace(model, outputs=outputs)


def with_output(model: Model, name: str, word: str, shape: Sequence[int] | None) -> Model:
    """The model with the type and shape that an output has once it is loaded, and its layout where it is an image.

    Args:
        model: The model.
        name: The output's name.
        word: Its type, in the word of ``/describe``.
        shape: Its sizes, -1 where one is free; None where its rank is unknown, and what was declared stays.
    """
    outputs = tuple(_loaded(field, word, shape) if field.name == name else field for field in model.outputs)
    return msgspec.structs.replace(model, outputs=outputs)


def _loaded(field: Field, word: str, shape: Sequence[int] | None) -> Field:
    if shape is None:
        return msgspec.structs.replace(field, type=word)
    layout = None if word in ("string", "boolean") else _image_layout(shape)
    return msgspec.structs.replace(field, type=word, shape=tuple(shape), image_transformer=layout)


def _image_layout(shape: Sequence[int]) -> ImageTransformer | None:
    """How an image lies in a tensor of this shape; None where the old runtime saw none (contract: Old fields)."""
    channel = max((index for index, size in enumerate(shape) if size in _CHANNELS), default=None)
    if channel is None or len(shape) not in (3, 4):
        return None
    words: list[Layout] = ["HEIGHT", "WIDTH"] if len(shape) == 3 else ["BATCH_SIZE", "HEIGHT", "WIDTH"]
    words.insert(channel, "CHANEL")
    return ImageTransformer(tuple(words), _CHANNELS[shape[channel]])
