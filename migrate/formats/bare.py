"""Which reader reads a model that no manifest names."""

from collections.abc import Callable
from typing import Final

from migrate.formats.case import Case, Found
from migrate.formats.keras import read_keras
from migrate.formats.onnx_model import read_onnx
from migrate.formats.saved_model import GRAPH, read_saved_model
from migrate.formats.tokenizer import read_tokenizer
from migrate.formats.torch import read_torch_model

Reader = Callable[[Case, str], Found]

READERS: Final[dict[str, Reader]] = {
    "onnx": read_onnx,
    "tensorflow": read_saved_model,
    "keras": read_keras,
    "torch": read_torch_model,
    "tokenizer": read_tokenizer,
}

_SUFFIXES: Final = {
    ".onnx": "onnx",
    ".h5": "keras",
    ".hdf5": "keras",
    ".pt": "torch",
    ".pth": "torch",
    ".ts": "torch",
}


def word_of(path: str, recognised: str | None) -> str | None:
    """The word of the reader for a file: by its content, or else by its name, so that broken files are reported.

    Args:
        path: The file's path.
        recognised: What its content says.
    """
    if recognised in READERS:
        return recognised
    if path.rpartition("/")[2] == GRAPH:
        return "tensorflow"
    lower = path.lower()
    return next((word for suffix, word in _SUFFIXES.items() if lower.endswith(suffix)), None)
