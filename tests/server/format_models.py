"""The samples of ``examples/formats`` with the ``model.json`` of each, and the processes that serve them."""

import json
import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import platformdirs

from migrate.images.model.local_server import ensure_environment
from migrate.images.runtime import server_code
from tests.server.process import Answer, Server, running, start

EXAMPLES = Path(__file__).parents[2] / "examples"
LABELS = ("inf", "sup")

LOADER = """
import os
import sys
from pathlib import Path
from migrate.server.engines import load
from migrate.server.model_engine import ContradictionError
from migrate.server.model_files import read_models
for model in read_models(Path(sys.argv[1]))[0]:
    try:
        load(model, threads=1)
        print("loaded")
    except ContradictionError as error:
        print(" ".join(str(error).split()))
# As the server ends: an interpreter that waits for Java may abort.
sys.stdout.flush()
os._exit(0)
"""


def plain(name: str, kind: str = "double") -> dict[str, Any]:
    """A field without a shape."""
    return {"name": name, "type": kind}


def field(name: str, kind: str, *shape: int, columns: tuple[str, ...] = (), **more: Any) -> dict[str, Any]:
    """A field with a shape, and named columns."""
    made = {"name": name, "type": kind, "shape": list(shape), **more}
    if columns:
        made["fields"] = [{"name": one, "type": kind, "index": place, "key": None} for place, one in enumerate(columns)]
    return made


def saved_model(path: str, *, signature: str = "serving_default") -> dict[str, Any]:
    """The settings of the TensorFlow engine."""
    entry = path if path.endswith(".zip") else f"{path}/saved_model.pb"
    options = {"saved_model": path, "zip": path.endswith(".zip"), "signature": signature, "tags": ["serve"]}
    return {"engine": "tensorflow", "entry": entry, "tensorflow": options}


TOKENIZER = {
    "engine": "tokenizers",
    "entry": "tokenizer.json",
    "inputs": [plain("input1", "string"), plain("input2", "string")],
    "outputs": [
        plain("tokens", "string"),
        *(plain(name, "integer") for name in ("ids", "typeIds", "specialTokensMask", "attentionMask")),
    ],
    "tokenizers": {},
}
WINE = {
    **saved_model("."),
    "inputs": [field("measurements", "float", -1, 13)],
    "outputs": [field("cultivar", "string", -1), field("probabilities", "float", -1, 3)],
}
DIABETES = {
    **saved_model(".", signature="predict"),
    "inputs": [field("name", "string", -1), field("patient", "float", -1, 10)],
    "outputs": [field("name_out", "string", -1), field("progression", "float", -1, 1)],
}
LOAD = {
    **saved_model("load.zip"),
    "manifest": True,
    "rolling_windows_size": 2,
    "inputs": [field("history", "float", -1, 4, columns=("phase", "load"))],
    "outputs": [field("next", "float", -1, 1, columns=("load_predicted",))],
}
DIGITS = {
    "engine": "keras",
    "entry": "digits.h5",
    "inputs": [field("inputs", "float", -1, 64)],
    "outputs": [field("prediction", "float", -1, 10)],
    "keras": {"input": "pixels", "output": "digit"},
}

URGENCY = {
    "engine": "flow",
    "inputs": TOKENIZER["inputs"],
    "outputs": [field("urgency", "float", -1)],
    "flow": {
        "steps": [
            TOKENIZER,
            {
                "engine": "torchscript",
                "entry": "urgency.ts",
                "manifest": True,
                "rolling_windows_size": 0,
                "inputs": [field("ids", "long", 1, -1)],
                "outputs": [field("urgency", "float", -1)],
            },
        ]
    },
}


def manifest_of(model_id: str) -> dict[str, Any]:
    """The content of a sample's manifest."""
    content: dict[str, Any] = json.loads((EXAMPLES / "formats" / model_id / "manifest.json").read_text())
    return content


def scaler_settings(manifest: dict[str, Any]) -> dict[str, Any]:
    """The settings of a scaler."""
    own = {"mean_std_map": manifest["mean_std_map"]}
    return {"engine": "scaler", "inputs": manifest["inputs"], "outputs": manifest["outputs"], "scaler": own}


def interval_settings(manifest: dict[str, Any]) -> dict[str, Any]:
    """The settings of a prediction interval."""
    own = {"residuals_std": manifest["residuals_std"]}
    return {"engine": "pi", "inputs": manifest["inputs"], "outputs": manifest["outputs"], "pi": own}


def scale(source: str, target: str, mean: float, std: float) -> dict[str, Any]:
    """A scaler of one column."""
    return scaler_settings(
        {"mean_std_map": {source: {"mean": mean, "std": std}}, "inputs": [plain(source)], "outputs": [plain(target)]}
    )


# Two scalers whose second overwrites what the first made.
CHAIN: dict[str, Any] = {
    "engine": "flow",
    "inputs": [plain("a")],
    "outputs": [plain("b")],
    "rolling_windows_size": 2,
    "flow": {"steps": [scale("a", "b", 1.0, 2.0), scale("b", "b", 10.0, 1.0)]},
}
# Two steps that take one name with different types: both are described.
SAME_NAME: dict[str, Any] = {
    "engine": "flow",
    "inputs": [plain("a"), plain("a", "float")],
    "outputs": [plain("c"), plain("b")],
    "flow": {
        "steps": [scale("a", "b", 0.0, 1.0), {**scale("a", "c", 0.0, 0.5), "inputs": [plain("a", "float")]}],
    },
}
WEEKS: dict[str, Any] = {
    "engine": "datetime_encoder",
    "inputs": [field("day", "integer", -1, 1, format="TS_D")],
    "outputs": [
        field("weeks", "integer", -1, 1, format="TS_D"),
        field("text", "string", -1, 1, format="uuuu-MM-dd'T'HH:mm:ss"),
        field("months", "long", -1, 1, format="TS_MO"),
        field("years", "double", -1, 1, format="TS_Y"),
        field("ms", "long", -1, 1, format="TS_MS"),
    ],
}


