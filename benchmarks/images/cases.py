"""The model that stands for each runtime, and the folders that somebody names."""

from dataclasses import dataclass
from pathlib import Path
from typing import Final

EXAMPLES: Final = Path(__file__).parents[2] / "examples"


@dataclass(frozen=True)
class Case:
    """A row of the table: a model's files. Those of this project's own scripts are ``trusted``: they may run code."""

    name: str
    files: Path
    trusted: bool = False


# One for each runtime, from light to heavy.
CASES: Final = (
    Case("processors", EXAMPLES / "formats/ages-scaler", trusted=True),
    Case("onnx", EXAMPLES / "models/iris", trusted=True),
    Case("tokenizers", EXAMPLES / "formats/support-tokens", trusted=True),
    Case("pmml", EXAMPLES / "formats/species-tree", trusted=True),
    Case("torch", EXAMPLES / "formats/species-torchscript", trusted=True),
    Case("transformers", EXAMPLES / "formats/support-pipeline", trusted=True),
    Case("fastai", EXAMPLES / "formats/species-learner", trusted=True),
    Case("tensorflow", EXAMPLES / "formats/wine-tf2", trusted=True),
    Case("keras", EXAMPLES / "formats/digits-h5", trusted=True),
)
