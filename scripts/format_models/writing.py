"""Writing manifests and samples, and running an exporter in the environment of a runtime."""

import json
import subprocess
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import platformdirs
from numpy.typing import NDArray

from migrate.images.model.local_server import ensure_environment

Doubles = NDArray[np.float64]

DECIMALS = 5  # of every fitted number: the noise between processors is a millionth of it


def fitted(values: object) -> Doubles:
    """Fitted numbers, rounded above the noise between processors."""
    return np.round(np.asarray(values, np.float64), DECIMALS) + 0.0


def write_json(path: Path, content: object) -> None:
    """A JSON file as a person would write it."""
    path.write_text(json.dumps(content, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")


def write_sample(folder: Path, name: str, request: Mapping[str, object], answer: Mapping[str, object]) -> None:
    """A request and the answer that a client of the old service got."""
    text = json.dumps({"request": request, "answer": answer}, ensure_ascii=False)
    (folder / f"{name}.json").write_text(text + "\n", encoding="utf-8")


def export(script: str, runtime: str, folder: Path, content: Mapping[str, object]) -> None:
    """Run ``format_models/<script>.py FOLDER`` with the packages of a runtime; it reads the content from its input."""
    store = platformdirs.user_cache_path("mlserving-migrate") / "runtimes"
    python = ensure_environment(runtime, store=store, progress_text=print)
    command = [str(python), "-W", "ignore", str(Path(__file__).with_name(f"{script}.py")), str(folder)]
    environment = {"PATH": "", "TF_ENABLE_ONEDNN_OPTS": "0", "TF_CPP_MIN_LOG_LEVEL": "3", "PYTHONHASHSEED": "0"}
    subprocess.run(command, input=json.dumps(content), text=True, check=True, env=environment)
