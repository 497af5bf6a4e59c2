"""The compared servers: how each is started, and how each is asked the same question."""

import json
import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Protocol

from benchmarks.server.environments import HERE, OURS, python_of
from benchmarks.server.models import INPUT, Payload

PEERS: Final = HERE / "peers"
JSON: Final = "application/json"
PICTURE: Final = "picture"
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
    read: Callable[[Any], Any] | None


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
    command = (str(python_of(OURS)), "-m", "migrate.server", str(place.file.parents[1]), "--host", "127.0.0.1")
    ports = ("--port", str(place.port), "--metrics-port", "0")
    return Launch((*command, *ports), environment, place.scratch, "/health/ready")


def start_echo(place: Place) -> Launch:
    """Uvicorn, httptools and uvloop alone."""
    command = (str(python_of(OURS)), str(PEERS / "echo.py"), str(place.port))
    return Launch(command, {}, place.scratch, "/")


def start_fastapi(place: Place) -> Launch:
    """Uvicorn with its quick parts, without a line of log for each request."""
    listen = ("--host", "127.0.0.1", "--port", str(place.port), "--no-access-log", "--log-level", "warning")
    command = (_program("fastapi", "uvicorn"), "fastapi_app:app", "--app-dir", str(PEERS), *listen)
    return Launch(command, {"MODEL": str(place.file)}, place.scratch, "/health")


def start_litserve(place: Place) -> Launch:
    """One API process, one worker."""
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


def _output(answer: Any) -> Any:
    return answer["output"]


def _v2_output(answer: Any) -> Any:
    return answer["outputs"][0]["data"]


def _body(payload: Payload) -> bytes:
    return f'{{"{INPUT}": {payload.text}}}'.encode()


def ask_ours(model: str, payload: Payload) -> Question:
    """The old contract: the image itself where there is one."""
    del model
    if payload.png is not None:
        return Question("/eval", "image/png", payload.png, _output)
    return Question("/eval", JSON, _body(payload), _output)


def ask_v2(model: str, payload: Payload) -> Question | None:
    """The Open Inference Protocol, values in JSON."""
    if payload.png is not None:
        return None
    flat = json.dumps(_flat(json.loads(payload.text)))
    tensor = f'{{"name": "{INPUT}", "shape": {list(payload.array.shape)}, "datatype": "FP32", "data": {flat}}}'
    return Question(f"/v2/models/{model}/infer", JSON, f'{{"inputs": [{tensor}]}}'.encode(), _v2_output)


def _flat(value: Any) -> list[Any]:
    return [leaf for item in value for leaf in _flat(item)] if isinstance(value, list) else [value]


def ask_echo(model: str, payload: Payload) -> Question | None:
    """The body that this server gets; images say nothing here."""
    return Question("/", JSON, _body(payload), None) if model == "mlp" else None


def ask_fastapi(model: str, payload: Payload) -> Question:
    """A typed body for each model, and the bare file."""
    if payload.png is not None:
        return Question("/predict-png", "image/png", payload.png, _output)
    return Question("/predict" if model == "mlp" else "/predict-image", JSON, _body(payload), _output)


def ask_litserve(model: str, payload: Payload) -> Question:
    """One path for JSON and forms."""
    del model
    if payload.png is not None:
        return _form("/predict", payload.png)
    return Question("/predict", JSON, _body(payload), _output)


def ask_bentoml(model: str, payload: Payload) -> Question:
    """A path for each kind."""
    del model
    if payload.png is not None:
        return _form("/predict_png", payload.png)
    return Question("/predict", JSON, _body(payload), _output)


def _form(path: str, picture: bytes) -> Question:
    head = f'Content-Disposition: form-data; name="{PICTURE}"; filename="picture.png"\r\nContent-Type: image/png\r\n'
    body = f"--{_BOUNDARY}\r\n{head}\r\n".encode() + picture + f"\r\n--{_BOUNDARY}--\r\n".encode()
    return Question(path, f"multipart/form-data; boundary={_BOUNDARY}", body, _output)


CONTENDERS: Final = (
    Contender("migrate", "this server, /eval", OURS, ("uvicorn", "onnxruntime", "msgspec"), start_ours, ask_ours),
    Contender("migrate-v2", "this server, /v2", OURS, ("uvicorn", "onnxruntime", "msgspec"), start_ours, ask_v2),
    Contender("echo", "echo on its HTTP stack", OURS, ("uvicorn", "httptools", "uvloop"), start_echo, ask_echo),
    Contender("fastapi", "FastAPI by hand", "fastapi", ("fastapi", "pydantic", "uvicorn"), start_fastapi, ask_fastapi),
    Contender("litserve", "LitServe", "litserve", ("litserve", "fastapi", "uvicorn"), start_litserve, ask_litserve),
    Contender("mlserver", "MLServer", "mlserver", ("mlserver", "fastapi", "uvicorn"), start_mlserver, ask_v2),
    Contender("bentoml", "BentoML", "bentoml", ("bentoml", "starlette", "uvicorn"), start_bentoml, ask_bentoml),
)


def versions(contender: Contender) -> dict[str, str]:
    """The versions of a contender's packages, as they are installed; onnxruntime's and numpy's too."""
    wanted = dict.fromkeys((*contender.packages, "onnxruntime", "numpy"))
    program = "import importlib.metadata as m, sys; print(*(m.version(name) for name in sys.argv[1:]))"
    command = [str(python_of(contender.environment)), "-c", program, *wanted]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    return dict(zip(wanted, done.stdout.split(), strict=True))
