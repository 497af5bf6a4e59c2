"""The sample of each format: what is said of it, and that no change of its bytes breaks the reader."""

import shutil
import time
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from migrate.core.model_json import NO_MODEL, content_of
from migrate.core.values import Inspection
from migrate.formats import inspect
from tests.formats.hostile.base import EXAMPLES, example
from tests.formats.models import artifact, write

# Each: its name, format and runtime, the entry, and the names, types and shapes of what goes in and comes out.
_READY = [
    ("ages-scaler", "standard_scaler", "processors", "manifest.json",
     [("age", "double", None), ("income", "double", None)],
     [("scaled_age", "double", None), ("scaled_income", "double", None)]),
    ("dates", "datetime_encoder", "processors", "manifest.json", [("ordered_at", "string", [-1])],
     [("weekday", "long", [-1]), ("month", "long", [-1]), *((name, "long", [-1]) for name in ("seconds", "days")),
      ("day", "string", [-1])]),
    ("diabetes-tf1", "tensorflow", "tensorflow", "saved_model.pb",
     [("name", "string", [-1]), ("patient", "float", [-1, 10])],
     [("name_out", "string", [-1]), ("progression", "float", [-1, 1])]),
    ("digits-h5", "keras", "keras", "digits.h5", [("inputs", "float", [-1, 64])], [("prediction", "float", [-1, 10])]),
    ("load-zip", "tensorflow", "tensorflow", "load.zip", [("history", "float", [-1, 4])], [("next", "float", [-1, 1])]),
    ("price-interval", "pi", "processors", "manifest.json", [("price", "double", None)],
     [("price_quantile_inf", "double", None), ("price_quantile_sup", "double", None)]),
    ("progression-flow", "flow", "tensorflow", "manifest.json",
     [("bmi", "double", None), ("pressure", "double", None)],
     [("progression_quantile_inf", "double", None), ("progression_quantile_sup", "double", None)]),
    ("species-regression", "pmml", "pmml", "species-regression.pmml",
     [(name, "double", [-1]) for name in ("sepal_length", "sepal_width", "petal_length", "petal_width")],
     [("species", "string", [-1]), *((f"p_{name}", "double", [-1]) for name in ("setosa", "versicolor", "virginica"))]),
    ("species-tree", "pmml", "pmml", "species-tree.pmml",
     [(name, "double", [-1]) for name in ("sepal_length", "sepal_width", "petal_length", "petal_width")],
     [("species", "string", [-1])]),
    ("species-torchscript", "torch_script", "torch", "species.ts",
     [("measurements", "float", [-1, 4]), ("temperature", "float", [1])],
     [("species", "long", [-1]), ("probabilities", "float", [-1, 3])]),
    ("support-pipeline", "huggingface_pipeline", "transformers", "config.json", [("inputs", "string", [-1])],
     [("label", "string", [-1]), ("score", "float", [-1])]),
    ("support-tokens", "huggingface_tokenizer", "tokenizers", "tokenizer.json",
     [("input1", "string", None), ("input2", "string", None)],
     [("tokens", "string", None), *((name, "integer", None) for name in
      ("ids", "typeIds", "specialTokensMask", "attentionMask"))]),
    ("urgency-flow", "flow", "tokenizers+torch", "manifest.json",
     [("input1", "string", None), ("input2", "string", None)], [("urgency", "float", [-1])]),
    ("wine-tf2", "tensorflow", "tensorflow", "saved_model.pb", [("measurements", "float", [-1, 13])],
     [("cultivar", "string", [-1]), ("probabilities", "float", [-1, 3])]),
]  # fmt: skip
_QUARANTINED = {
    "species-module": ("torch_pickle", ["pickled-code"]),
    "species-learner": ("fastai", ["pickle-dangerous", "pickle-unusual", "pickled-code"]),
}
_NAMES = sorted(path.name for path in EXAMPLES.iterdir() if path.is_dir())


def look(name: str, allow_unsafe: tuple[str, ...] = ()) -> Inspection:
    return inspect(artifact(EXAMPLES / name), framework=None, allow_unsafe=allow_unsafe)


def fields(found: Inspection, role: str) -> list[tuple[object, ...]]:
    listed = content_of(found.settings)[role]
    assert isinstance(listed, list)
    return [(field["name"], field["type"], field.get("shape")) for field in listed]


