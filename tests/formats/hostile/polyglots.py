"""Files that are two things at once, or none."""

from tests.formats.hostile.archives import GOOD, WORDS
from tests.formats.hostile.base import HostileCase, example, zipped
from tests.formats.hostile.opcodes import CALLS, HARMLESS

_ZIP = zipped(GOOD)
_DIGITS = example("digits-h5")["digits.h5"]
_TREE = example("species-tree")["species-tree.pmml"]


def _case(word: str, refuses: str, path: str, content: bytes, reason: str) -> HostileCase:
    return HostileCase(word, refuses, {path: content}, "unreadable", reason)


CASES = (
    _case("words-zip", "an archive behind words", "m.pt", WORDS + _ZIP, "not-torch"),
    HostileCase(
        "pickle-zip",
        "an archive behind a pickle",
        {"m.pt": HARMLESS + _ZIP},
        "quarantined",
        "pickle-of-unknown-library",
    ),
    HostileCase("zip-zip", "an archive behind an archive", {"m.pt": _ZIP + _ZIP}, "quarantined", "archive-hidden-data"),
    _case("hdf5-zip", "an archive behind an HDF5 file", "m.h5", _DIGITS + _ZIP, "corrupt"),
    _case("hdf5-pickle", "a pickle behind an HDF5 file", "m.h5", _DIGITS + HARMLESS, "corrupt"),
    _case("pmml-zip", "an archive behind a PMML file", "m.pmml", _TREE + _ZIP, "corrupt"),
    _case("zero-bytes", "zero bytes only", "m.pt", bytes(64), "not-torch"),
    _case("empty-torch", "an empty file of PyTorch", "m.pt", b"", "empty"),
    _case("empty-keras", "an empty file of Keras", "m.h5", b"", "empty"),
    _case("empty-pmml", "an empty PMML file", "m.pmml", b"", "empty"),
    _case("empty-onnx", "an empty ONNX file", "m.onnx", b"", "empty"),
    _case("empty-tensorflow", "an empty SavedModel", "saved_model.pb", b"", "empty"),
    _case("words-onnx", "words that are named as ONNX", "m.onnx", WORDS, "not-onnx"),
    _case("pointer", "a note of Git LFS", "m.onnx", b"version https://git-lfs.github.com/spec/v1\n", "git-lfs-pointer"),
    HostileCase(
        "other-format", "a format that was not served", {"m.tflite": WORDS}, "unsupported", "unsupported-format"
    ),
    _case("no-model", "a folder without a model", "notes.txt", WORDS, "no-model"),
    HostileCase(
        "zipped-model",
        "a model in an archive beside other files",
        {"m.zip": zipped({"m.pmml": WORDS}), "words": WORDS},
        "needs-attention",
        "model-in-zip",
    ),
    HostileCase(
        "several-models",
        "two models in one folder",
        {"a.pmml": _TREE, "b.pmml": _TREE},
        "needs-attention",
        "several-models",
    ),
    HostileCase(
        "pickle-beside-a-model",
        "a pickle that calls, beside a good model",
        {**example("species-tree"), "other.pkl": CALLS},
        "ready",
        "",
        harmless="the server reads the entry of its settings only; the other file is named in the notes",
    ),
)
