"""Files of formats that ML Serving did not serve, told by their names, with what to do instead."""

from collections.abc import Iterable
from typing import Final

from migrate.formats.reading.errors import FormatError, quoted

_SAVED_MODEL: Final = "Export the model as a SavedModel: tf.saved_model.save, or simple_save in TensorFlow 1."
_OTHERS: Final = {
    ".pb": ("a frozen graph of TensorFlow, without signatures", _SAVED_MODEL),
    ".pbtxt": ("a graph of TensorFlow as text", _SAVED_MODEL),
    ".keras": ("a model of Keras 3", "Export the model as a SavedModel: model.export('folder')."),
    ".tflite": ("a model of TensorFlow Lite", "Export the model that it was made of as a SavedModel or to ONNX."),
    ".ckpt": ("a checkpoint, without the model's code", "Export the whole model, as a SavedModel or as TorchScript."),
    ".safetensors": ("weights, without the model that they belong to", "Upload the whole folder of the pipeline."),
}


def other_format(paths: Iterable[str]) -> FormatError | None:
    """The problem of a folder that holds a model of another format at its root; None where there is none."""
    for path in sorted(paths):
        for suffix, (what, task) in _OTHERS.items():
            if path.lower().endswith(suffix):
                text = f"The file {quoted(path)} is named as {what}, which ML Serving did not serve."
                return FormatError("unsupported-format", text, task, verdict="unsupported")
    return None
