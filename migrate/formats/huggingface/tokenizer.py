"""HuggingFace tokenizers: one JSON file, read to its end (contract: Old tokenizers)."""

from collections.abc import Mapping
from typing import Any, Final

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from migrate.core.model_json import Field, ModelJson, TokenizersSettings
from migrate.formats.manifest.fields import FieldReader
from migrate.formats.reading.case import Case, Found
from migrate.formats.reading.errors import FormatError, quoted

MAXIMUM_SIZE: Final = 256 * 1024 * 1024

# how a vocabulary begins: words with their ids, or pairs of them and their scores
_MODELS: Final = {**dict.fromkeys(("BPE", "WordPiece", "WordLevel"), b"{"), "Unigram": b"["}
_TEXT: Final = "string"
_INPUTS: Final = ("input1", "input2")
_OUTPUTS: Final = {
    "tokens": "string",
    "ids": "integer",
    "typeIds": "integer",
    "specialTokensMask": "integer",
    "attentionMask": "integer",
}


class _Model(Struct):
    """The part of a tokenizer that knows words."""

    vocab: msgspec.Raw
    type: str = "BPE"


class _Tokenizer(Struct):
    """As much of a tokenizer's file as is looked at."""

    model: _Model


def read_tokenizer_manifest(case: Case, reader: FieldReader, content: Mapping[str, Any]) -> Found:
    """``huggingface_tokenizer``: names the tokenizer's file.

    Raises:
        FormatError: The manifest is not valid, or the file is no tokenizer.
    """
    reader.only(content, ("saved_model_uri", "add_special_tokens"))
    special = content.get("add_special_tokens", False)
    if not isinstance(special, bool):
        reader.fail("add_special_tokens is neither true nor false")
    entry = reader.located(content, "saved_model_uri", case.sizes)
    if entry not in case.sizes:
        raise case.missing(reader.name, entry)
    found = read_tokenizer(case, entry)
    made = replace(found.settings, manifest=True, tokenizers=TokenizersSettings(add_special_tokens=special))
    return Found(found.format, found.runtime, made)


def read_tokenizer(case: Case, path: str) -> Found:
    """The tokenizer in a file.

    Raises:
        FormatError: It is none.
    """
    data = case.content(path, MAXIMUM_SIZE)
    try:
        model = msgspec.json.decode(data, type=_Tokenizer).model
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise _no_tokenizer(path, f"it is not valid, or has no model with a vocabulary ({error})") from None
    if model.type not in _MODELS:
        raise _no_tokenizer(path, f"its model is of the type {quoted(model.type)}")
    # a vocabulary may be large, and nobody needs it here
    if bytes(memoryview(model.vocab)[:1]) != _MODELS[model.type]:
        raise _no_tokenizer(path, "its model has no vocabulary")
    made = ModelJson(
        engine="tokenizers",
        entry=path,
        inputs=tuple(Field(name, _TEXT) for name in _INPUTS),
        outputs=tuple(Field(name, word) for name, word in _OUTPUTS.items()),
        tokenizers=TokenizersSettings(),
    )
    return Found("huggingface_tokenizer", "tokenizers", made)


def _no_tokenizer(path: str, why: str) -> FormatError:
    return FormatError(
        "not-a-tokenizer",
        f"The file {quoted(path)} is no tokenizer of the tokenizers library: {why}.",
        "Save it with tokenizer.save(...) or a fast tokenizer's save_pretrained, and upload tokenizer.json.",
    )
