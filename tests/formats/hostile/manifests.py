"""Manifests: JSON that names files elsewhere, or that readers understand differently."""

import base64
import json
from typing import Any

from tests.formats.hostile.base import HostileCase, changed, example
from tests.formats.models import weights

_EMBEDDED = json.dumps(
    {
        "type": "onnx",
        "binary": base64.b64encode(weights(external={"location": "/etc/passwd"}).SerializeToString()).decode(),
        "inputs": [],
        "outputs": [],
    }
).encode()
_SCALER = example("ages-scaler")["manifest.json"]


def _uri(word: str, weakness: str, uri: str, reason: str = "model-outside-folder") -> HostileCase:
    files = changed("species-torchscript", "manifest.json", lambda content: {**content, "saved_model_uri": uri})
    return HostileCase(f"manifest-{word}", weakness, files, "unreadable", reason)


def _case(
    word: str, weakness: str, content: bytes, verdict: str = "unreadable", reason: str = "invalid-manifest"
) -> HostileCase:
    return HostileCase(f"manifest-{word}", weakness, {"manifest.json": content}, verdict, reason)


def _scaler(**more: Any) -> bytes:
    return json.dumps({**json.loads(_SCALER), **more}).encode()


def _flow(steps: list[Any]) -> bytes:
    return json.dumps({"type": "flow", "evaluator_manifests": steps}).encode()


CASES = (
    _uri("parent", "a model above the folder", "../../../etc/passwd"),
    _uri("absolute", "a model at an absolute path", "/etc/passwd"),
    _uri("old-folder", "a model above the old runtime's folder", "/deployments/models/../../etc/passwd"),
    _uri("url", "a model at an URL", "http://169.254.169.254/latest"),
    _uri("backslash", "backslashes", "..\\species.ts"),
    _uri("nul", "a zero byte", "species.ts\0.txt"),
    _uri("newline", "a line break, for whoever writes paths into scripts", "species.ts\nRUN id"),
    _case(
        "deep",
        "JSON nested 100,000 levels deep",
        b'{"type": "flow", "evaluator_manifests": ' + b"[" * 100_000 + b"]" * 100_000 + b"}",
    ),
    _case("number", "a number of 5,000 digits", _SCALER.replace(b"{", b'{"x": ' + b"9" * 5000 + b", ", 1)),
    _case("infinite", "a number that no float holds", _SCALER.replace(b'"mean":', b'"mean": 1e999, "m":', 1)),
    _case("nan", "a number that is none", _SCALER.replace(b'"mean":', b'"mean": NaN, "m":', 1)),
    _case("surrogate", "half a character", _SCALER.replace(b'"type"', b'"\\ud800": 1, "type"', 1)),
    _case("utf16", "UTF-16", _SCALER.decode().encode("utf-16"), "unreadable", "no-model"),
    _case("not-an-object", "a list instead of an object", b'[{"type": "onnx"}]', "unreadable", "no-model"),
    _case("unknown-key", "a key that another reader may understand", _scaler(__proto__={"x": 1})),
    _case(
        "unknown-type",
        "a type that the old runtime did not have",
        b'{"type": "python", "code": "import os"}',
        "unreadable",
        "no-model",
    ),
    _case(
        "binary",
        "a model in the manifest that is another program's file",
        json.dumps({"type": "onnx", "binary": "gANjcG9zaXg=", "inputs": [], "outputs": []}).encode(),
        "unreadable",
        "corrupt",
    ),
    _case(
        "binary-external",
        "a model in the manifest that names files",
        _EMBEDDED,
        "unreadable",
        "external-data-missing",
    ),
    _case(
        "flow-in-flow",
        "a flow in a flow, and so on",
        _flow([{"type": "flow", "evaluator_manifests": []}]),
        "unsupported",
        "unsupported-flow",
    ),
    _case("flow-long", "a flow of a million steps", _flow([{"type": "pi"}] * 1_000_000)),
    _case(
        "flow-step-outside",
        "a step of a flow outside the folder",
        _flow([{"type": "torch_script", "saved_model_uri": "../x.ts", "inputs": [], "outputs": []}]),
        "unreadable",
        "model-outside-folder",
    ),
    HostileCase(
        "manifest-duplicate-keys",
        "a key twice, of which readers take the first or the last",
        {"manifest.json": _SCALER.replace(b"{", b'{"type": "python", ', 1)},
        "ready",
        "",
        harmless="one reader reads it, once; the server gets its settings and never the manifest",
    ),
    HostileCase(
        "manifest-format",
        "a date format that is a format string of Python",
        changed("dates", "manifest.json", lambda c: {**c, "inputs": [{**c["inputs"][0], "format": "{0.__class__}"}]}),
        "unreadable",
        "invalid-manifest",
    ),
)
