"""The compared servers: how each is started, and how each is asked the same question."""

import json
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Protocol

import numpy as np

from benchmarks.server.environments import HERE, OURS, python_of
from benchmarks.server.models import INPUT, OUTPUT, Payload
from benchmarks.server.samples import SAMPLES

PEERS: Final = HERE / "peers"
JSON: Final = "application/json"
PICTURE: Final = "picture"
PYTHON: Final = f"python{sys.version_info.major}.{sys.version_info.minor}"
_BOUNDARY: Final = "bench-server-7c1f"


@dataclass(frozen=True)
class Place:
    """Where a contender runs: its scratch folder, its port, the model's name and file, this server's code."""

    scratch: Path
    port: int
    model: str
    file: Path
    code: Path


@dataclass(frozen=True)
class Launch:
    """The command of a server, its environment and working directory, and the path that says when it is ready."""

    command: tuple[str, ...]
    environment: dict[str, str]
    folder: Path
    ready: str


@dataclass(frozen=True)
class Question:
    """A request, and how to read the values of its answer; ``read`` is None for the echo."""

    path: str
    content_type: str
    body: bytes
    read: Callable[[bytes], Any] | None
    headers: tuple[tuple[str, str], ...] = ()


class Start(Protocol):
    """Prepares a contender at a place."""

    def __call__(self, place: Place) -> Launch:
        """Write what it needs into the scratch folder and say how it is started."""


class Ask(Protocol):
    """Words a payload as a contender wants it."""

    def __call__(self, model: str, payload: Payload) -> Question | None:
        """The question, or None for what the contender cannot take."""


@dataclass(frozen=True)
class Contender:
    """One of the compared servers. ``packages`` are those whose versions are reported."""

    name: str
    title: str
    environment: str
    packages: tuple[str, ...]
    start: Start
    ask: Ask


def _program(environment: str, name: str) -> str:
    return str(python_of(environment).parent / name)


def start_ours(place: Place) -> Launch:
    """This server with its image's environment variables and every default."""
    environment = {
        "PYTHONPATH": str(place.code),
        "PYTHONSAFEPATH": "1",
        "PYTHONUNBUFFERED": "1",
        "PYTHONDONTWRITEBYTECODE": "1",
        "ORT_DISABLE_TELEMETRY": "1",
        "MIGRATE_DRAIN_SECONDS": "0",
    }
    python = python_of(SAMPLES[place.model].runtime if place.model in SAMPLES else OURS)
    command = (str(python), "-m", "migrate.server", str(place.file.parents[1]), "--host", "127.0.0.1")
    ports = ("--port", str(place.port), "--metrics-port", "0")
    return Launch((*command, *ports), environment, place.scratch, "/health/ready")


def start_echo(place: Place) -> Launch:
    """Uvicorn, httptools and uvloop alone."""
    command = (str(python_of(OURS)), str(PEERS / "echo.py"), str(place.port))
    return Launch(command, {}, place.scratch, "/")


def start_fastapi(place: Place) -> Launch:
    """Uvicorn with its quick parts, without a line of log for each request."""
    listen = ("--host", "127.0.0.1", "--port", str(place.port), "--no-access-log", "--log-level", "warning")
    if place.model in SAMPLES:
        command = (*_beside("fastapi", place), "-m", "uvicorn", "fastapi_samples:app", "--app-dir", str(PEERS), *listen)
        return Launch(command, _sample_environment("fastapi", place), place.scratch, "/health")
    command = (_program("fastapi", "uvicorn"), "fastapi_app:app", "--app-dir", str(PEERS), *listen)
    return Launch(command, {"MODEL": str(place.file)}, place.scratch, "/health")


def start_litserve(place: Place) -> Launch:
    """One API process, one worker."""
    if place.model in SAMPLES:
        command = (*_beside("litserve", place), str(PEERS / "litserve_torch.py"), str(place.port))
        return Launch(command, _sample_environment("litserve", place), place.scratch, "/health")
    command = (str(python_of("litserve")), str(PEERS / "litserve_app.py"), str(place.port))
    return Launch(command, {"MODEL": str(place.file)}, place.scratch, "/health")


