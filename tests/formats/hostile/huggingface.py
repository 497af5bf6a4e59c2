"""Pipelines and tokenizers: code of the model's own, pickled weights, and weights that are not what they say."""

import json
from collections.abc import Mapping
from typing import Any

from tests.formats.hostile.base import HostileCase, changed, example
from tests.formats.hostile.opcodes import HARMLESS, HOSTILE, pickle, system
from tests.formats.hostile.torches import archived
from tests.formats.hostile.torchscripts import _FILES as _SCRIPT

_FILES = example("support-pipeline")
_BARE = {path: content for path, content in _FILES.items() if path != "model.safetensors"}


def _keys(path: str, **more: Any) -> dict[str, bytes]:
    return changed("support-pipeline", path, lambda content: {**content, **more})


def _case(word: str, weakness: str, files: Mapping[str, Any], verdict: str, reason: str) -> HostileCase:
    return HostileCase(f"pipeline-{word}", weakness, files, verdict, reason)


def _code(word: str, weakness: str, path: str, **more: Any) -> HostileCase:
    return _case(word, weakness, _keys(path, **more), "quarantined", "custom-code")


def safetensors(header: Any, values: bytes = b"", length: int | None = None) -> bytes:
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    return (len(text) if length is None else length).to_bytes(8, "little") + text + values


def _weights(word: str, weakness: str, content: bytes, reason: str = "corrupt") -> HostileCase:
    return HostileCase(f"safetensors-{word}", weakness, {**_BARE, "model.safetensors": content}, "unreadable", reason)


def _tensor(start: int, end: int, *shape: int) -> dict[str, Any]:
    return {"dtype": "F32", "shape": list(shape), "data_offsets": [start, end]}


_MAP = {"AutoModelForSequenceClassification": "modeling_evil.Evil"}

CASES = (
    _code("auto-map", "auto_map loads a Python file of the model (trust_remote_code)", "config.json", auto_map=_MAP),
    _code(
        "auto-map-remote",
        "auto_map loads it from another repository",
        "config.json",
        auto_map={"AutoModel": "a/b--x.Evil"},
    ),
    _code("auto-map-inner", "auto_map in a part of the configuration", "config.json", text_config={"auto_map": _MAP}),
    _code(
        "auto-map-tokenizer",
        "a tokenizer with code of its own",
        "tokenizer_config.json",
        auto_map={"AutoTokenizer": ["t.Evil", None]},
    ),
    _code(
        "custom-pipeline", "a pipeline with code of its own", "config.json", custom_pipelines={"x": {"impl": "p.Evil"}}
    ),
    _code("trust", "a configuration that trusts itself", "config.json", trust_remote_code=True),
    _case(
        "pickled",
        "weights as a pickle that calls (CVE-2025-32434)",
        {**_BARE, "pytorch_model.bin": archived(pickle(system("posix")))},
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
            "p-2.bin": archived(pickle(system("posix"))),
        },
        "quarantined",
        "pickle-dangerous",
    ),
    _case(
        "pickled-bare",
        "weights that are another program's pickle",
        {**_BARE, "pytorch_model.bin": HOSTILE},
        "unreadable",
        "not-torch",
    ),
    _case(
        "pickled-extra",
        "a pickle beside the one of the weights",
        {**_BARE, "pytorch_model.bin": archived(HARMLESS, **{"x.pkl": HOSTILE})},
        "quarantined",
        "pickle-dangerous",
    ),
    _case(
        "script-weights",
        "a TorchScript module in place of the weights",
        {**_BARE, "pytorch_model.bin": _SCRIPT["species.ts"]},
        "unreadable",
        "weights-missing",
    ),
    _case(
        "shard-outside",
        "an index that names a file elsewhere",
        {**_BARE, "model.safetensors.index.json": json.dumps({"weight_map": {"a": "../x.safetensors"}}).encode()},
        "unreadable",
        "weights-missing",
    ),
    _case(
        "adapter",
        "an adapter that loads other weights over these",
        {**_FILES, "adapter_config.json": b"{}"},
        "unsupported",
        "unsupported-pipeline",
    ),
    HostileCase(
        "pipeline-class-walk",
        "a manifest whose class is a walk through the library",
        changed("support-pipeline", "manifest.json", lambda c: {**c, "model_class": "utils.hub.cached_file"}),
        "ready",
        "",
        harmless="the manifest is left out, and said to be; config.json decides, with no such class",
    ),
    _case(
        "config-deep",
        "a configuration nested 100,000 levels deep",
        {**_FILES, "config.json": b'{"model_type": "bert", "a": ' + b"[" * 100_000 + b"]" * 100_000 + b"}"},
        "unreadable",
        "corrupt",
    ),
    _weights("header-cut", "a header longer than the file", safetensors(b"{}", length=1 << 20), "truncated"),
    _weights("header-huge", "a header of 2 to the 63 bytes", safetensors(b"{}", length=(1 << 63) - 1)),
    _weights("header-no-json", "a header that is no JSON", safetensors(b"\x80\x02c" + b" " * 20)),
    _weights(
        "overlap", "tensors that overlap", safetensors({"a": _tensor(0, 8, 2), "b": _tensor(4, 12, 2)}, bytes(12))
    ),
    _weights("gap", "bytes that no tensor has", safetensors({"a": _tensor(8, 16, 2)}, bytes(16))),
    _weights(
        "beyond",
        "a tensor beyond the file's end",
        safetensors({"a": _tensor(0, 1 << 20, 1 << 18)}, bytes(8)),
        "truncated",
    ),
    _weights("tail", "bytes behind the last tensor", safetensors({"a": _tensor(0, 8, 2)}, bytes(8) + HOSTILE)),
    _weights("negative", "a negative place", safetensors({"a": _tensor(-8, 0, 2)}, bytes(8))),
    _weights(
        "overflow", "a shape whose product overflows to the right size", safetensors({"a": _tensor(0, 0, 1 << 62, 4)})
    ),
    _weights(
        "many-sizes",
        "a shape of a million dimensions",
        safetensors({"a": _tensor(0, 8, *[1 << 61] * 1_000_000)}, bytes(8)),
    ),
    _weights("pickle", "a pickle with the name of safe weights", HOSTILE),
    HostileCase(
        "tokenizer-deep",
        "a tokenizer nested 100,000 levels deep",
        {"tokenizer.json": b'{"added_tokens": ' + b"[" * 100_000 + b"]" * 100_000 + b"}"},
        "unreadable",
        "not-a-tokenizer",
    ),
    HostileCase(
        "tokenizer-code",
        "a tokenizer whose model is of a type of its own",
        {"tokenizer.json": json.dumps({"added_tokens": [], "model": {"type": "os.system", "vocab": {}}}).encode()},
        "unreadable",
        "not-a-tokenizer",
    ),
    HostileCase(
        "tokenizer-pickle",
        "a pickle with the name of a tokenizer",
        {
            "manifest.json": b'{"type": "huggingface_tokenizer", "saved_model_uri": "tokenizer.json"}',
            "tokenizer.json": HOSTILE,
        },
        "unreadable",
        "not-a-tokenizer",
    ),
)
