"""transformers, called directly: each text of a request through the pipeline by itself, where nothing is drawn."""

import json
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

os.environ |= {"HF_HUB_OFFLINE": "1", "TRANSFORMERS_OFFLINE": "1", "HF_HUB_DISABLE_TELEMETRY": "1"}
os.environ |= {"TOKENIZERS_PARALLELISM": "false", "TRANSFORMERS_VERBOSITY": "error"}

import numpy as np
import transformers

from .rules import Loaded, RefusedError, Request, typed

library: Any = transformers


def load(settings: Mapping[str, Any], root: Path) -> Loaded:
    """The pipeline that a manifest names, of the files beside its configuration."""
    own, folder = settings["transformers"], str((root / settings["entry"]).parent)
    model = getattr(library, own["model_class"]).from_pretrained(folder, local_files_only=True).eval()
    tokenizer = getattr(library, own["tokenizer_class"]).from_pretrained(folder, local_files_only=True)
    pipeline = getattr(library, own["pipeline_class"])(model=model, tokenizer=tokenizer, device=-1)
    if hasattr(pipeline, "generation_config"):
        pipeline.generation_config = model.generation_config  # as the files say, and not as pipelines do today
        if own["pipeline_class"] == "SummarizationPipeline" and getattr(model.config, "task_specific_params", None):
            pipeline.generation_config.update(**model.config.task_specific_params.get("summarization", {}))
    names = [one["name"] for one in settings["inputs"]]
    # What is drawn by chance depends on what was drawn before in the same request, the start of a list included.
    writes = any(one["name"].endswith("_text") for one in settings["outputs"])

    def answer(request: Request) -> dict[str, Any]:
        rows = texts(names, request)
        library.set_seed(0)
        if writes:
            found = [written(pipeline, text, settings["outputs"][0]["name"]) for (text,) in rows]
        else:
            found = [
                pipeline(*row) if len(row) == 1 else pipeline(**dict(zip(names, row, strict=True))) for row in rows
            ]
        return {one["name"]: output(one["name"], found) for one in settings["outputs"]}

    return Loaded(answer)


def written(pipeline: Any, text: str, key: str) -> Any:
    """What a pipeline writes: so many tokens in all as its configuration says, or so many new ones."""
    config = pipeline.generation_config
    if config.max_new_tokens:
        return pipeline(text)
    if not pipeline.model.config.is_encoder_decoder and len(pipeline.tokenizer.encode(text)) >= config.max_length:
        return [{key: text}]  # there is no room for more
    return pipeline(text, max_length=config.max_length)


def texts(names: Sequence[str], request: Request) -> list[tuple[str, ...]]:
    """The texts of each row."""
    columns = [typed(name, "string", request[name]).ravel().tolist() for name in names]
    if any(text is None for column in columns for text in column):
        raise RefusedError("a null is no text")
    return list(zip(*columns, strict=True))


def output(name: str, found: Sequence[Any]) -> list[Any]:
    """One output of all rows: the value of a key, the keys of several guesses, or everything."""
    if name == "entities":
        return [json.dumps(row, default=float, ensure_ascii=False) for row in found]
    if name == "features":
        arrays = [np.asarray(row, np.float32)[0] for row in found]
        longest = max(len(array) for array in arrays)
        return [np.pad(array, ((0, longest - len(array)), (0, 0))).tolist() for array in arrays]
    if name in ("token_str", "sequence") or (name == "score" and isinstance(found[0], list) and len(found[0]) > 1):
        return [[value(guess[name]) for guess in row] for row in found]
    return [value((row[0] if isinstance(row, list) else row)[name]) for row in found]


def value(one: Any) -> Any:
    """A value as JSON has it."""
    return one.item() if isinstance(one, np.generic) else one
