"""HuggingFace pipelines: a folder of configuration, weights and tokenizer; how it was asked was not documented."""

import re
from collections.abc import Mapping
from typing import Any, Final

import msgspec

from migrate.core.model_json import Field, ModelJson, TransformersSettings
from migrate.formats.huggingface.pipeline_kinds import BY_ARCHITECTURE, PIPELINES, fields_of
from migrate.formats.huggingface.safetensors import check_safetensors
from migrate.formats.manifest.fields import FieldReader
from migrate.formats.reading.case import Case, Found
from migrate.formats.reading.errors import FormatError, quoted
from migrate.formats.torch.structure import read_torch

CONFIG: Final = "config.json"
RUNTIME: Final = "transformers"

_MAXIMUM_CONFIG: Final = 16 * 1024 * 1024
_CLASS: Final = re.compile(r"[A-Z][A-Za-z0-9]{0,127}")
_TOKENIZERS: Final = (
    *("tokenizer.json", "vocab.txt", "vocab.json", "spiece.model", "sentencepiece.bpe.model", "tokenizer.model"),
    "source.spm",
)
_CODE_KEYS: Final = ("auto_map", "custom_pipelines", "custom_generate", "trust_remote_code")
_ADAPTER: Final = "adapter_config.json"
_SENTENCES: Final = ("This is {}.", "The {} is here.", "It was a {} day.")
_SAVE: Final = "Save it with pipeline.save_pretrained(folder), and upload everything that this writes."


def read_pipeline_manifest(case: Case, reader: FieldReader, content: Mapping[str, Any]) -> Found:
    """``huggingface_pipeline``: names the classes of a pipeline, its tokenizer and its model.

    Raises:
        FormatError: The manifest is not valid, or what it names is not there.
    """
    classes = {}
    for key in ("pipeline_class", "tokenizer_class", "model_class"):
        name = content.get(key)
        if name is not None and (not isinstance(name, str) or not _CLASS.fullmatch(name)):
            reader.fail(f"its {key} is not the name of a class")
        classes[key] = name
    if classes["pipeline_class"] is None:
        reader.fail("it has no pipeline_class")
    if CONFIG not in case.sizes:
        raise case.missing(reader.name, CONFIG)
    return _read(case, classes, manifest=True)


def read_pipeline(case: Case, _: str) -> Found:
    """A model of transformers that no manifest names, by its ``config.json``.

    Raises:
        FormatError: It cannot be served.
    """
    return _read(case, {}, manifest=False)


def _read(case: Case, classes: Mapping[str, str | None], *, manifest: bool) -> Found:
    config = _config(case, CONFIG)
    architectures = config.get("architectures")
    first = architectures[0] if isinstance(architectures, list) and architectures else None
    model = classes.get("model_class") or (first if isinstance(first, str) and _CLASS.fullmatch(first) else None)
    kind = classes.get("pipeline_class") or _kind(model)
    if kind not in PIPELINES:
        raise FormatError(
            "unsupported-pipeline",
            f"A pipeline of the class {quoted(str(kind))} cannot be asked with tensors.",
            f"Those that can be served are {', '.join(PIPELINES)}.",
            verdict="unsupported",
        )
    if _ADAPTER in case.sizes:
        raise FormatError(
            "unsupported-pipeline",
            f"The pipeline has an adapter ({_ADAPTER}), whose weights are laid over those of another model.",
            "Merge it into its model (merge_and_unload of the peft library), and save the pipeline again.",
            verdict="unsupported",
        )
    _check_code(case, config)
    _check_weights(case)
    if not any(name in case.sizes for name in _TOKENIZERS):
        raise FormatError(
            "tokenizer-missing", f"The pipeline has no tokenizer: none of {', '.join(_TOKENIZERS)}.", _SAVE
        )
    inputs, outputs = fields_of(kind, config)
    case.notes.append(
        "ML Serving did not document how it served pipelines: here "
        f"{_names(inputs)} are the inputs, and the keys of the pipeline's own answers the outputs ({_names(outputs)})"
    )
    masked = kind == "FillMaskPipeline"
    own = TransformersSettings(
        pipeline_class=kind,
        tokenizer_class=classes.get("tokenizer_class") or "AutoTokenizer",
        model_class=model or "AutoModel",
        words={"inputs": tuple(text.format(_mask(case)) for text in _SENTENCES)} if masked else {},
    )
    made = ModelJson(
        engine="transformers", entry=CONFIG, manifest=manifest, inputs=inputs, outputs=outputs, transformers=own
    )
    return Found("huggingface_pipeline", RUNTIME, made)


