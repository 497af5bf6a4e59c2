"""``model.json``: all that the server knows of a model before it loads it."""

from pathlib import Path
from typing import Any, Literal

import msgspec
from msgspec import Struct

SCHEMA = 1

# The order in which the old runtime printed the keys of a field and of its indexes.
_KEYS = (
    "name", "type", "values", "continuous_domain", "continuousDomain", "format", "shape", "index", "key", "fields",
    "image_transformer", "image_shape", "property_chanel",
)  # fmt: skip


class Index(Struct, frozen=True):
    """A named column of a tensor (``fields`` of a field). ``index`` is its position, or None for a whole tensor."""

    name: str
    type: str | None = None
    index: int | None = None


class ImageTransformer(Struct, frozen=True):
    """How an image lies in a tensor, in the old runtime's spelling."""

    image_shape: tuple[Literal["BATCH_SIZE", "HEIGHT", "WIDTH", "CHANEL"], ...]
    property_chanel: tuple[Literal["GRAY_SCALE", "RED", "GREEN", "BLUE"], ...]


class Field(Struct, frozen=True):
    """An input or output tensor. ``shape`` has -1 for an unknown dimension and is None for a plain field.

    ``format`` is how a date-time encoder reads or writes it.
    """

    name: str
    type: str
    shape: tuple[int, ...] | None = None
    fields: tuple[Index, ...] = ()
    image_transformer: ImageTransformer | None = None
    format: str | None = None


class Labels(Struct, frozen=True):
    """The class labels of a ZipMap, in the order of the columns."""

    labels: tuple[int | str, ...]


class OnnxSettings(Struct, frozen=True):
    """What only the ONNX engine needs.

    ``rows_apart``: each row of an answer is computed from one row alone. ``embedded``: the entry is a manifest, which
    holds the model as base64 in its ``binary``.
    """

    zipmap: dict[str, Labels] = {}
    rows_apart: bool = False
    embedded: bool = False


class Model(Struct, frozen=True, kw_only=True):
    """A model as ``model.json`` describes it.

    ``folder`` is the folder of ``model.json``; ``raw_inputs`` and ``raw_outputs`` are the fields exactly as
    ``/describe`` prints them; ``options`` is the object named after the engine, which only that engine reads.
    """

    schema: int
    id: str
    engine: str
    entry: str = ""
    title: str = ""
    artifact: str = ""
    files: str = "files"
    manifest: bool = False
    inputs: tuple[Field, ...]
    outputs: tuple[Field, ...]
    rolling_windows_size: int = 1
    onnx: OnnxSettings = OnnxSettings()
    folder: str = ""
    raw_inputs: tuple[dict[str, Any], ...] = ()
    raw_outputs: tuple[dict[str, Any], ...] = ()
    options: dict[str, Any] = {}

    @property
    def entry_path(self) -> Path:
        """The model's file."""
        return Path(self.folder, self.files, self.entry)

    @property
    def window(self) -> int:
        """Rows in one rolling window; TorchScript models print 0 and mean 1."""
        return max(1, self.rolling_windows_size)

    def describe(self) -> dict[str, object]:
        """The answer of ``/describe``."""
        return {
            "inputs": list(self.raw_inputs),
            "outputs": list(self.raw_outputs),
            "rolling_windows_size": self.rolling_windows_size,
        }


class ModelFileError(Exception):
    """``model.json`` cannot be used; the text says why."""


def read_model(folder: Path) -> Model:
    """Read ``folder/model.json``.

    Raises:
        ModelFileError: When it is missing, broken, of another schema, or names files outside of the folder.
    """
    path = folder / "model.json"
    try:
        raw = msgspec.json.decode(path.read_bytes())
    except (OSError, msgspec.MsgspecError) as error:
        raise ModelFileError(f"{path}: {error}") from error
    return model_of(raw, folder, str(path))


def model_of(raw: Any, folder: Path, path: str) -> Model:
    """The model that the content of ``model.json``, or of a step of a flow, describes; ``path`` names it in errors.

    Raises:
        ModelFileError: When it is of another schema, or names files outside of the folder.
    """
    try:
        model = msgspec.convert(raw, Model)
    except msgspec.MsgspecError as error:
        raise ModelFileError(f"{path}: {error}") from error
    if model.schema != SCHEMA:
        raise ModelFileError(f"{path}: schema {model.schema}, this server reads {SCHEMA}")
    root = folder.resolve()
    if not Path(root, model.files, model.entry).resolve().is_relative_to(root):
        raise ModelFileError(f"{path}: the model's file lies outside of the model's folder")
    names = [field.name for field in model.inputs]
    # Two steps of a flow may take the same name with different types, and both are printed.
    repeated = len(set(names)) != len(names) and model.engine != "flow"
    if not names or repeated or not model.outputs:
        raise ModelFileError(f"{path}: needs inputs of different names, and outputs")
    return msgspec.structs.replace(
        model,
        folder=str(folder),
        raw_inputs=tuple(_in_order(field) for field in raw["inputs"]),
        raw_outputs=tuple(_in_order(field) for field in raw["outputs"]),
        options=raw.get(model.engine) or {},
    )


def _in_order(field: dict[str, Any]) -> dict[str, Any]:
    """The keys as the old runtime printed them, whatever order the file was written in; unknown ones last."""
    known = [key for key in _KEYS if key in field]
    ordered = {key: field[key] for key in (*known, *(key for key in field if key not in _KEYS))}
    if isinstance(ordered.get("fields"), list):
        ordered["fields"] = [_in_order(index) for index in ordered["fields"]]
    if isinstance(ordered.get("image_transformer"), dict):
        ordered["image_transformer"] = _in_order(ordered["image_transformer"])
    return ordered


def read_models(root: Path) -> tuple[Model, ...]:
    """Every model folder in ``root``, or ``root`` itself when it is one, sorted by folder name.

    Raises:
        ModelFileError: When there is none, one cannot be used, or two have the same id.
    """
    if (root / "model.json").exists():
        return (read_model(root),)
    try:
        folders = sorted(path for path in root.iterdir() if (path / "model.json").exists())
    except OSError as error:
        raise ModelFileError(f"cannot read the models' folder: {error}") from error
    if not folders:
        raise ModelFileError(f"{root}: no folder with a model.json in it")
    models = tuple(read_model(folder) for folder in folders)
    if len({model.id for model in models}) != len(models):
        raise ModelFileError(f"{root}: two models have the same id")
    return models


def with_output_shape(model: Model, name: str, shape: tuple[int, ...]) -> Model:
    """The model with another shape for one output, in ``/describe`` too."""
    outputs = tuple(
        msgspec.structs.replace(field, shape=shape) if field.name == name else field for field in model.outputs
    )
    raw = tuple({**field, "shape": list(shape)} if field["name"] == name else field for field in model.raw_outputs)
    return msgspec.structs.replace(model, outputs=outputs, raw_outputs=raw)
