"""What ML Serving did not serve, told by the names of files, and what it served without saying how."""

from collections.abc import Iterable
from typing import Final, NoReturn

from migrate.formats.onnx.recognise import HEAD
from migrate.formats.reading.case import Case
from migrate.formats.reading.errors import FormatError, quoted
from migrate.formats.recognise import model_entry

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


def refuse_zip(case: Case, path: str) -> NoReturn:
    """Say which model has to be unpacked.

    Raises:
        FormatError: Always.
    """
    with case.open(path) as (read, size):
        name = model_entry(read(0, HEAD)) or model_entry(read(max(0, size - HEAD), HEAD)) or ""
    raise FormatError(
        "model-in-zip",
        f"The file {quoted(path)} is a ZIP archive with the model {quoted(name)} in it, which is not read.",
        "Unpack it, and upload what is in it in its place; of archives, only a SavedModel's is served as it is.",
        verdict="needs-attention",
    )


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