def _names(fields: tuple[Field, ...]) -> str:
    return ", ".join(field.name for field in fields)


def _mask(case: Case) -> str:
    """The word that stands for the one to be guessed."""
    path = "tokenizer_config.json"
    token = _config(case, path).get("mask_token") if path in case.sizes else None
    word = token.get("content") if isinstance(token, dict) else token
    return word if isinstance(word, str) else "[MASK]"


def _kind(model: str | None) -> str | None:
    return next((kind for end, kind in BY_ARCHITECTURE.items() if model and model.endswith(end)), model)


def _config(case: Case, path: str) -> dict[str, Any]:
    try:
        content = msgspec.json.decode(case.content(path, _MAXIMUM_CONFIG))
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise FormatError("corrupt", f"The file {quoted(path)} is no JSON: {error}.", _SAVE) from None
    if not isinstance(content, dict):
        raise FormatError("corrupt", f"The file {quoted(path)} describes no model.", _SAVE)
    return content


def _check_code(case: Case, config: Mapping[str, Any]) -> None:
    """Code of the model's own, which transformers would load and run; here it never does."""
    files = [("config.json", config)]
    others = ("tokenizer_config.json", "processor_config.json", "generation_config.json")
    files += [(path, _config(case, path)) for path in others if path in case.sizes]
    for path, content in files:
        found = _code_key(content)
        if found:
            raise FormatError(
                "custom-code",
                f"The file {quoted(path)} names code of the model's own ({found}), which is not run.",
                "Use a model class of the transformers library, and save the pipeline again.",
                verdict="quarantined",
            )


def _code_key(content: object) -> str:
    """The key of a configuration, or of a part of it, with which transformers would run code; empty for none."""
    waiting = [content]
    while waiting:
        value = waiting.pop()
        if isinstance(value, dict):
            if found := next((key for key in _CODE_KEYS if value.get(key)), None):
                return found
            waiting += value.values()
        elif isinstance(value, list):
            waiting += value
    return ""


def _check_weights(case: Case) -> None:
    """Files of safetensors where there are any; else PyTorch's pickles, which may hold data only."""
    for single, index, pickled in (
        ("model.safetensors", "model.safetensors.index.json", False),
        ("pytorch_model.bin", "pytorch_model.bin.index.json", True),
    ):
        paths = [single] if single in case.sizes else _shards(case, index)
        for path in paths:
            if pickled:
                _check_pickled(case, path)
            else:
                check_safetensors(case, path)
        if paths:
            return
    others = next((name for name in ("tf_model.h5", "flax_model.msgpack", "model.onnx") if name in case.sizes), None)
    what = f"weights of another framework ({others})" if others else "no weights"
    raise FormatError("weights-missing", f"The pipeline has {what}, and needs model.safetensors.", _SAVE)


def _shards(case: Case, index: str) -> list[str]:
    """The files that an index of weights names."""
    if index not in case.sizes:
        return []
    weights = _config(case, index).get("weight_map")
    names = sorted({str(name) for name in weights.values()}) if isinstance(weights, dict) else []
    for name in names:
        if name not in case.sizes or "/" in name:
            raise FormatError("weights-missing", f"The file {quoted(name)}, which {index} names, is not there.", _SAVE)
    if not names:
        raise FormatError("corrupt", f"The file {index} names no weights.", _SAVE)
    return names


def _check_pickled(case: Case, path: str) -> None:
    file = read_torch(case, path)
    if file.kind == "script":
        raise FormatError("weights-missing", f"The file {quoted(path)} is a TorchScript module, and no weights.", _SAVE)
    if any(danger.path == path for danger in case.dangers):
        return
    case.hazard(
        path, "pickled-weights", f"The weights {quoted(path)} are a pickle; it was read to its end and holds data only."
    )