def flow_settings(model_id: str, **more: Any) -> dict[str, Any]:
    """The settings of the sample flow of scaler, SavedModel and interval."""
    scaler, _, interval = manifest_of(model_id)["evaluator_manifests"]
    step = {
        **saved_model("model"),
        "manifest": True,
        "inputs": [field("scaled", "float", -1, 2, columns=("scaled_bmi", "scaled_pressure"))],
        "outputs": [field("output", "float", -1, 1, columns=("progression",))],
    }
    return {
        "engine": "flow",
        "inputs": scaler["inputs"],
        "outputs": interval["outputs"],
        "flow": {"steps": [scaler_settings(scaler), step, interval_settings(interval)]},
        **more,
    }


def settings_of(model_id: str) -> dict[str, Any]:
    """The settings of a sample."""
    if model_id == "ages-scaler":
        return scaler_settings(manifest_of(model_id))
    if model_id == "price-interval":
        return interval_settings(manifest_of(model_id))
    if model_id == "dates":
        content = manifest_of(model_id)
        return {"engine": "datetime_encoder", "inputs": content["inputs"], "outputs": content["outputs"]}
    if model_id == "progression-flow":
        return flow_settings(model_id)
    known = {"support-tokens": TOKENIZER, "wine-tf2": WINE, "diabetes-tf1": DIABETES, "load-zip": LOAD}
    return {**known, "digits-h5": DIGITS, "urgency-flow": URGENCY}[model_id]


def write(folder: Path, settings: dict[str, Any], *, sample: str | None = None) -> Path:
    """A model folder as an image holds it, with the files of a sample."""
    folder.mkdir(parents=True)
    if sample is None:
        (folder / "files").mkdir()
    else:
        shutil.copytree(EXAMPLES / "formats" / sample, folder / "files")
    (folder / "model.json").write_text(json.dumps({"schema": 1, "id": folder.name, **settings}))
    return folder


def write_sample(root: Path, model_id: str) -> Path:
    """The model folder of a sample."""
    return write(root / model_id, settings_of(model_id), sample=model_id)


def python_of(runtime: str) -> str:
    """The Python with the packages of a runtime, as ``migrate serve`` makes it; made once on this machine."""
    store = platformdirs.user_cache_path("mlserving-migrate") / "runtimes"
    return str(ensure_environment(runtime, store=store, progress_text=print))


@contextmanager
def serving(root: Path, runtime: str, scratch: Path, **settings: str) -> Iterator[Server]:
    """A server process with the packages of a runtime, and nothing of this checkout but the server."""
    server_code.copy_server(scratch / "server")
    with running(root, scratch / "log", python=python_of(runtime), code=scratch / "server", **settings) as server:
        yield server


def ok(answer: Answer) -> dict[str, Any]:
    """The tensors of an answer that must be a 200."""
    assert answer.status == 200, answer.body
    found: dict[str, Any] = answer.json()
    return found


def refusal(runtime: str, settings: dict[str, Any], files: dict[str, bytes], folder: Path) -> str:
    """Why a server does not become ready."""
    place = write(folder / "models" / "m", settings)
    for name, content in files.items():
        (place / "files" / name).write_bytes(content)
    code = Path(__file__).parents[2]
    server = start(folder / "models", folder / "log", python=python_of(runtime), code=code)
    assert server.process.wait(timeout=120) == 1
    return " ".join(line.get("reason", "") for line in server.lines())


def said_by_loading(runtime: str, scratch: Path) -> list[str]:
    """What one process with the packages of a runtime says on loading each model of ``scratch/models``, by name."""
    server_code.copy_server(scratch / "server")
    command = [python_of(runtime), "-c", LOADER, str(scratch / "models")]
    environment = {**os.environ, "PYTHONPATH": str(scratch / "server")}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True, timeout=200)
    return done.stdout.splitlines()


def samples_of(model_id: str) -> list[tuple[dict[str, Any], dict[str, Any]]]:
    """The requests of a sample with the answers of its training code."""
    paths = sorted((EXAMPLES / "format-samples" / model_id).glob("*.json"))
    content = [json.loads(path.read_bytes()) for path in paths]
    return [(one["request"], one["answer"]) for one in content]


def close(expected: Any, found: Any, relative: float) -> bool:
    """Whether two answers have the same form, and numbers within a relative difference."""
    if isinstance(expected, dict):
        return (
            isinstance(found, dict)
            and expected.keys() == found.keys()
            and all(close(value, found[name], relative) for name, value in expected.items())
        )
    if isinstance(expected, list):
        same = isinstance(found, list) and len(found) == len(expected)
        return same and all(close(left, right, relative) for left, right in zip(expected, found, strict=True))
    if isinstance(expected, float):
        return isinstance(found, float) and abs(expected - found) <= relative * max(1.0, abs(expected))
    return type(expected) is type(found) and bool(expected == found)
