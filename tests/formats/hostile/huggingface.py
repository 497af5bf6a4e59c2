"""Pipelines and tokenizers: code of the model's own, pickled weights, and weights that are not what they say."""

import json
from typing import Any

from migrate.formats.huggingface.pipeline import read_pipeline
from migrate.formats.huggingface.safetensors import check_safetensors
from migrate.formats.huggingface.tokenizer import read_tokenizer
from tests.formats.hostile.base import Files, HostileCase, changed, example, lowered
from tests.formats.hostile.opcodes import CALLS, GLOBAL, HARMLESS, NOWHERE, pickle
from tests.formats.hostile.torches import archived

_FILES = example("support-pipeline")
_BARE = {path: content for path, content in _FILES.items() if path != "model.safetensors"}
_TOKENS = example("support-tokens")
_SCRIPT = example("species-torchscript")["species.ts"]


def _keys(path: str, **more: Any) -> dict[str, bytes]:
    return changed("support-pipeline", path, lambda content: {**content, **more})


def _case(word: str, refuses: str, files: Files, verdict: str, reason: str, says: str = "") -> HostileCase:
    return HostileCase(f"pipeline-{word}", refuses, files, verdict, reason, says)


def _code(word: str, refuses: str, path: str, **more: Any) -> HostileCase:
    """The code is named, and nowhere."""
    return _case(word, refuses, _keys(path, **more), "quarantined", "custom-code")


def _without(*paths: str) -> dict[str, bytes]:
    return {path: content for path, content in _FILES.items() if path not in paths}


def safetensors(header: Any, values: bytes = b"", length: int | None = None) -> bytes:
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    return (len(text) if length is None else length).to_bytes(8, "little") + text + values


def _weights(word: str, refuses: str, content: bytes, says: str, reason: str = "corrupt") -> HostileCase:
    files = {**_BARE, "model.safetensors": content}
    return HostileCase(f"safetensors-{word}", refuses, files, "unreadable", reason, says)


def _tensor(start: int, end: int, *shape: int, dtype: str = "F32") -> dict[str, Any]:
    return {"dtype": dtype, "shape": list(shape), "data_offsets": [start, end]}


def _tokenizer(word: str, refuses: str, content: Any, says: str) -> HostileCase:
    data = content if isinstance(content, bytes) else json.dumps({"added_tokens": [], "model": content}).encode()
    return HostileCase(f"tokenizer-{word}", refuses, {"tokenizer.json": data}, "unreadable", "not-a-tokenizer", says)


def _index(content: Any) -> dict[str, bytes]:
    return {**_BARE, "model.safetensors.index.json": json.dumps(content).encode()}


_MAP = {"AutoModel": f"{NOWHERE}.Model"}
_TOO_LARGE = "more than the 9 that are read"

