"""What ML Serving did not serve, told by the names of files, and what it served without saying how."""

from collections.abc import Iterable
from typing import Final

from migrate.formats.reading.errors import FormatError, quoted

MAPPINGS: Final = "docs/other-formats.md"  # of this project

_SAVED_MODEL: Final = "Export the model as a SavedModel: tf.saved_model.save, or simple_save in TensorFlow 1."
_OTHERS: Final = {
    ".pb": ("a frozen graph of TensorFlow, without signatures", _SAVED_MODEL),
    ".pbtxt": ("a graph of TensorFlow as text", _SAVED_MODEL),
    ".keras": ("a model of Keras 3", "Export the model as a SavedModel: model.export('folder')."),
    ".tflite": ("a model of TensorFlow Lite", "Export the model that it was made of as a SavedModel or to ONNX."),
    ".ckpt": ("a checkpoint, without the model's code", "Export the whole model, as a SavedModel or as TorchScript."),
    ".safetensors": ("weights, without the model that they belong to", "Upload the whole folder of the pipeline."),
}
_BY_WORD: Final = {
    "pmml": "PMML",
    "torch": "pickled modules of PyTorch (TorchScript it did)",
    "huggingface": "pipelines of HuggingFace (tokenizers it did)",
    "pipeline": "pipelines of HuggingFace",
    "fastai": "exports of fastai",
}


def other_format(paths: Iterable[str]) -> FormatError | None:
    """The problem of a folder that holds a model of another format at its root; None where there is none."""
    for path in sorted(paths):
        for suffix, (what, task) in _OTHERS.items():
            if path.lower().endswith(suffix):
                text = f"The file {quoted(path)} is named as {what}, which ML Serving did not serve."
                return FormatError("unsupported-format", text, task, verdict="unsupported")
    return None


def undocumented(*words: str | None) -> str | None:
    """The sentence for the plan of a model, or None where ML Serving documented how it was called.

    Args:
        words: What ML Serving called its framework, and what its files are recognised as (see ``recognise``).
    """
    for word in words:
        if word in _BY_WORD:
            return (
                f"ML Serving did not document how it served {_BY_WORD[word]}: {MAPPINGS} has the mapping that is used, "
                "and --samples with old answers shows whether your clients see a difference"
            )
    return None
