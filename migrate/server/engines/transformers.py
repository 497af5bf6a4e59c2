"""HuggingFace pipelines: texts in, what the pipeline's answers hold as tensors out (docs/other-formats.md)."""

import json
import os
import warnings
from collections.abc import Callable, Mapping, Sequence
from functools import cache
from importlib.metadata import version
from multiprocessing.pool import ThreadPool
from threading import Lock
from typing import Any, Final

import numpy as np

from migrate.server.engines.deferred import complete, defer
from migrate.server.engines.torch_calls import failed, prepare
from migrate.server.errors import bad_request
from migrate.server.model import Model, TransformersSettings
from migrate.server.model_engine import ContradictionError
from migrate.server.tensors import DTYPES, Array

# Nothing is looked for in the network, and threads are the server's business; both are read on import.
os.environ |= {"HF_HUB_OFFLINE": "1", "TRANSFORMERS_OFFLINE": "1", "HF_HUB_DISABLE_TELEMETRY": "1"}
os.environ |= {"TOKENIZERS_PARALLELISM": "false", "TRANSFORMERS_VERBOSITY": "error"}

import torch


def _as_it_is(function: Any = None, *_: Any, **__: Any) -> Any:
    """A decorator that says something of a function to a compiler."""
    return _as_it_is if function is None else function


# What is for training on several machines, and for compiling, is half of what the library imports. Without the first
# it is as with a PyTorch that was built without it; the second is made whole where something is compiled after all.
torch.distributed.is_available = lambda: False
defer("torch._dynamo", known={"allow_in_graph": _as_it_is, "disable": _as_it_is})

# Two maps of all its files are made when it is imported, and the cache between them is too small for their number.
defer("transformers", known={"__version__": version("transformers")})
from transformers.utils import import_utils

import_utils.create_import_structure_from_path = cache(import_utils.create_import_structure_from_path.__wrapped__)
complete("transformers")
import transformers
from transformers.data.processors import squad

# Questions with a tokenizer in Python go through a pool, whose forks of a process with threads may hang.
squad.Pool = ThreadPool

Items = Sequence[Any]
# Seeds, and what a pool starts with, are of the process. So is what the library changes while it loads a network: of
# two that load at a time one is left without weights (transformers 4.57; findings/transformers-loads-one-at-a-time.sh).
_turn: Final = Lock()
_SEED: Final = 0  # of pipelines whose configuration samples: the same request gets the same answer


class TransformersEngine:
    """A pipeline on the CPU; calls take turns, each with all the threads there are."""

    def __init__(self, model: Model, *, threads: int) -> None:
        prepare(threads)
        warnings.filterwarnings("ignore", module=r"transformers\b")
        own = model.transformers or TransformersSettings()
        kind = own.pipeline_class
        if kind not in _PIPELINES:
            raise ContradictionError(f"the pipeline {kind} is none of those that are served: {', '.join(_PIPELINES)}")
        self._names, self._answers = _PIPELINES[kind]
        if [field.name for field in model.inputs] != list(self._names):
            raise ContradictionError(f"a {kind} takes {', '.join(self._names)}")
        self._inputs = model.inputs
        self._outputs = model.outputs
        self._pipeline = _load(model, own)

    @property
    def inputs(self) -> Mapping[str, str]:
        """Texts."""
        return {field.name: "object" for field in self._inputs}

    @property
    def outputs(self) -> Mapping[str, str]:
        """Numpy's word for the dtype of each output."""
        return {field.name: str(np.dtype(DTYPES[field.type])) for field in self._outputs}

    def run(self, feeds: Mapping[str, Array]) -> dict[str, Array]:
        """Put the texts through the pipeline, all of a request in one batch."""
        texts = [[str(text) for text in feeds[name].reshape(-1)] for name in self._names]
        if len({len(each) for each in texts}) != 1:
            counts = ", ".join(f"{name}: {len(each)}" for name, each in zip(self._names, texts, strict=True))
            raise bad_request("All tensors should have the same size", counts)
        try:
            with _turn:
                transformers.set_seed(_SEED)
                found = self._answers(self._pipeline, texts)
        except Exception as error:
            raise failed(str(error)) from error
        missing = [field.name for field in self._outputs if field.name not in found]
        if missing:
            raise failed(f"the pipeline has no {', '.join(missing)} in its answers, it has {', '.join(found)}")
        return {field.name: found[field.name] for field in self._outputs}

    def complete(self, model: Model) -> Model:
        """The description as it is."""
        return model


def _load(model: Model, own: TransformersSettings) -> Any:
    folder = model.entry_path.parent
    try:
        tokenizer_class = _named(own.tokenizer_class or "AutoTokenizer", "from_pretrained")
        model_class = _named(own.model_class or "AutoModel", "from_pretrained")
        kind = getattr(transformers, own.pipeline_class)
        with _turn:
            tokenizer = tokenizer_class.from_pretrained(str(folder), local_files_only=True)
            network = model_class.from_pretrained(str(folder), local_files_only=True).eval()
            pipeline: Any = kind(model=network, tokenizer=tokenizer, framework="pt", device=-1)
    except ContradictionError:
        raise
    except Exception as error:
        raise ContradictionError(f"the pipeline cannot be loaded: {_cause(error)[:400]}") from error
    if hasattr(pipeline, "generation_config"):
        # How much and how it writes is as the model's files say; today's pipelines have defaults of their own.
        pipeline.generation_config = network.generation_config
        special = getattr(network.config, "task_specific_params", None) or {}
        pipeline.generation_config.update(**special.get(_TASKS.get(own.pipeline_class), {}))
    return pipeline