def start_bentoml(place: Place) -> Launch:
    """The service that fits the model, without tracking and without a log for each request."""
    service = "Rows" if place.model == "mlp" else "Images"
    listen = ("--host", "127.0.0.1", "--port", str(place.port), "--working-dir", str(PEERS))
    environment = {
        "MODEL": str(place.file),
        "BENTOML_DO_NOT_TRACK": "True",
        "BENTOML_HOME": str(place.scratch / "bentoml"),
    }
    command = (_program("bentoml", "bentoml"), "serve", f"bentoml_app:{service}", *listen)
    return Launch(command, environment, place.scratch, "/readyz")


def start_mlserver(place: Place) -> Launch:
    """Inference in the serving process, which is quickest on one CPU."""
    ports = {"http_port": place.port, "grpc_port": place.port + 1, "metrics_port": place.port + 2}
    settings = {"host": "127.0.0.1", "debug": False, "parallel_workers": 0, **ports}
    (place.scratch / "settings.json").write_text(json.dumps(settings))
    model = {"name": place.model, "implementation": "mlserver_app.OnnxModel"}
    (place.scratch / "model-settings.json").write_text(json.dumps(model))
    environment = {"MODEL": str(place.file), "PYTHONPATH": str(PEERS)}
    command = (_program("mlserver", "mlserver"), "start", str(place.scratch))
    return Launch(command, environment, place.scratch, f"/v2/models/{place.model}/ready")


def _beside(environment: str, place: Place) -> tuple[str]:
    """The Python of a sample's engine, for a peer whose packages are in another environment."""
    runtime = SAMPLES[place.model].runtime
    return (str(python_of(environment if runtime == OURS else runtime)),)


def _sample_environment(environment: str, place: Place) -> dict[str, str]:
    packages = python_of(environment).parents[1] / "lib" / PYTHON / "site-packages"
    quiet = {"TF_CPP_MIN_LOG_LEVEL": "2", "TF_ENABLE_ONEDNN_OPTS": "0", "CUDA_VISIBLE_DEVICES": "-1"}
    return {"MODEL": str(place.file), "SAMPLE": place.model, "PEER_PACKAGES": str(packages), **quiet}


def _reader(output: str) -> Callable[[bytes], Any]:
    return lambda answer: json.loads(answer)[output]


def _v2_output(answer: bytes) -> Any:
    return json.loads(answer)["outputs"][0]["data"]


def _binary_output(answer: bytes) -> Any:
    _, end = json.JSONDecoder().raw_decode(answer.decode("latin-1"))
    return np.frombuffer(answer[end:], "<f4")


def _body(payload: Payload) -> bytes:
    return payload.body or f'{{"{INPUT}": {payload.text}}}'.encode()


def ask_ours(model: str, payload: Payload) -> Question | None:
    """The old contract: the image itself where there is one."""
    del model
    read = _reader(payload.output)
    if payload.png is not None:
        return Question("/eval", "image/png", payload.png, read)
    return None if payload.binary else Question("/eval", JSON, _body(payload), read)


def ask_v2(model: str, payload: Payload) -> Question | None:
    """The Open Inference Protocol, values in JSON or in binary."""
    if payload.png is not None or payload.body is not None:
        return None
    if payload.binary:
        return _binary(model, payload)
    flat = json.dumps(_flat(json.loads(payload.text)))
    tensor = f'{{"name": "{INPUT}", "shape": {list(payload.array.shape)}, "datatype": "FP32", "data": {flat}}}'
    return Question(f"/v2/models/{model}/infer", JSON, f'{{"inputs": [{tensor}]}}'.encode(), _v2_output)


