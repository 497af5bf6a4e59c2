"""Folders of many models of one runtime, and a request to each."""

import json
import shutil
import threading
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from benchmarks.server.models import INPUT, payloads, write_model
from migrate.core.model_json import content_of
from migrate.core.values import FolderLocation, ModelRecord, to_json
from migrate.formats import inspect
from migrate.sources.fetch import fetch

_EXAMPLES: Final = Path(__file__).parents[2] / "examples"
SMALL: Final = "mlp"  # the small ONNX model of bench-server
SAVED: Final = ("wine-tf2",)
MIXED: Final = ("wine-tf2", "diabetes-tf1", "load-zip", "progression-flow")


@dataclass(frozen=True)
class Namespace:
    """A folder as an image has it, and for each model its id and the JSON of a request to ``/eval``."""

    root: Path
    runtime: str
    requests: dict[str, str]


def small_models(root: Path, count: int) -> Namespace:
    """So many copies of a small ONNX model, with recorded answers, each with an id of its own."""
    pattern = root / "pattern"
    write_model(SMALL, pattern)
    text = payloads(SMALL)["row"].text
    requests = {}
    for number in range(count):
        name = f"model-{number:03d}"
        _copy(pattern / SMALL, root / "models" / name, name)
        requests[name] = f'{{"{INPUT}": {text}}}'
    return Namespace(root / "models", "onnx", requests)


def example_models(root: Path, names: tuple[str, ...], count: int) -> Namespace:
    """So many copies of examples of one runtime, in turn."""
    requests, runtimes = {}, set()
    for name in names:
        runtimes.add(_write_example(name, root / "patterns" / name, root / "store"))
    for number in range(count):
        of = names[number % len(names)]
        name = f"{of}-{number:03d}"
        _copy(root / "patterns" / of, root / "models" / name, name)
        sample = min((_EXAMPLES / "format-samples" / of).glob("*.json"))
        requests[name] = json.dumps(json.loads(sample.read_bytes())["request"])
    (runtime,) = runtimes
    return Namespace(root / "models", runtime, requests)


def _copy(pattern: Path, target: Path, name: str) -> None:
    shutil.copytree(pattern, target)
    settings: dict[str, Any] = json.loads((target / "model.json").read_bytes())
    (target / "model.json").write_text(json.dumps({**settings, "id": name, "title": name}))


def _write_example(name: str, folder: Path, store: Path) -> str:
    """A model folder of an example, and the runtime that serves it."""
    source = _EXAMPLES / "formats" / name
    record = ModelRecord(id=name, source="benchmark", location=FolderLocation(path=str(source)))
    artifact = fetch(record, store, None, lambda *_: None, stop=threading.Event())
    inspection = inspect(artifact, framework=None, allow_unsafe=[file.digest for file in artifact.files])
    if inspection.runtime is None:
        raise SystemExit(f"bench-packed: the example {name} is {inspection.verdict}")
    shutil.copytree(source, folder / "files")
    settings = {"id": name, "title": name, "artifact": artifact.digest, **content_of(inspection.settings)}
    (folder / "model.json").write_bytes(to_json(settings))
    return inspection.runtime
