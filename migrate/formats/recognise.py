"""What a file is, from a few kilobytes of it: content decides, never the suffix alone."""

import re
from typing import Final

from migrate.formats.archive.packed_model import entry_names, model_entry
from migrate.formats.archive.structure import ZIP
from migrate.formats.keras.hdf5_blocks import MAGIC as HDF5
from migrate.formats.manifest.structure import MANIFEST_TYPES
from migrate.formats.onnx.external import external_files
from migrate.formats.onnx.recognise import HEAD, is_onnx
from migrate.formats.reading.wire import Read
from migrate.formats.torch.structure import MAGIC as TORCH

_MANIFEST_TYPE: Final = re.compile(r'"type"\s*:\s*"(?:' + "|".join(MANIFEST_TYPES) + r')"')
_PIPELINE: Final = re.compile(r'"(?:architectures|model_type|transformers_version)"\s*:')
_TOKENIZER: Final = re.compile(r'"(?:added_tokens|truncation|pre_tokenizer|normalizer)"\s*:')

_PICKLE: Final = re.compile(rb"\x80[\x02-\x05][\x95\x8a}\](ccX\x8cKJMN)]")
_PMML: Final = re.compile(rb"<(?:[A-Za-z_][\w.-]*:)?PMML[\s>]")
_SAVED_MODEL: Final = re.compile(rb"\x08\x01\x12([\x80-\xff]{0,4}[\x00-\x7f])\x0a")
# Protobuf allows fields in any order, so a file of this name may begin with any of a SavedModel and of its graph.
_NAMED: Final = re.compile(rb"(?:\x08\x01)?\x12([\x80-\xff]{0,4}[\x00-\x7f])[\x0a\x12\x1a\x22\x2a\x32\x3a]")
_TORCH_ENTRY: Final = re.compile(rb"(?:^|/)(?:data\.pkl|constants\.pkl|code/__torch__|byteorder|version|data/\d+)")
_SAVED_MODEL_ENTRY: Final = re.compile(rb"saved_model\.pb|variables/variables\.")
_SAVED_MODEL_NAME: Final = re.compile(r"(?:^|/)(?:saved_model\.pb$|variables/variables\.)")


def word(name: str, size: int, read: Read) -> str | None:
    """The word for a format, by structure, or None.

    The words are ``manifest`` for a manifest of any type, and for what needs none ``onnx``, ``tensorflow`` (a
    ``saved_model.pb``, or an archive of one), ``keras`` (HDF5), ``torch``, ``pmml``, ``pipeline`` (the ``config.json``
    of a HuggingFace model), ``tokenizer``, ``pickle`` (of anything else) and ``zip`` (an archive that is called so and
    has a model in it that is served unpacked).

    A ``manifest``, a ``saved_model.pb`` and a ``pipeline`` speak for the whole folder they lie in. An ONNX file that
    ends too early is still recognised, so that it is reported and not overlooked.

    Args:
        name: The file's name or path; what is told by its text only must end in ``.json``.
        size: Its size in bytes.
        read: ``read(offset, length)``; called at most six times, for two kilobytes each.
    """
    head = read(0, min(size, HEAD)) if size else b""
    if name.lower().endswith(".json"):
        return _json(name, head, read(max(0, size - HEAD), min(size, HEAD)) if size > HEAD else b"")
    if head.startswith(ZIP):
        return _archive(name, head, read(max(0, size - HEAD), min(size, HEAD)))
    if head.startswith(HDF5):
        return "keras"
    if head.startswith(TORCH):
        return "torch"
    if _PICKLE.match(head):
        return "pickle"
    if head.lstrip(b"\xef\xbb\xbf \t\r\n").startswith(b"<"):
        return "pmml" if _PMML.search(head) else None
    if is_onnx(size, lambda offset, length: _cached(head, read, offset, length)):
        return "onnx"
    return "tensorflow" if _is_saved_model(name, head) else None


class Recogniser:
    """Recognises a file; called, it gives the word for a format (see ``word``)."""

    def __call__(self, name: str, size: int, read: Read) -> str | None:
        """The word for a format, by structure, or None."""
        return word(name, size, read)

    def beside(self, word: str, size: int, read: Read) -> tuple[str, ...]:
        """The other files that a model of one file needs, as plain paths relative to it; costs a read of its graph."""
        return external_files(size, read) if word == "onnx" else ()


recognise: Final = Recogniser()


def _cached(head: bytes, read: Read, offset: int, length: int) -> bytes:
    return head[offset : offset + length] if offset + length <= len(head) else read(offset, length)


def _json(name: str, head: bytes, tail: bytes) -> str | None:
    if not head.removeprefix(b"\xef\xbb\xbf").lstrip().startswith(b"{"):
        return None
    # writers that sort keys, or embed a whole model, have what tells at the end
    ends = [part.decode("utf-8", "replace") for part in (head, tail)]
    if any(_MANIFEST_TYPE.search(part) for part in ends):
        return "manifest"
    file = name.lower().rpartition("/")[2]
    if file == "config.json" and any(_PIPELINE.search(part) for part in ends):
        return "pipeline"
    return "tokenizer" if file == "tokenizer.json" and _TOKENIZER.search(ends[0]) else None


def _archive(name: str, head: bytes, tail: bytes) -> str | None:
    """What a ZIP archive holds, by the names of its first and last entries."""
    names = entry_names(head, tail)
    if name.lower().endswith(".zip") and model_entry(names) and not any(map(_SAVED_MODEL_NAME.search, names)):
        return "zip"  # its entries may be archives of the other kinds
    ends = head + tail
    if _SAVED_MODEL_ENTRY.search(ends):
        return "tensorflow"
    return "torch" if _TORCH_ENTRY.search(ends) else None


def _is_saved_model(name: str, head: bytes) -> bool:
    """The version 1 of a SavedModel, and a graph that is longer than any other program's name."""
    pattern = _NAMED if name.rpartition("/")[2] == "saved_model.pb" else _SAVED_MODEL
    found = pattern.match(head)
    return found is not None and int.from_bytes(found[1][:2], "little") > 0
