"""The tokenizers library, called directly."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tokenizers import Tokenizer

from .rules import Loaded, RefusedError, Request, typed


def load(settings: Mapping[str, Any], root: Path) -> Loaded:
    """A tokenizer file: one text, or its words where there are several."""
    tokenizer: Any = Tokenizer.from_file(str(root / settings["entry"]))
    special = bool((settings.get("tokenizers") or {}).get("add_special_tokens"))

    def answer(request: Request) -> dict[str, Any]:
        first, second = texts("input1", request), texts("input2", request)
        if not first:
            raise RefusedError("no text")
        if len(first) == 1:
            made = tokenizer.encode(first[0], *second[:1], add_special_tokens=special)
        else:
            made = tokenizer.encode(first, second or None, is_pretokenized=True, add_special_tokens=special)
        found = {
            "tokens": made.tokens,
            "ids": made.ids,
            "typeIds": made.type_ids,
            "specialTokensMask": made.special_tokens_mask,
            "attentionMask": made.attention_mask,
        }
        return {one["name"]: found[one["name"]] for one in settings["outputs"]}

    return Loaded(answer)


def texts(name: str, request: Request) -> list[str]:
    """The texts of one input; none where it is not in the request."""
    values = typed(name, "string", request.get(name, []))
    if values.ndim > 1 or any(value is None for value in values.ravel()):
        raise RefusedError(f"{name}: no list of texts")
    return [str(value) for value in values.ravel()]
