"""Exports of fastai 2.7, which fastai 2.8 refuses: chosen by what they import, and answered as fastai predicts."""

import json
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from migrate.core.model_json import content_of
from migrate.core.values import Inspection
from migrate.formats import inspect
from tests.formats.models import artifact
from tests.parity.oracle import reference
from tests.server.format_models import ok, python_of, serving
from tests.server.process import Server

pytestmark = [pytest.mark.runtimes, pytest.mark.slow]

MODELS = ("table", "no-fill", "texts")
RUNTIME = "fastai27"
# How pandas 1.1 pickled the index of a table, and spaCy 2 a language with its tokenizer.
OLD_PICKLES = """
import io
import pickle
import numpy
from migrate.server.engines.fastai_pickles import PICKLE

def read(data):
    return PICKLE.Unpickler(io.BytesIO(data)).load()

def short(text):
    return b"X" + len(text).to_bytes(4, "little") + text.encode()

array = pickle.dumps(numpy.array([3, 5]), 2)[2:-1]
index = read(
    b"\\x80\\x02cpandas.core.indexes.base\\n_new_Index\\n(cpandas.core.indexes.numeric\\nInt64Index\\n}("
    + short("data") + array + short("name") + b"NutR."
)
assert index.tolist() == [3, 5], index
rules = b"}" + short("gimme!") + b"](}KA" + short("gim") + b"s}KA" + short("me!") + b"ses"
tokenizer = b"cspacy.tokenizer\\nTokenizer\\n(cspacy.vocab\\nunpickle_vocab\\n)R" + rules + b"NNNNNtR"
language = b"cspacy.lang.en\\nEnglish\\n)\\x81}" + short("tokenizer") + tokenizer + b"sb"
made = read(
    b"\\x80\\x02cfastai.text.core\\nSpacyTokenizer\\n)\\x81}("
    + short("pipe") + b"c__builtin__\\ngetattr\\n" + language + short("pipe") + b"\\x86R"
    + short("buf_sz") + b"K\\x05" + short("special_toks") + b"]ub."
)
print([list(one) for one in made(["gimme! that"])])
"""


def look(folder: Path) -> Inspection:
    found = artifact(folder)
    return inspect(found, framework=None, allow_unsafe=[file.digest for file in found.files])


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("old")
    script = Path(__file__).with_name("make_old_fastai.py")
    subprocess.run([python_of(RUNTIME), "-W", "ignore", str(script), str(root / "made")], check=True)
    for name in MODELS:
        folder = root / "models" / name
        (folder / "files").mkdir(parents=True)
        (root / "made" / name / "expected.json").rename(root / f"{name}.json")
        (folder / "files/export.pkl").write_bytes((root / "made" / name / "export.pkl").read_bytes())
        inspection = look(root / "made" / name)
        assert (inspection.verdict, inspection.runtime) == ("ready", RUNTIME), inspection
        assert inspection.settings is not None
        content = content_of(inspection.settings)
        (folder / "model.json").write_text(json.dumps({"schema": 1, **content, "id": name}))
    return root


@pytest.fixture(scope="module")
def server(made: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with serving(made / "models", RUNTIME, tmp_path_factory.mktemp("server")) as started:
        yield started


def expected(made: Path, name: str) -> dict[str, Any]:
    content: dict[str, Any] = json.loads((made / f"{name}.json").read_text())
    return content


@pytest.mark.parametrize("name", MODELS)
def test_predictions_are_fastais_own(name: str, made: Path, server: Server) -> None:
    wanted = expected(made, name)
    found = ok(server.eval(wanted["request"], f"/{name}/eval"))
    assert found["probabilities"] == [pytest.approx(row, rel=1e-5) for row in wanted["probabilities"]]


@pytest.mark.parametrize("name", ["table", "texts"])
def test_the_reference_predicts_the_same(name: str, made: Path, tmp_path: Path) -> None:
    wanted = expected(made, name)
    settings = json.loads((made / "models" / name / "model.json").read_text())
    with reference(made / "made" / name, tmp_path, python=python_of(RUNTIME)) as ask:
        assert "known" in ask({"model": settings})
        found = ask({"request": wanted["request"]})["outputs"]
    assert found["probabilities"] == [pytest.approx(row, rel=1e-5) for row in wanted["probabilities"]]


def test_truths_are_booleans_in_the_plan_and_in_the_description(made: Path, server: Server) -> None:
    wanted = {"town": "string", "zone": "double", "sold": "boolean", "age": "double"}
    settings = look(made / "made/table").settings
    assert settings is not None
    assert {one.name: one.type for one in settings.inputs} == wanted
    found = server.call("GET", "/table/describe").json()["inputs"]
    assert {one["name"]: one["type"] for one in found} == wanted


def test_a_truth_counts(made: Path, server: Server) -> None:
    first, second, _ = ok(server.eval(expected(made, "table")["request"], "/table/eval"))["probabilities"]
    assert first != second


def test_a_null_alone_is_a_missing_value(server: Server) -> None:
    row = {"town": ["Paris"], "zone": [2], "sold": [True]}
    bare = ok(server.eval({**row, "age": None}, "/table/eval"))
    assert ok(server.eval({**row, "age": [None]}, "/table/eval")) == bare
    assert ok(server.eval({**row, "age": 4.5}, "/table/eval")) != bare


def test_no_class_is_the_likeliest_of_unknown_ones(server: Server) -> None:
    row = {"town": ["Paris"], "zone": [2], "sold": [True], "age": [None]}
    found = ok(server.eval(row, "/no-fill/eval", Keep_Dimensions="1"))
    assert found["y"] == [None]
    assert found["probabilities"] == [["NaN", "NaN"]]


def test_what_older_libraries_pickled_is_read(tmp_path: Path) -> None:
    code = str(Path(__file__).parents[2])
    done = subprocess.run(
        [python_of(RUNTIME), "-W", "ignore", "-c", OLD_PICKLES],
        env={"PYTHONPATH": code, "HOME": str(tmp_path), "PYTHONSAFEPATH": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stdout.strip() == "[['gim', 'me!', 'that']]", done.stderr
