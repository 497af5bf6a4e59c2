"""``model.json``: all that the inference server knows of a model before it loads it.

The structs are those of the server's own ``model.py``, field for field, because the server imports nothing else of this
package; a test compares them. Whoever changes a field so that servers of earlier images read it wrongly raises
``SCHEMA`` in both: a server refuses a number above its own.
"""

from typing import Any, Final, Literal

import msgspec
from msgspec import Struct, field

SCHEMA: Final = 1

Layout = Literal["BATCH_SIZE", "HEIGHT", "WIDTH", "CHANEL"]
Colour = Literal["GRAY_SCALE", "RED", "GREEN", "BLUE"]


class Bounds(Struct, frozen=True):
    """A part of what a number may be; None where it has no end."""

    lower: float | None = field(default=None, name="lowerBound")
    upper: float | None = field(default=None, name="upperBound")


class Index(Struct, frozen=True, omit_defaults=True):
    """A named column of a tensor (``fields`` of a field).

    Attributes:
        name: What requests and answers call it.
        type: Its type; the tensor's where it is None.
        index: Its position, or None for a whole tensor.
        key: What a manifest says, any JSON.
        values: The texts that it may be, where they are known.
        domain: What its numbers may be.
    """

    name: str
    type: str | None = None
    index: int | None = None
    key: Any = None
    values: tuple[str, ...] = ()
    domain: tuple[Bounds, ...] | None = field(default=None, name="continuousDomain")


class ImageTransformer(Struct, frozen=True):
    """How an image lies in a tensor, in the old runtime's spelling."""

    image_shape: tuple[Layout, ...]
    property_chanel: tuple[Colour, ...]


class Field(Struct, frozen=True, omit_defaults=True):
    """An input or output tensor, with what ``/describe`` prints of it.

    Attributes:
        name: What requests and answers call it.
        type: ``string``, ``integer``, ``long``, ``float``, ``double`` or ``boolean``.
        shape: Sizes, -1 for an unknown one, ``()`` for a scalar; None for a plain field.
        fields: Its named columns.
        image_transformer: How an image lies in it.
        format: How a date-time encoder reads or writes it.
        values: The texts that it may be, where they are known.
        domain: What its numbers may be, as the manifest of a tensor spells it.
        plain_domain: The same as that of a plain field spells it.
    """

    name: str
    type: str
    shape: tuple[int, ...] | None = None
    fields: tuple[Index, ...] = ()
    image_transformer: ImageTransformer | None = None
    format: str | None = None
    values: tuple[str, ...] = ()
    domain: tuple[Bounds, ...] | None = field(default=None, name="continuous_domain")
    plain_domain: tuple[Bounds, ...] | None = field(default=None, name="continuousDomain")


class Labels(Struct, frozen=True):
    """The class labels of a ZipMap, in the order of the columns."""

    labels: tuple[int | str, ...]


Words = dict[str, tuple[str, ...]]
"""Texts that a model knows, by the name of the input: samples are made from them."""


class OnnxSettings(Struct, frozen=True, omit_defaults=True):
    """``onnx``.

    Attributes:
        zipmap: By output.
        rows_apart: Each row of an answer is computed from one row alone.
        one_thread: Its sums depend on the number of threads.
        words: Texts for the inputs.
        embedded: The model is a text in its manifest.
    """

    zipmap: dict[str, Labels] = {}
    rows_apart: bool = False
    one_thread: bool = False
    words: Words = {}
    embedded: bool = False


class TensorflowSettings(Struct, frozen=True):
    """``tensorflow``: where the SavedModel is in the model's files, and which signature is served.

    Attributes:
        saved_model: The path of its folder, or of an archive.
        signature: The signature's name.
        zip: Whether it is in an archive.
        root: Its folder in the archive.
        tags: Those of the graph.
        dtypes: TensorFlow's word for the dtype of each input.
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
    """``transformers``: the classes of a pipeline, and texts for its inputs."""

    pipeline_class: str = ""
    tokenizer_class: str = ""
    model_class: str = ""
    words: Words = {}


class FastaiSettings(Struct, frozen=True):
    """``fastai``: texts for its inputs."""

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

    Attributes:
        schema: The number of this form; a file without one has 1.
        id: The model's id, which may be any text; None for a step of a flow, and for what is not in an image yet.
        title: Its name for people.
        artifact: The digest of its files.
        engine: The engine's name.
        entry: The path of the model's file in ``files``; empty where it has none.
        files: The folder with the model's files.
        manifest: Whether a manifest declares inputs and outputs.
        inputs: In the order of ``/describe``.
        outputs: In the order of ``/describe``.
        rolling_windows_size: Rows in one rolling window; TorchScript models print 0 and mean 1.
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

    @property
    def window(self) -> int:
        """Rows in one rolling window, at least 1."""
        return max(1, self.rolling_windows_size)


NO_MODEL: Final = ModelJson(engine="", inputs=(), outputs=())
"""The description of what cannot be served."""


class Unserved(Struct, frozen=True):
    """``unserved.json``, in the place of ``model.json``: a model that cannot be served, and why."""

    id: str
    reason: str


def content_of(model: ModelJson) -> dict[str, Any]:
    """What the file holds, ready for JSON: what every engine needs is said even where it is the default."""
    made: dict[str, Any] = msgspec.json.decode(msgspec.json.encode(model))
    said = {name: getattr(model, name) for name in ("schema", "entry", "files", "manifest", "rolling_windows_size")}
    made |= {**said, "inputs": _fields(model.inputs), "outputs": _fields(model.outputs)}
    own = made.setdefault(model.engine, {})
    if model.engine == "onnx":
        own.setdefault("zipmap", {})
    if model.flow is not None:
        own["steps"] = [content_of(step) for step in model.flow.steps]
        if model.flow.hidden:
            own["hidden"] = _fields(model.flow.hidden)
    return made


def _fields(fields: tuple[Field, ...]) -> list[dict[str, Any]]:
    made: list[dict[str, Any]] = msgspec.json.decode(msgspec.json.encode(fields))
    for one in made:
        for column in one.get("fields", ()):
            column.setdefault("index", None)
            column.setdefault("key", None)
    return made
