"""The model that stands for each runtime, and the folders that somebody names."""

from dataclasses import dataclass
from pathlib import Path
from typing import Final

_EXAMPLES: Final = Path(__file__).parents[2] / "examples"


@dataclass(frozen=True)
class Case:
    """A row of the table: a model's files. Those of this project's own scripts are ``trusted``: they may run code."""

    name: str
    files: Path
    trusted: bool = False


# One for each runtime, from light to heavy.
CASES: Final = (
    Case("processors", _EXAMPLES / "formats/ages-scaler", trusted=True),
    Case("onnx", _EXAMPLES / "models/iris", trusted=True),
    Case("tokenizers", _EXAMPLES / "formats/support-tokens", trusted=True),
    Case("pmml", _EXAMPLES / "formats/species-tree", trusted=True),
    Case("torch", _EXAMPLES / "formats/species-torchscript", trusted=True),
    Case("transformers", _EXAMPLES / "formats/support-pipeline", trusted=True),
    Case("fastai", _EXAMPLES / "formats/species-learner", trusted=True),
    Case("tensorflow", _EXAMPLES / "formats/wine-tf2", trusted=True),
    Case("keras", _EXAMPLES / "formats/digits-h5", trusted=True),
)
