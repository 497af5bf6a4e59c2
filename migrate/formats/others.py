"""Formats of ML Serving that this version does not move yet: told apart by name only."""

from collections.abc import Iterable
from typing import Final

from migrate.core.values import Inspection

_BY_SUFFIX: Final = {
    ".pb": "tensorflow",
    ".h5": "hdf5",
    ".keras": "keras",
    ".ts": "torch",
    ".pt": "torch",
    ".pth": "torch",
    ".pkl": "pickle",
    ".joblib": "pickle",
    ".pmml": "pmml",
}
_BY_FRAMEWORK: Final = {"tensorflow_1": "tensorflow"}


def unsupported_yet(model_format: str, notes: tuple[str, ...] = ()) -> Inspection:
    """The verdict on a format that is known and not moved yet."""
    return Inspection(
        format=model_format,
        runtime=None,
        verdict="unsupported",
        reason="format-not-yet-supported",
        text=f"This version moves ONNX models; this one is of the format {model_format}.",
        task="Export the model to ONNX, or wait for a version of this tool that moves its format.",
        notes=notes,
    )


def format_of(paths: Iterable[str], framework: str | None) -> str | None:
    """The format's name, from the files' names or from what ML Serving said; None where neither tells."""
    for path in sorted(paths):
        for suffix, word in _BY_SUFFIX.items():
            if path.lower().endswith(suffix):
                return word
    if framework and framework != "onnx":
        return _BY_FRAMEWORK.get(framework, framework)
    return None
