"""The engine called directly, in a container of the runtime's image."""

from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace
from onnx import TensorProto, helper

from migrate.core.errors import NeedsYouError
from migrate.core.values import RuntimeImage
from migrate.images.engine.connection import Engine
from migrate.images.runtime.image import ensure_runtime
from migrate.images.trial.in_engine import InEngine
from migrate.images.trial.oracle_run import run_reference
from tests.formats.models import graph, model, value
from tests.images.conftest import EXAMPLES, IRIS, artifact_of, containers_of, silent

pytestmark = pytest.mark.engine

GIGABYTE = 1 << 30
PROGRAM = Path(__file__).parents[3] / "migrate/parity/oracles"
START = (PROGRAM / "start.py", *sorted(PROGRAM.glob("[!s]*.py")))
FORMATS = EXAMPLES.parent / "formats"


def test_the_engine_is_called_directly(engine: Engine, runtime: RuntimeImage) -> None:
    inputs = [{"name": "float_input", "type": "float", "shape": [-1, 4]}]
    settings = {"engine": "onnx", "entry": "iris.onnx", "inputs": inputs}
    with run_reference(InEngine(engine), runtime, artifact_of(IRIS), START, memory=GIGABYTE, timeout=200) as ask:
        assert ask({"model": settings}) == {"known": {}}
        answers = [ask({"request": {"float_input": [[5.1, 3.5, 1.4, 0.2]] * count}}) for count in (1, 3)]
    assert [len(answer["outputs"]["output_label"]) for answer in answers] == [1, 3]
    assert not containers_of(engine, "reference")


def test_an_engine_of_another_runtime(engine: Engine, store: Path) -> None:
    image = ensure_runtime(engine, "processors", base=None, store=store, progress_text=silent)
    artifact = artifact_of(FORMATS / "price-interval/manifest.json")
    settings: dict[str, Any] = {
        "engine": "pi",
        "inputs": [{"name": "price", "type": "double"}],
        "outputs": [{"name": "price_quantile_sup", "type": "double"}],
        "pi": {"residuals_std": {"price": 1250.0}},
    }
    with run_reference(InEngine(engine), image, artifact, START, memory=GIGABYTE, timeout=200) as ask:
        assert ask({"model": settings}) == {"known": {}}
        answer = ask({"request": {"price": [182500.0, None]}})
        refused = ask({"request": {"cost": 1.0}})
    assert answer == {"outputs": {"price_quantile_sup": [pytest.approx(184556.06703368935, rel=1e-12), None]}}
    assert "price" in refused["error"]


def test_an_image_has_the_locale_that_lower_case_needs(engine: Engine, runtime: RuntimeImage, tmp_path: Path) -> None:
    node = helper.make_node("StringNormalizer", ["x"], ["y"], case_change_action="LOWER")
    one = model(
        graph([node], [value("x", TensorProto.STRING, (None,))], [value("y", TensorProto.STRING, (None,))]),
        opsets={"": 12},
    )
    path = tmp_path / "texts.onnx"
    path.write_bytes(one.SerializeToString())
    inputs = [{"name": "x", "type": "string", "shape": [-1]}]
    settings = {"engine": "onnx", "entry": path.name, "inputs": inputs}
    with run_reference(InEngine(engine), runtime, artifact_of(path), START, memory=GIGABYTE, timeout=200) as ask:
        assert ask({"model": settings}) == {"known": {}}
        assert ask({"request": {"x": ["\u00c9T\u00c9", "STRASSE"]}}) == {"outputs": {"y": ["\u00e9t\u00e9", "strasse"]}}


def scripted(tmp_path: Path, text: str) -> tuple[Path]:
    path = tmp_path / "script.py"
    path.write_text(text)
    return (path,)


def test_the_artifact_is_the_programs_folder(engine: Engine, runtime: RuntimeImage, tmp_path: Path) -> None:
    data = tmp_path / "in/sub/a b"
    data.mkdir(parents=True)
    data.joinpath("größe").write_text("x" * 100)
    artifact = artifact_of(data / "größe")
    file = replace(artifact.files[0], path="sub/a b/größe")
    artifact = replace(artifact, folder=str(tmp_path / "in"), files=(file,))
    script = scripted(
        tmp_path,
        "import json, os, sys\nfor line in sys.stdin:\n"
        "    print(json.dumps({'size': os.path.getsize(json.loads(line)['entry']), 'uid': os.getuid()}), flush=True)\n",
    )
    with run_reference(InEngine(engine), runtime, artifact, script, memory=GIGABYTE, timeout=200) as ask:
        assert ask({"entry": "sub/a b/größe"}) == {"size": 100, "uid": 42420}


def test_a_program_that_breaks_says_why(engine: Engine, runtime: RuntimeImage, tmp_path: Path) -> None:
    script = scripted(tmp_path, "import sys\nfor line in sys.stdin:\n    raise SystemExit('no such operator')\n")
    with run_reference(InEngine(engine), runtime, artifact_of(IRIS), script, memory=GIGABYTE, timeout=200) as ask:
        with pytest.raises(NeedsYouError) as error:
            ask({})
        assert error.value.code == "reference-failed"
        assert "no such operator" in error.value.what


def test_a_program_that_eats_the_memory_is_killed(engine: Engine, runtime: RuntimeImage, tmp_path: Path) -> None:
    script = scripted(tmp_path, "import sys\nfor line in sys.stdin:\n    eaten = b'x' * (300 << 20)\n")
    with run_reference(InEngine(engine), runtime, artifact_of(IRIS), script, memory=1 << 28, timeout=200) as ask:
        with pytest.raises(NeedsYouError, match="memory") as error:
            ask({})
        assert error.value.code == "out-of-memory"


def test_a_program_that_hangs_is_killed(engine: Engine, runtime: RuntimeImage, tmp_path: Path) -> None:
    script = scripted(tmp_path, "import time\ntime.sleep(180)\n")
    with run_reference(InEngine(engine), runtime, artifact_of(IRIS), script, memory=GIGABYTE, timeout=2) as ask:
        with pytest.raises(NeedsYouError) as error:
            ask({})
        assert error.value.code == "reference-timeout"
    assert not containers_of(engine, "reference")
