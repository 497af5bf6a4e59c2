"""Reference answers of a model, from its engine called directly.

Run in the runtime's container by its path, in the folder of the model's files (or with that folder as an argument).
Standard input holds one JSON object a line, standard output gets one JSON object a line, in the same order. The folder
of this script stands alone and shares no code with the inference server, so that agreement between the two means
something.

The first line is ``{"model": settings}``, the content of ``model.json``. Its answer is ``{"known": {...}}``: what only
the loaded model tells (``inputs`` as ``/describe`` prints them, ``words`` of them). Every further line is
``{"request": ...}``, the JSON body of ``/eval``, and its answer ``{"outputs": {name: nested lists}}``: what ``/eval``
answers before it drops dimensions of size 1. Where the engine or the rules refuse, the answer is ``{"error": text}``.
"""

import json
import os
import sys
from importlib import import_module
from pathlib import Path
from typing import Any

_HERE = Path(__file__).resolve().parent

ENGINES = {
    "onnx": ("on_onnx", "load"),
    "tensorflow": ("on_tensorflow", "load"),
    "keras": ("on_keras", "load"),
    "torchscript": ("on_torch", "load_script"),
    "torch_pickle": ("on_torch", "load_module"),
    "tokenizers": ("on_tokenizers", "load"),
    "transformers": ("on_transformers", "load"),
    "fastai": ("on_fastai", "load"),
    "pmml": ("on_pmml", "load"),
    "jpmml": ("on_jpmml", "load"),
    "scaler": ("on_numbers", "load_scaler"),
    "pi": ("on_numbers", "load_interval"),
    "datetime_encoder": ("on_dates", "load"),
}
"""By the engine's name: a module of this folder, and what loads a model in it."""


def module(name: str) -> Any:
    """A module of this folder, as one of a package: none of them stands in the way of a library of its name."""
    if str(_HERE.parent) not in sys.path:
        sys.path.append(str(_HERE.parent))
    return import_module(f"{_HERE.name}.{name}")


def load(settings: dict[str, Any], root: Path) -> Any:
    """The model that settings describe."""
    if settings["engine"] == "flow":
        return module("on_flow").load(settings, root, load)
    name, function = ENGINES[settings["engine"]]
    return getattr(module(name), function)(settings, root)


def main() -> None:
    """Load the model of the first line, and answer every other one."""
    root = Path(sys.argv[1] if len(sys.argv) > 1 else ".").resolve()
    # What libraries print must not get between the answers.
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    loaded: Any = None
    for text in sys.stdin:
        line = json.loads(text)
        try:
            if loaded is None:
                loaded = load(line["model"], root)
                result = {"known": loaded.known}
            else:
                result = {"outputs": module("rules").plain(loaded.answer(line["request"]))}
        except Exception as error:  # noqa: BLE001 - whatever the engine raises is the answer to this line
            result = {"error": f"{type(error).__name__}: {error}"}
        answers.write(json.dumps(result, allow_nan=False) + "\n")
        answers.flush()


if __name__ == "__main__":
    main()