def _binary(model: str, payload: Payload) -> Question:
    data = payload.array.astype("<f4").tobytes()
    head = {"name": INPUT, "shape": list(payload.array.shape), "datatype": "FP32"}
    asked = {
        "inputs": [{**head, "parameters": {"binary_data_size": len(data)}}],
        "outputs": [{"name": payload.output, "parameters": {"binary_data": True}}],
    }
    text = json.dumps(asked).encode()
    length = (("Inference-Header-Content-Length", str(len(text))),)
    return Question(f"/v2/models/{model}/infer", "application/octet-stream", text + data, _binary_output, length)


def ask_mlserver(model: str, payload: Payload) -> Question | None:
    """The same, but for the extension for binary data, which its REST server does not have."""
    return None if payload.binary else ask_v2(model, payload)


def _flat(value: Any) -> list[Any]:
    return [leaf for item in value for leaf in _flat(item)] if isinstance(value, list) else [value]


def ask_echo(model: str, payload: Payload) -> Question | None:
    """The body that this server gets; images say nothing here."""
    return Question("/", JSON, _body(payload), None) if model == "mlp" and not payload.binary else None


def ask_fastapi(model: str, payload: Payload) -> Question | None:
    """A typed body for each model, and the bare file."""
    if payload.png is not None:
        return Question("/predict-png", "image/png", payload.png, _reader(payload.output))
    if payload.binary:
        return None
    path = "/predict-image" if model == "image" else "/predict"
    return Question(path, JSON, _body(payload), _reader(payload.output))


def ask_litserve(model: str, payload: Payload) -> Question | None:
    """One path for JSON and forms; of the samples, the one of PyTorch."""
    if payload.png is not None:
        return _form("/predict", payload.png)
    if payload.binary or (payload.body is not None and SAMPLES[model].runtime != "torch"):
        return None
    return Question("/predict", JSON, _body(payload), _reader(payload.output))


def ask_bentoml(model: str, payload: Payload) -> Question | None:
    """A path for each kind."""
    del model
    if payload.png is not None:
        return _form("/predict_png", payload.png)
    if payload.binary or payload.body is not None:
        return None
    return Question("/predict", JSON, _body(payload), _reader(payload.output))


def _form(path: str, picture: bytes) -> Question:
    head = f'Content-Disposition: form-data; name="{PICTURE}"; filename="picture.png"\r\nContent-Type: image/png\r\n'
    body = f"--{_BOUNDARY}\r\n{head}\r\n".encode() + picture + f"\r\n--{_BOUNDARY}--\r\n".encode()
    return Question(path, f"multipart/form-data; boundary={_BOUNDARY}", body, _reader(OUTPUT))


CONTENDERS: Final = (
    Contender("migrate", "this server, /eval", OURS, ("uvicorn", "onnxruntime", "msgspec"), start_ours, ask_ours),
    Contender("migrate-v2", "this server, /v2", OURS, ("uvicorn", "onnxruntime", "msgspec"), start_ours, ask_v2),
    Contender("echo", "echo on its HTTP stack", OURS, ("uvicorn", "httptools", "uvloop"), start_echo, ask_echo),
    Contender("fastapi", "FastAPI by hand", "fastapi", ("fastapi", "pydantic", "uvicorn"), start_fastapi, ask_fastapi),
    Contender("litserve", "LitServe", "litserve", ("litserve", "fastapi", "uvicorn"), start_litserve, ask_litserve),
    Contender("mlserver", "MLServer", "mlserver", ("mlserver", "fastapi", "uvicorn"), start_mlserver, ask_mlserver),
    Contender("bentoml", "BentoML", "bentoml", ("bentoml", "starlette", "uvicorn"), start_bentoml, ask_bentoml),
)


def versions(contender: Contender) -> dict[str, str]:
    """The versions of a contender's packages, as they are installed; onnxruntime's and numpy's too."""
    wanted = dict.fromkeys((*contender.packages, "onnxruntime", "numpy"))
    program = "import importlib.metadata as m, sys; print(*(m.version(name) for name in sys.argv[1:]))"
    command = [str(python_of(contender.environment)), "-c", program, *wanted]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    return dict(zip(wanted, done.stdout.split(), strict=True))
