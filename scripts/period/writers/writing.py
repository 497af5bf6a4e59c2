"""What the writers share: where a model goes, and how its library's answers are kept. Read by Python 3.7 too."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import numpy as np

ROOT = Path(sys.argv[1]) if len(sys.argv) > 1 else Path()
LIBRARY = sys.argv[2] if len(sys.argv) > 2 else ""


def place(kind: str) -> Path:
    """The folder of a model, new."""
    folder = ROOT / "models" / f"{LIBRARY}-{kind}"
    folder.mkdir(parents=True)
    return folder


def describe(kind: str, **manifest: object) -> None:
    """Writes the manifest of a model whose files do not describe themselves."""
    text = json.dumps(manifest, indent=1)
    (ROOT / "models" / f"{LIBRARY}-{kind}" / "manifest.json").write_text(text + "\n", encoding="utf-8")


def keep(kind: str, *asked: tuple[dict, dict], shaped: bool = True) -> None:
    """Writes requests with the answers of the library.

    Args:
        kind: The model, as ``place`` was told.
        asked: Of each request its tensors, and those of its answer, by name.
        shaped: Whether the answer's shape counts, or its values alone.
    """
    requests = [
        {
            "body": {name: _plain(value) for name, value in request.items()},
            "want": {name: _tensor(np.asarray(value), shaped) for name, value in answer.items()},
        }
        for request, answer in asked
    ]
    content = {"source": LIBRARY, "kind": kind, "want": "served", "requests": requests}
    file = ROOT / "expect" / f"{LIBRARY}-{kind}.json"
    file.parent.mkdir(exist_ok=True)
    file.write_text(json.dumps(content) + "\n", encoding="utf-8")


def _plain(value: object) -> object:
    return value.tolist() if isinstance(value, (np.ndarray, np.generic)) else value


def _tensor(value: np.ndarray, shaped: bool) -> dict:
    dtype = "string" if value.dtype.kind in "OSU" else str(value.dtype)
    return {"dtype": dtype, "shape": list(value.shape) if shaped else None, "data": value.ravel().tolist()}
