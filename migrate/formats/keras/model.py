"""Keras models in HDF5: the configuration in ``model_config``, never the byte-code in it (contract: Old TensorFlow)."""

from collections.abc import Mapping
from typing import Any, Final

import msgspec

from migrate.core.model_json import Field, KerasSettings, ModelJson
from migrate.formats.keras.classes import LOOKUPS
from migrate.formats.keras.graph import built_shape, graph_of, input_shape, settings_of
from migrate.formats.keras.hazards import dangers
from migrate.formats.keras.hdf5_attributes import texts
from migrate.formats.keras.hdf5_blocks import Blocks, Hdf5Error
from migrate.formats.keras.hdf5_objects import check_objects
from migrate.formats.keras.loadable import check_loadable
from migrate.formats.keras.shapes import output_shape
from migrate.formats.reading.case import Case, Found
from migrate.formats.reading.errors import FormatError, quoted
from migrate.formats.reading.fields import tensor_field

# The names that the old runtime's converter gave.
INPUT: Final = "inputs"
OUTPUT: Final = "prediction"

_WANTED: Final = frozenset({"model_config", "keras_version"})
_WORDS: Final = {
    **dict.fromkeys(("float32", "float16", "mixed_float16", "mixed_bfloat16"), "float"),
    "float64": "double",
    **dict.fromkeys(("int32", "uint8", "int8", "int16", "uint16", "uint32"), "integer"),
    "int64": "long",
    "bool": "boolean",
    "string": "string",
}
_EXPORT: Final = "Save the model again with model.save('model.h5') of Keras 2, or export it as a SavedModel."


def read_keras(case: Case, path: str) -> Found:
    """The model in an HDF5 file.

    Raises:
        FormatError: It cannot be served.
    """
    with case.open(path) as (read, size):
        if size == 0:
            raise FormatError("empty", f"The file {quoted(path)} is empty.", "Upload the complete file in its place.")
        try:
            blocks = Blocks(read, size)
            found = texts(blocks, blocks.messages(blocks.root), _WANTED)
            outside = check_objects(blocks)
        except Hdf5Error as error:
            raise _broken(path, error) from None
    for one in outside:
        case.danger(path, "hdf5-outside", f"The file {quoted(path)} {one.text}.")
    config = _config(path, found)
    for code, text in dangers(config):
        case.danger(path, code, f"The model {quoted(path)} {text}.")
    version = found.get("keras_version", b"").decode("ascii", "replace")
    check_loadable(path, version, config)
    return _found(path, config)


def _config(path: str, found: Mapping[str, bytes]) -> Mapping[str, Any]:
    """The configuration, of a version of Keras that ``tf_keras`` reads."""
    version = found.get("keras_version", b"").decode("ascii", "replace")
    if version.partition(".")[0].isdigit() and int(version.partition(".")[0]) >= 3:
        raise FormatError(
            "newer-than-supported",
            f"The model {quoted(path)} was saved by Keras {quoted(version)}, and Keras 2 reads up to 2.x.",
            "Export it as a SavedModel: model.export('folder').",
            verdict="unsupported",
        )
    if "model_config" not in found:
        raise FormatError(
            "weights-only",
            f"The HDF5 file {quoted(path)} has no model_config: it holds weights or other data, and no model.",
            "Save the whole model: model.save('model.h5') instead of save_weights.",
            verdict="unsupported",
        )
    try:
        config = msgspec.json.decode(found["model_config"])
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError) as error:
        raise FormatError("corrupt", f"The model_config of {quoted(path)} is no JSON: {error}.", _EXPORT) from None
    if (
        not isinstance(config, dict)
        or config.get("class_name") is None
        or not isinstance(config.get("config"), dict | list)
    ):
        raise FormatError("corrupt", f"The model_config of {quoted(path)} describes no model.", _EXPORT)
    return config


def _found(path: str, config: Mapping[str, Any]) -> Found:
    graph = graph_of(config)
    if graph is None:
        raise FormatError(
            "unsupported-model",
            f"The model {quoted(path)} is of the class {quoted(str(config['class_name']))}, or has no layers.",
            "Export it as a SavedModel.",
            verdict="unsupported",
        )
    if len(graph.sources) != 1 or len(graph.targets) != 1:
        counts = f"{len(graph.sources)} inputs and {len(graph.targets)} outputs"
        raise FormatError(
            "several-tensors",
            f"The model {quoted(path)} has {counts}; ML Serving took one of each.",
            "Export it as a SavedModel, which may have several.",
            verdict="unsupported",
        )
    source, target = graph.sources[0], graph.targets[0]
    first, last = graph.layers[source], graph.layers[target]
    shape = input_shape(first) or built_shape(config)
    if shape is None:
        raise FormatError(
            "no-input-shape",
            f"The model {quoted(path)} does not say the shape of its input.",
            "Build it with an input shape (input_shape=... of the first layer), and save it again.",
            verdict="unsupported",
        )
    out = output_shape(graph, shape[0])
    given = _word(path, source, first, "float32")
    # layers that name no type take that of the first, as in the files of Keras up to 2.2
    word = _gives(last) or _word(path, target, last, "float64" if given == "double" else "float32")
    # a shape that the configuration does not tell is left to the engine
    output = Field(OUTPUT, word) if out is None else tensor_field(OUTPUT, word, out)
    made = ModelJson(
        engine="keras",
        entry=path,
        inputs=(tensor_field(INPUT, given, shape),),
        outputs=(output,),
        keras=KerasSettings(source, target),
    )
    return Found("keras", "keras", made)


def _gives(layer: Mapping[str, Any]) -> str | None:
    """The type of what a layer gives where that is not the type that it computes in."""
    name, config = layer.get("class_name"), settings_of(layer)
    if name in ("Discretization", "Hashing", *LOOKUPS):
        if config.get("output_mode", "int") != "int":
            return "float"
        return "string" if name == "StringLookup" and config.get("invert") else "long"
    return None


def _word(path: str, name: str, layer: Mapping[str, Any], default: str) -> str:
    dtype = settings_of(layer).get("dtype")
    dtype = default if dtype is None else dtype
    if isinstance(dtype, Mapping):
        policy = dtype.get("config")
        dtype = policy.get("name") if isinstance(policy, Mapping) else None
    word = _WORDS.get(dtype) if isinstance(dtype, str) else None
    if word is None:
        raise FormatError(
            "unsupported-tensor",
            f"The layer {quoted(name)} of {quoted(path)} has the dtype {quoted(str(dtype))}.",
            "Save the model with float32 layers.",
            verdict="unsupported",
        )
    return word


def _broken(path: str, error: Hdf5Error) -> FormatError:
    name = quoted(path)
    if error.kind == "truncated":
        text = f"The HDF5 file {name} is incomplete: {error.text}."
        return FormatError("truncated", text, "Upload the complete file in its place.")
    if error.kind == "unsupported":
        text = f"The HDF5 file {name} uses what Keras does not write: {error.text}."
        return FormatError("unsupported-hdf5", text, _EXPORT, verdict="unsupported")
    return FormatError("corrupt", f"The HDF5 file {name} is broken: {error.text}.", _EXPORT)
