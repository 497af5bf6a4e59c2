"""HuggingFace tokenizer: a text or its words, and optionally a second one, into tokens (contract: Old tokenizers)."""

from collections.abc import Mapping
from typing import Any, Final

import numpy as np
from tokenizers import Tokenizer

from migrate.server.engines import tokenizers_period as old_files
from migrate.server.errors import HttpError, bad_request
from migrate.server.evaluator import Evaluated, Stop
from migrate.server.model import Model
from migrate.server.model_engine import ContradictionError
from migrate.server.tensors import TYPELESS, Array, Tensor, check_type

_FIRST: Final = "input1"
_SECOND: Final = "input2"
_IDS: Final = ("ids", "typeIds", "specialTokensMask", "attentionMask")
_OUTPUTS: Final = ("tokens", *_IDS)


class TokenizersEngine:
    """A tokenizer, safe to run from several threads at once; it adds no special tokens unless it is told to."""

    def __init__(self, model: Model, *, threads: int) -> None:
        del threads  # a request is one text
        try:
            text = old_files.readable(model.entry_path.read_text(encoding="utf-8"))
            self._tokenizer: Any = Tokenizer.from_str(text)
        except Exception as error:
            raise ContradictionError(f"tokenizers cannot load {model.entry}: {error}") from error
        self._special = model.tokenizers is not None and model.tokenizers.add_special_tokens
        self._as_then = old_files.AsThen(self._tokenizer, special=self._special)
        names = {field.name for field in model.inputs}
        if _FIRST not in names or not names <= {_FIRST, _SECOND}:
            raise ContradictionError(
                f"model.json declares the inputs {sorted(names)}, a tokenizer has input1 and input2"
            )
        self._names = [field.name for field in model.outputs]
        unknown = set(self._names) - set(_OUTPUTS)
        if unknown:
            raise ContradictionError(f"a tokenizer has no outputs {sorted(unknown)}, it has {list(_OUTPUTS)}")

    @property
    def inputs(self) -> Mapping[str, str]:
        """Strings."""
        return {_FIRST: "object", _SECOND: "object"}

    @property
    def outputs(self) -> Mapping[str, str]:
        """Strings for the tokens, and integers."""
        return {name: "object" if name == "tokens" else "int32" for name in self._names}

    def run(self, feeds: Mapping[str, Array]) -> dict[str, Array]:
        """Encode: one string is a text, several are its words; the first input decides for both.

        Raises:
            migrate.server.errors.HttpError: 500, as the old runtime had it, when the tokenizer refuses.
        """
        first = [str(text) for text in feeds[_FIRST].reshape(-1)]
        second = [str(text) for text in feeds[_SECOND].reshape(-1)] if _SECOND in feeds else []
        if not first:
            raise bad_request(f"Tensor {_FIRST} holds no text")
        words = len(first) > 1
        pair = (second if words else second[0]) if second else None
        try:
            encoding = self._tokenizer.encode(
                first if words else first[0], pair, is_pretokenized=words, add_special_tokens=self._special
            )
        except Exception as error:
            raise HttpError(500, "Internal error", f"the tokenizer refuses: {error}") from error
        found = {
            "tokens": np.array(self._as_then.tokens(encoding, first, second, words=words), np.object_),
            "ids": np.array(encoding.ids, np.int32),
            "typeIds": np.array(self._as_then.type_ids(encoding), np.int32),
            "specialTokensMask": np.array(encoding.special_tokens_mask, np.int32),
            "attentionMask": np.array(encoding.attention_mask, np.int32),
        }
        return {name: found[name] for name in self._names}

    def complete(self, model: Model) -> Model:
        """The description as it is."""
        return model

    def evaluate(self, tensors: Mapping[str, Tensor], stop: Stop | None, *, strict_nulls: bool) -> Evaluated:
        """Encode the texts of a request; there is no place inside to stop at.

        Raises:
            migrate.server.errors.HttpError: 400, when there is no text.
        """
        del stop, strict_nulls
        if _FIRST not in tensors:
            raise bad_request(f"Unable to find a tensor with name {_FIRST}")
        feeds = {}
        for name in (_FIRST, _SECOND):
            tensor = tensors.get(name)
            if tensor is None or (name == _SECOND and tensor.type == TYPELESS):
                continue
            check_type(tensor.type, "string")
            if tensor.nulls is not None:
                raise bad_request(f"Tensor {name} holds a null", "a null is no text")
            if tensor.data.ndim > 1:
                raise bad_request(f"Tensor {name} is expected to be a scalar or a vector")
            feeds[name] = tensor.data
        return Evaluated(self.run(feeds), 0)