def test_every_sample_is_here() -> None:
    assert sorted([*(row[0] for row in _READY), *_QUARANTINED]) == _NAMES


@pytest.mark.parametrize("row", _READY, ids=lambda row: str(row[0]))
def test_ready(row: tuple[str, str, str, str, list[object], list[object]]) -> None:
    name, word, runtime, entry, inputs, outputs = row
    found = look(name)
    assert (found.verdict, found.reason, found.text, found.task) == ("ready", "", "", "")
    assert (found.format, found.runtime, content_of(found.settings)["entry"]) == (word, runtime, entry)
    assert (fields(found, "inputs"), fields(found, "outputs")) == (inputs, outputs)
    assert found.hazards == ()


@pytest.mark.parametrize("name", sorted(_QUARANTINED))
def test_quarantined_until_that_very_file_is_allowed(name: str) -> None:
    word, codes = _QUARANTINED[name]
    digest = artifact(EXAMPLES / name).files[0].digest
    found = look(name)
    assert (found.format, found.verdict, found.runtime, found.settings) == (word, "quarantined", None, NO_MODEL)
    assert f"--allow-unsafe {digest};" in found.task
    assert sorted({hazard.code for hazard in found.hazards}) == codes
    allowed = look(name, (digest,))
    assert (allowed.verdict, allowed.reason) == ("ready", "")
    assert allowed.runtime == {"torch_pickle": "torch"}.get(word, word)
    assert f"allowed by --allow-unsafe {digest}" in allowed.notes[-1]
    assert allowed.hazards == found.hazards


def test_what_a_learner_takes_and_gives() -> None:
    found = look("species-learner", (artifact(EXAMPLES / "species-learner").files[0].digest,))
    names = [row[0] for row in fields(found, "inputs")]
    assert names == ["garden", "sepal_length", "sepal_width", "petal_length", "petal_width"]
    assert fields(found, "outputs") == [("species", "string", [-1]), ("probabilities", "float", [-1, 3])]


def test_what_a_pickled_module_takes() -> None:
    found = look("species-module", (artifact(EXAMPLES / "species-module").files[0].digest,))
    assert fields(found, "inputs") == [("input_0", "float", [-1, 4])]
    assert fields(found, "outputs") == [("output_0", "float", None)]


# Changes: bytes that differ, are cut off, put in, or copied from elsewhere in the same file.
_PLACE = st.floats(0, 1, allow_nan=False)
_CHANGE = st.one_of(
    st.tuples(st.just("set"), _PLACE, st.binary(min_size=1, max_size=8)),
    st.tuples(st.just("insert"), _PLACE, st.binary(min_size=1, max_size=8)),
    st.tuples(st.just("cut"), _PLACE, st.just(b"")),
    st.tuples(st.just("drop"), _PLACE, st.just(b"")),
    st.tuples(st.just("copy"), _PLACE, st.just(b"")),
)


def mutated(data: bytes, changes: list[tuple[str, float, bytes]]) -> bytes:
    for kind, place, new in changes:
        at = int(place * len(data))
        if kind == "set":
            data = data[:at] + new + data[at + len(new) :]
        elif kind == "insert":
            data = data[:at] + new + data[at:]
        elif kind == "cut":
            data = data[:at]
        elif kind == "drop":
            data = data[:at] + data[at + 16 :]
        else:
            data = data[:at] + data[at // 2 : at // 2 + 64] + data[at:]
    return data


@pytest.mark.parametrize("name", _NAMES)
@settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))
@given(data=st.data())
def test_no_change_of_a_good_model_breaks_its_reader(tmp_path: Path, name: str, data: st.DataObject) -> None:
    files = example(name)
    path = data.draw(st.sampled_from(sorted(files)))
    files[path] = mutated(files[path], data.draw(st.lists(_CHANGE, min_size=1, max_size=4)))
    folder = tmp_path / "m"
    shutil.rmtree(folder, ignore_errors=True)
    made = write(folder, files)
    started = time.process_time()
    found = inspect(made, framework=None)
    assert time.process_time() - started < 10
    assert found.verdict in ("ready", "needs-attention", "quarantined", "unsupported", "unreadable")
    if found.verdict != "ready":
        assert found.reason
        assert found.text.endswith(".")
        assert found.task.rstrip(")").endswith((".", "first.", "]}.", "}"))
        assert found.settings is NO_MODEL
