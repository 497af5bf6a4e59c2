"""Inspection, samples, reference and comparison together, on the inference server started as an image starts it."""

import json
import shutil
from collections.abc import Iterator

import pytest

from migrate.core.model_json import ModelJson, content_of
from migrate.core.values import Recording
from migrate.formats import inspect
from migrate.parity.comparison import recorded_json
from migrate.parity.http import describe_at, http_caller
from migrate.parity.recording import record_live, record_reference
from migrate.parity.replay import replay
from tests.formats.models import EXAMPLES, artifact
from tests.golden_folders import OURS, paths
from tests.parity.oracle import reference
from tests.server.process import running

pytestmark = pytest.mark.programs

_SOURCES = [
    *(EXAMPLES / name for name in ("iris", "titanic", "digits", "housing")),
    *(OURS / "_models" / name for name in ("iris-manifest", "window", "types", "many", "total")),
    *paths("_models/onnx_*"),
]
NAMES = [source.name for source in _SOURCES]


class Served:
    """One server with all the models, and what is known of each."""

    def __init__(self, url: str, settings: dict[str, ModelJson], recordings: dict[str, Recording]) -> None:
        self.url = url
        self.settings = settings
        self.recordings = recordings


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    root = tmp_path_factory.mktemp("root")
    settings, recordings = {}, {}
    for source in _SOURCES:
        folder = root / source.name
        files = shutil.copytree(source, folder / "files")
        settings[source.name] = inspect(artifact(files), framework="onnx").settings
        with reference(files, folder / "scratch") as ask:
            recordings[source.name] = record_reference(settings[source.name], ask, "onnxruntime", seed=11)
        named = content_of(settings[source.name]) | {"id": source.name, "title": source.name, "artifact": "sha256:0"}
        (folder / "model.json").write_text(json.dumps(named))
        content = recorded_json(recordings[source.name], settings[source.name])
        (folder / "recorded.json").write_bytes(content or b"")
    with running(root, tmp_path_factory.mktemp("log") / "log") as process:
        yield Served(f"http://127.0.0.1:{process.port}", settings, recordings)


@pytest.mark.parametrize("name", NAMES)
def test_the_server_answers_as_the_engine_does(server: Served, name: str) -> None:
    call = http_caller(f"{server.url}/{name}", None, timeout=60)
    found = replay(server.recordings[name], server.settings[name], call)
    assert found.mismatches == ()
    assert (found.passed, found.calls) == (True, 5)
    # The same engine with another number of threads may add up in another order.
    assert found.worst_difference == pytest.approx(0.0, abs=1e-6)


@pytest.mark.parametrize("name", NAMES)
def test_an_endpoint_is_equal_to_itself(server: Served, name: str) -> None:
    url = f"{server.url}/{name}"
    call = http_caller(url, None, timeout=60)
    described = describe_at(url, None, timeout=60)
    recording = record_live(server.recordings[name].samples, call, "the same server", described)
    assert len(recording.samples) == 5
    assert replay(recording, server.settings[name], call, describe=described).passed
    settings = content_of(server.settings[name])
    assert described == {key: settings[key] for key in ("inputs", "outputs", "rolling_windows_size")}
