"""The tokenizers library, called directly."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tokenizers import Tokenizer

from .rules import Loaded, RefusedError, Request, typed


def load(settings: Mapping[str, Any], root: Path) -> Loaded:
    """A tokenizer file: one text, or its words where there are several."""
    file = json.loads((root / settings["entry"]).read_text(encoding="utf-8"))
    for part in ("pre_tokenizer", "decoder"):
        explicit(file.get(part))
    tokenizer: Any = Tokenizer.from_str(json.dumps(file))
    unknown = file["model"].get("unk_token") if file["model"].get("type") == "WordLevel" else None
    special = bool((settings.get("tokenizers") or {}).get("add_special_tokens"))

    def answer(request: Request) -> dict[str, Any]:
        first, second = texts("input1", request), texts("input2", request)
        if not first:
            raise RefusedError("no text")
        if len(first) == 1:
            made = tokenizer.encode(first[0], *second[:1], add_special_tokens=special)
        else:
            made = tokenizer.encode(first, second or None, is_pretokenized=True, add_special_tokens=special)
        sources = [first, second]
        tokens = [
            given(tokenizer, sources[of][word if len(first) > 1 else 0][slice(*place)])
            if token == unknown and of is not None
            else token
            for token, of, word, place in zip(made.tokens, made.sequence_ids, made.word_ids, made.offsets, strict=True)
        ]
        types = made.type_ids
        if not special and (file.get("post_processor") or {}).get("type") == "RobertaProcessing":
            types = [of if of is not None else kind for kind, of in zip(types, made.sequence_ids, strict=True)]
        found = {
            "tokens": tokens,
            "ids": made.ids,
            "typeIds": types,
            "specialTokensMask": made.special_tokens_mask,
            "attentionMask": made.attention_mask,
        }
        return {one["name"]: found[one["name"]] for one in settings["outputs"]}

    return Loaded(answer)


def explicit(part: Any) -> None:
    """Say in a Metaspace, however deep, that nothing is put in front, where it says so in the words of 0.13."""
    for inner in part if isinstance(part, list) else part.values() if isinstance(part, dict) else ():
        explicit(inner)
    if isinstance(part, dict) and part.get("type") == "Metaspace" and part.get("add_prefix_space") is False:
        part.setdefault("prepend_scheme", "never")


def given(tokenizer: Any, text: str) -> str:
    """A word that the model does not know, as the model saw it."""
    return tokenizer.normalizer.normalize_str(text) if tokenizer.normalizer else text


def texts(name: str, request: Request) -> list[str]:
    """The texts of one input; none where it is not in the request."""
    values = typed(name, "string", request.get(name, []))
    if values.ndim > 1 or any(value is None for value in values.ravel()):
        raise RefusedError(f"{name}: no list of texts")
    return [str(value) for value in values.ravel()]
