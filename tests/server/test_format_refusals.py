"""Models that are not as described: the process ends with the reason and never becomes ready."""

import re
import warnings
import zipfile
from pathlib import Path
from typing import Any

import pytest

from migrate.server.engines.saved_model import unpacked
from migrate.server.model_engine import ContradictionError
from tests.server import format_models as samples
from tests.server.format_models import CHAIN, WEEKS, field, plain, scale, write
from tests.server.process import start

# The first time, the packages of a runtime are fetched and installed.
pytestmark = [pytest.mark.timeout(900), pytest.mark.programs]

CONTRADICTIONS: list[tuple[dict[str, Any], str]] = [
    ({"tensorflow": {"saved_model": ".", "signature": "train"}}, "no signature 'train'"),
    ({"tensorflow": {"saved_model": "..", "signature": "serving_default"}}, "outside of the model's files"),
    ({"tensorflow": {"signature": "serving_default"}}, "saved_model"),
    ({"tensorflow": {"saved_model": "saved_model.pb", "signature": "serving_default"}}, "cannot be unpacked"),
    ({"inputs": [field("data", "float", -1, 13)]}, "declares the inputs ['data']"),
    ({"inputs": [field("measurements", "string", -1, 13)]}, "declared as string"),
    ({"outputs": [field("score", "float", -1)]}, "no output score"),
    ({"engine": "keras", "entry": "variables/variables.index"}, "tf_keras"),
]


@pytest.mark.runtimes
def test_graphs_that_are_not_as_described_are_not_served(tmp_path: Path) -> None:
    for number, (change, _) in enumerate(CONTRADICTIONS):
        write(tmp_path / "models" / f"{number:02}", {**samples.WINE, **change}, sample="wine-tf2")
    said = samples.said_by_loading("keras", tmp_path)
    assert len(said) == len(CONTRADICTIONS)
    for line, (_, wanted) in zip(said, CONTRADICTIONS, strict=True):
        assert wanted in line


@pytest.mark.runtimes
def test_a_graph_that_is_not_as_described_ends_the_process(tmp_path: Path) -> None:
    write(tmp_path / "models" / "wine", {**samples.WINE, **CONTRADICTIONS[0][0]}, sample="wine-tf2")
    code, log = ended(tmp_path, "tensorflow")
    assert code == 1
    assert CONTRADICTIONS[0][1] in log


@pytest.mark.runtimes
@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({**scale("a", "b", 0, 1), "scaler": {"mean_std_map": {}}}, "nothing for ['a']"),
        ({**scale("a", "b", 0, 1), "outputs": [plain("b"), plain("c")]}, "1 inputs has 2 outputs"),
        ({**scale("a", "b", 0, 1), "inputs": [plain("a", "string")]}, "takes numbers"),
        ({**WEEKS, "inputs": [field("day", "long", -1, format="MONTH")]}, "cannot be read"),
        ({**WEEKS, "inputs": [field("day", "string", -1, format="dd/MM/yyyy VV")]}, "'VV'"),
        ({**CHAIN, "flow": {"steps": []}}, "no steps"),
        ({**CHAIN, "outputs": [plain("z")]}, "no step has the outputs ['z']"),
        ({**CHAIN, "flow": {"steps": [CHAIN]}}, "step 0 of the flow is no model"),
        (
            {**CHAIN, "flow": {"steps": [{**scale("a", "b", 0, 1), "entry": "../../x"}]}},
            "outside of the model's folder",
        ),
        ({**CHAIN, "flow": {"steps": [{**scale("a", "b", 0, 1), "engine": "none"}]}}, "no engine named 'none'"),
    ],
)
def test_settings_that_contradict_themselves_end_the_process(
    tmp_path: Path, settings: dict[str, Any], said: str
) -> None:
    write(tmp_path / "models" / "wrong", settings)
    code, log = ended(tmp_path, "processors")
    assert code == 1
    assert said in log, log


def zip_of(path: Path, *names: str) -> None:
    """A zip with entries of these names."""
    with zipfile.ZipFile(path, "w") as packed:
        for name in names:
            packed.writestr(zipfile.ZipInfo(name), b"x")


@pytest.mark.parametrize(
    ("names", "root", "said"),
    [
        (["../outside", "saved_model.pb"], "", "leaves its folder"),
        (["/absolute"], "", "leaves its folder"),
        (["a\\b"], "", "leaves its folder"),
        (["model/saved_model.pb"], "", "holds no saved_model.pb"),
        (["saved_model.pb"], "model", "holds no model/saved_model.pb"),
        (["saved_model.pb"], "../..", "holds no"),
        (["saved_model.pb", "saved_model.pb"], "", "cannot be unpacked"),
    ],
)
def test_a_zip_that_is_not_one_saved_model_is_refused(tmp_path: Path, names: list[str], root: str, said: str) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # two entries of one name
        zip_of(tmp_path / "model.zip", *names)
    with pytest.raises(ContradictionError, match=re.escape(said)), unpacked(tmp_path / "model.zip", root):
        pass
    assert not (tmp_path.parent / "outside").exists()
    assert not (tmp_path / "outside").exists()


def test_a_zip_is_unpacked_for_as_long_as_it_is_read(tmp_path: Path) -> None:
    zip_of(tmp_path / "model.zip", "model/", "model/saved_model.pb", "model/variables/variables.index")
    with unpacked(tmp_path / "model.zip", "model") as folder:
        assert {path.name for path in folder.rglob("*")} == {"saved_model.pb", "variables", "variables.index"}
    assert not folder.exists()
    (tmp_path / "broken.zip").write_bytes(b"PK\x03\x04")
    with pytest.raises(ContradictionError, match="cannot be unpacked"), unpacked(tmp_path / "broken.zip", ""):
        pass


def ended(folder: Path, runtime: str) -> tuple[int, str]:
    """The exit code and log of a server that must not become ready."""
    samples.server_code.copy_server(folder / "server")
    server = start(folder / "models", folder / "log", python=samples.python_of(runtime), code=folder / "server")
    return server.process.wait(timeout=120), server.log.read_text()