def _cause(error: BaseException) -> str:
    """What went wrong first: transformers wraps the failures of a tokenizer into advice."""
    while error.__context__ is not None:
        error = error.__context__
    return str(error).strip() or type(error).__name__


def _named(word: str, method: str) -> Any:
    """A class of the library by the name that a manifest gives; nothing else of it can be reached.

    Raises:
        ContradictionError: There is no such class.
    """
    found = getattr(transformers, word, None) if word.isidentifier() and not word.startswith("_") else None
    if not isinstance(found, type) or not hasattr(found, method):
        raise ContradictionError(f"transformers {transformers.__version__} has no class {word}")
    return found


def _features(pipeline: Any, texts: list[list[str]]) -> dict[str, Array]:
    """Hidden states, shorter texts filled up with zeros."""
    found = [np.asarray(each, np.float32).reshape(-1, np.shape(each)[-1]) for each in pipeline(texts[0])]
    features = np.zeros((len(found), max(map(len, found)), found[0].shape[-1]), np.float32)
    for row, each in zip(features, found, strict=True):
        row[: len(each)] = each
    return {"features": features}


def _classes(pipeline: Any, texts: list[list[str]]) -> dict[str, Array]:
    return _columns(pipeline(texts[0]), {"label": object, "score": np.float32})


def _entities(pipeline: Any, texts: list[list[str]]) -> dict[str, Array]:
    """As many entities as there are: a text's list of them as JSON."""
    found = [json.dumps(each, default=float, ensure_ascii=False) for each in pipeline(texts[0])]
    return {"entities": np.array(found, np.object_)}


def _spans(pipeline: Any, texts: list[list[str]]) -> dict[str, Array]:
    found = [pipeline(question=question, context=context) for question, context in zip(*texts, strict=True)]
    return _columns(found, {"answer": object, "score": np.float32, "start": np.int64, "end": np.int64})


def _masks(pipeline: Any, texts: list[list[str]]) -> dict[str, Array]:
    """The best words for the one mask of each text, best first."""
    found = pipeline(texts[0])
    rows = found if found and isinstance(found[0], list) else [found]
    return {
        "token_str": np.array([[each["token_str"] for each in row] for row in rows], np.object_),
        "score": np.array([[each["score"] for each in row] for row in rows], np.float32),
        "sequence": np.array([[each["sequence"] for each in row] for row in rows], np.object_),
    }


def _texts(key: str) -> Callable[[Any, list[list[str]]], dict[str, Array]]:
    def answers(pipeline: Any, texts: list[list[str]]) -> dict[str, Array]:
        length = _length(pipeline)
        found = [{key: text} if _is_whole(pipeline, text, length) else pipeline(text, **length) for text in texts[0]]
        return _columns([each[0] if isinstance(each, list) else each for each in found], {key: object})

    return answers


def _length(pipeline: Any) -> dict[str, int]:
    """How many tokens an answer has, the prompt or the token it starts with among them.

    A length of 20, the default, once counted like any other; now it counts new tokens unless the call says it.
    """
    config = pipeline.generation_config
    return {} if config.max_new_tokens is not None else {"max_length": config.max_length}


def _is_whole(pipeline: Any, text: str, length: Mapping[str, int]) -> bool:
    """Whether a prompt has the length of the answer already: nothing was added to it then, and now it is refused."""
    if not length or pipeline.model.config.is_encoder_decoder:
        return False
    return len(pipeline.tokenizer(text)["input_ids"]) >= length["max_length"]


def _columns(found: Items, dtypes: Mapping[str, Any]) -> dict[str, Array]:
    return {name: np.array([each[name] for each in found], dtype) for name, dtype in dtypes.items()}


# What a pipeline of this class called its task, for which a configuration may have parameters of its own.
_TASKS: Final = {"SummarizationPipeline": "summarization"}
_ONE: Final = ("inputs",)
_PIPELINES: Final[dict[str, tuple[tuple[str, ...], Callable[[Any, list[list[str]]], dict[str, Array]]]]] = {
    "FeatureExtractionPipeline": (_ONE, _features),
    "TextClassificationPipeline": (_ONE, _classes),
    "TokenClassificationPipeline": (_ONE, _entities),
    "NerPipeline": (_ONE, _entities),
    "QuestionAnsweringPipeline": (("question", "context"), _spans),
    "FillMaskPipeline": (_ONE, _masks),
    "TextGenerationPipeline": (_ONE, _texts("generated_text")),
    "Text2TextGenerationPipeline": (_ONE, _texts("generated_text")),
    "SummarizationPipeline": (_ONE, _texts("summary_text")),
    "TranslationPipeline": (_ONE, _texts("translation_text")),
}
