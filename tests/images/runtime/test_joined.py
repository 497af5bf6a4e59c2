"""The image of a flow whose steps need the packages of two runtimes."""

from pathlib import Path

import pytest

from migrate.images.engine import containers
from migrate.images.engine.connection import Engine
from migrate.images.runtime.image import ensure_runtime, runtime_exists
from tests.images.conftest import silent

pytestmark = pytest.mark.engine


def test_it_has_the_packages_of_both_and_a_name_that_engines_accept(engine: Engine, store: Path) -> None:
    joined = ensure_runtime(engine, "onnx+tokenizers", base=None, store=store, progress_text=silent)
    assert joined.runtime == "onnx+tokenizers"
    assert joined.reference.startswith("migrate-runtime-onnx.tokenizers:")
    assert runtime_exists(engine, joined)
    label = engine.client.api.inspect_image(joined.reference)["Config"]["Labels"]["mlserving-migrate.runtime"]
    assert label == "onnx+tokenizers"
    code = "import onnxruntime, tokenizers, numpy; assert numpy.__version__ == '2.4.6'"
    command = ["python3", "-W", "error", "-c", code]
    with containers.container(engine, joined.image_id, command, purpose="test", user="42420:42420") as identity:
        engine.client.api.start(identity)
        assert engine.client.api.wait(identity)["StatusCode"] == 0, engine.client.api.logs(identity)
