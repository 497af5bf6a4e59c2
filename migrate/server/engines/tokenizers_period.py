"""Tokenizers as version 0.10 of the library, which ML Serving ran, read their files and answered."""

import json
from collections.abc import Sequence
from typing import Any, Final

_METASPACE: Final = "Metaspace"
_PREFIX: Final = "add_prefix_space"
_SCHEME: Final = "prepend_scheme"


def readable(text: str) -> str:
    """A tokenizer's file in words that are understood today.

    A ``Metaspace`` of before 0.14 says only whether it adds a space in front; "no" contradicts the default of what
    came in its place.
    """
    if _METASPACE not in text or f'"{_PREFIX}"' not in text:
        return text
    content = json.loads(text)
    changed = False
    waiting: list[Any] = [content.get("pre_tokenizer"), content.get("decoder")]
    while waiting:
        part = waiting.pop()
        if isinstance(part, list):
            waiting += part
        elif isinstance(part, dict):
            if part.get("type") == _METASPACE and part.get(_PREFIX) is False and _SCHEME not in part:
                part[_SCHEME] = "never"
                changed = True
            waiting += [value for value in part.values() if isinstance(value, list)]
    return json.dumps(content, ensure_ascii=False) if changed else text


class AsThen:
    """What encodings said then and do not say now."""

    def __init__(self, tokenizer: Any, *, special: bool) -> None:
        content = json.loads(tokenizer.to_str())
        model = content["model"]
        # Unknown words were given as they stand in the text.
        self._unknown = model.get("unk_token") if model.get("type") == "WordLevel" else None
        # Without special tokens the second text had the type 1.
        processor = content.get("post_processor") or {}
        self._types = processor.get("type") == "RobertaProcessing" and not special
        self._tokenizer = tokenizer

    def type_ids(self, encoding: Any) -> list[int]:
        """The types of an encoding's tokens."""
        found: list[int] = encoding.type_ids
        if not self._types:
            return found
        return [kind if text is None else text for kind, text in zip(found, encoding.sequence_ids, strict=True)]

    def tokens(self, encoding: Any, first: Sequence[str], second: Sequence[str], *, words: bool) -> list[str]:
        """The tokens of an encoding of two texts, or of their ``words``."""
        found: list[str] = encoding.tokens
        if self._unknown is None or self._unknown not in found:
            return found
        places = zip(found, encoding.sequence_ids, encoding.word_ids, encoding.offsets, strict=True)
        return [
            token
            if token != self._unknown or text is None
            else self._word((second if text else first)[(word or 0) if words else 0][offsets[0] : offsets[1]])
            for token, text, word, offsets in places
        ]

    def _word(self, text: str) -> str:
        normalizer = self._tokenizer.normalizer
        return str(normalizer.normalize_str(text)) if normalizer is not None else text