_PIPELINES = (
    _code("auto-map", "a model class that is a file of the model", "config.json", auto_map=_MAP),
    _code("auto-map-inner", "the same in a part of the configuration", "config.json", text_config={"auto_map": _MAP}),
    _code(
        "auto-map-tokenizer",
        "the same of a tokenizer",
        "tokenizer_config.json",
        auto_map={"AutoTokenizer": [NOWHERE, None]},
    ),
    _code(
        "custom-pipeline", "a pipeline with code of its own", "config.json", custom_pipelines={"x": {"impl": NOWHERE}}
    ),
    _code("trust", "a configuration that trusts itself", "config.json", trust_remote_code=True),
    _case(
        "pickled",
        "pickled weights of more than data",
        {**_BARE, "pytorch_model.bin": archived(pickle(GLOBAL))},
        "quarantined",
        "pickle-dangerous",
    ),
    _case(
        "pickled-shard",
        "the same in a second file of weights",
        {
            **_BARE,
            "pytorch_model.bin.index.json": json.dumps({"weight_map": {"a": "p-1.bin", "b": "p-2.bin"}}).encode(),
            "p-1.bin": archived(HARMLESS),
            "p-2.bin": archived(pickle(GLOBAL)),
        },
        "quarantined",
        "pickle-dangerous",
    ),
    _case(
        "pickled-bare",
        "weights that are another program's pickle",
        {**_BARE, "pytorch_model.bin": CALLS},
        "unreadable",
        "not-torch",
    ),
    _case(
        "pickled-extra",
        "a pickle beside the one of the weights",
        {**_BARE, "pytorch_model.bin": archived(HARMLESS, **{"x.pkl": CALLS})},
        "quarantined",
        "pickle-dangerous",
    ),
    _case(
        "script-weights",
        "a TorchScript module in place of weights",
        {**_BARE, "pytorch_model.bin": _SCRIPT},
        "unreadable",
        "weights-missing",
        "is a TorchScript module",
    ),
    _case(
        "no-weights",
        "a pipeline without weights",
        _BARE,
        "unreadable",
        "weights-missing",
        "and needs model.safetensors",
    ),
    _case(
        "shard-outside",
        "an index that names a file elsewhere",
        _index({"weight_map": {"a": "../m/x.safetensors"}}),
        "unreadable",
        "weights-missing",
        "is not there",
    ),
    _case("index-empty", "an index that names no file", _index({}), "unreadable", "corrupt", "names no weights"),
    _case(
        "adapter",
        "an adapter that is laid over other weights",
        {**_FILES, "adapter_config.json": b"{}"},
        "unsupported",
        "unsupported-pipeline",
        "has an adapter",
    ),
    _case(
        "kind",
        "a pipeline that takes no texts",
        {**_keys("config.json", architectures=["BertForPreTraining"]), "manifest.json": b"{}"},
        "unsupported",
        "unsupported-pipeline",
        "cannot be asked",
    ),
    _case("no-tokenizer", "a pipeline without a tokenizer", _without("vocab.txt"), "unreadable", "tokenizer-missing"),
    _case("no-config", "a pipeline without a configuration", _without("config.json"), "unreadable", "model-missing"),
    _case(
        "config",
        "a configuration that is no JSON",
        {**_FILES, "config.json": b'{"model_type": }'},
        "unreadable",
        "corrupt",
        "is no JSON",
    ),
    _case(
        "config-list",
        "a part of it that is a list",
        {**_FILES, "tokenizer_config.json": b"[]"},
        "unreadable",
        "corrupt",
        "describes no model",
    ),
    HostileCase(
        "pipeline-config-size",
        "a configuration longer than any",
        _FILES,
        "unsupported",
        "too-large",
        _TOO_LARGE,
        limits=lowered(read_pipeline, _MAXIMUM_CONFIG=9),
    ),
    HostileCase(
        "pipeline-pickled-data",
        "pickled weights of data only, which are told",
        {**_BARE, "pytorch_model.bin": archived(HARMLESS)},
        "ready",
        "",
        "was read to its end and holds data only",
        harmless="every stream was read to its end; they hold data, and the plan says that they are pickles",
    ),
    HostileCase(
        "pipeline-class",
        "a manifest whose class is no plain name",
        changed("support-pipeline", "manifest.json", lambda c: {**c, "model_class": f"{NOWHERE}.x"}),
        "ready",
        "",
        harmless="the manifest is left out, and said to be; config.json decides, with no such class",
    ),
)
_WEIGHTS = (
    _weights(
        "header-cut", "a header longer than the file", safetensors(b"{}", length=99), "header is cut", "truncated"
    ),
    _weights("header-huge", "a header of more bytes than any", safetensors(b"{}", length=1 << 40), "header is cut"),
    _weights("header-no-json", "a header that is no JSON", safetensors(b"plain words"), "no JSON of tensors"),
    _weights("pickle", "a pickle with the name of weights", HARMLESS.ljust(16), "header is cut"),
    _weights(
        "overlap",
        "tensors that overlap",
        safetensors({"a": _tensor(0, 8, 2), "b": _tensor(4, 12, 2)}, bytes(12)),
        "overlap",
    ),
    _weights("gap", "bytes that no tensor has", safetensors({"a": _tensor(8, 16, 2)}, bytes(16)), "overlap"),
    _weights(
        "length", "a tensor that is not as long as its shape", safetensors({"a": _tensor(0, 8, 3)}, bytes(8)), "overlap"
    ),
    _weights(
        "beyond",
        "a tensor beyond the file's end",
        safetensors({"a": _tensor(0, 99, 99, dtype="U8")}, bytes(8)),
        "its tensors have",
        "truncated",
    ),
    _weights(
        "tail",
        "bytes behind the last tensor",
        safetensors({"a": _tensor(0, 8, 2)}, bytes(8) + b"words"),
        "bytes follow",
    ),
    _weights("negative", "a negative place", safetensors({"a": _tensor(-8, 0, 2)}, bytes(8)), "no JSON of tensors"),
    _weights(
        "rank",
        "a shape of too many dimensions",
        safetensors({"a": _tensor(0, 8, *[1] * 65)}, bytes(8)),
        "no JSON of tensors",
    ),
    _weights(
        "dtype",
        "a tensor of an unknown type",
        safetensors({"a": _tensor(0, 8, 2, dtype="F31")}, bytes(8)),
        "of the type",
    ),
    HostileCase(
        "safetensors-header-size",
        "a header over the limit",
        _FILES,
        "unreadable",
        "corrupt",
        "header is cut",
        limits=lowered(check_safetensors, MAXIMUM_HEADER=9),
    ),
)
_TOKENIZERS = (
    _tokenizer("broken", "a tokenizer that is no JSON", b'{"added_tokens": [}', "is not valid"),
    _tokenizer("type", "a tokenizer of an unknown type", {"type": NOWHERE, "vocab": {}}, "of the type"),
    _tokenizer("vocabulary", "a vocabulary that is a list", {"type": "BPE", "vocab": [[]]}, "no vocabulary"),
    HostileCase(
        "tokenizer-pickle",
        "a pickle with the name of a tokenizer",
        {
            "manifest.json": b'{"type": "huggingface_tokenizer", "saved_model_uri": "tokenizer.json"}',
            "tokenizer.json": HARMLESS,
        },
        "unreadable",
        "not-a-tokenizer",
    ),
    HostileCase(
        "tokenizer-missing",
        "a manifest whose tokenizer is not there",
        {"manifest.json": _TOKENS["manifest.json"]},
        "unreadable",
        "model-missing",
    ),
    HostileCase(
        "tokenizer-size",
        "a tokenizer larger than any",
        {"tokenizer.json": _TOKENS["tokenizer.json"]},
        "unsupported",
        "too-large",
        _TOO_LARGE,
        limits=lowered(read_tokenizer, MAXIMUM_SIZE=9),
    ),
)

CASES = (*_PIPELINES, *_WEIGHTS, *_TOKENIZERS)
