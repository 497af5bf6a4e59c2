"""The model that stands for each runtime, and the folders that somebody names."""

from dataclasses import dataclass
from pathlib import Path
from typing import Final

_EXAMPLES: Final = Path(__file__).parents[2] / "examples"


@dataclass(frozen=True)
class Case:
    """A row of the table: a model's files."""

    name: str
    files: Path


# One for each runtime, from light to heavy.
CASES: Final = (
    Case("processors", _EXAMPLES / "formats/ages-scaler"),
    Case("onnx", _EXAMPLES / "models/iris"),
    Case("tokenizers", _EXAMPLES / "formats/support-tokens"),
    Case("pmml", _EXAMPLES / "formats/species-tree"),
    Case("torch", _EXAMPLES / "formats/species-torchscript"),
    Case("transformers", _EXAMPLES / "formats/support-pipeline"),
    Case("fastai", _EXAMPLES / "formats/species-learner"),
    Case("tensorflow", _EXAMPLES / "formats/wine-tf2"),
    Case("keras", _EXAMPLES / "formats/digits-h5"),
)
