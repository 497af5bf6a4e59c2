"""SavedModels: which signature is served, and why one is refused."""

from pathlib import Path
from typing import Any

import pytest

from migrate.core.model_json import content_of
from migrate.core.values import Inspection
from migrate.formats import inspect
from tests.formats.hostile.base import changed, example, unzipped, zipped
from tests.formats.hostile.tensorflows import entry, node, saved_model
from tests.formats.models import message, number, write

_WINE = example("wine-tf2")
_LOAD = example("load-zip")


def look(folder: Path, files: dict[str, bytes]) -> Inspection:
    return inspect(write(folder, files), framework="tensorflow_2")


def test_the_signature_and_what_the_engine_needs(tmp_path: Path) -> None:
    found = content_of(look(tmp_path, {"saved_model.pb": saved_model()}).settings)
    assert found["inputs"] == [{"name": "x", "type": "float", "shape": [2]}]
    assert found["tensorflow"] == {
        "saved_model": ".",
        "zip": False,
        "root": "",
        "signature": "serving_default",
        "tags": ["serve"],
        "dtypes": {"x": "float32"},
    }


def test_predict_comes_first(tmp_path: Path) -> None:
    tensor = message(1, b"y:0") + number(2, 1)
    predict = message(1, entry("x", message(1, b"x:0") + number(2, 1))) + message(2, entry("p", tensor))
    found = content_of(
        look(tmp_path, {"saved_model.pb": saved_model(signatures=message(5, entry("predict", predict)))}).settings
    )
    assert [field["name"] for field in found["outputs"]] == ["p"]  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("content", "verdict", "reason"),
    [
        (b"", "unreadable", "empty"),
        (saved_model()[:-9], "unreadable", "truncated"),
        (saved_model() + b"\x22\x00", "unreadable", "corrupt"),
        (number(1, 1), "unreadable", "corrupt"),
        (saved_model(output="gone:0"), "unsupported", "no-signature"),
        (saved_model().replace(b"serve\x12", b"train\x12", 1), "unsupported", "no-serving-graph"),
        (saved_model(node("v", "VarHandleOp")), "unreadable", "variables-missing"),
        (saved_model(node("x", "Placeholder")), "unreadable", "corrupt"),
    ],
)
def test_refusals(tmp_path: Path, content: bytes, verdict: str, reason: str) -> None:
    found = look(tmp_path, {"saved_model.pb": content})
    assert (found.verdict, found.reason) == (verdict, reason)


@pytest.mark.parametrize("gone", ["variables/variables.index", "variables/variables.data-00000-of-00001"])
def test_variables_that_are_not_all_there(tmp_path: Path, gone: str) -> None:
    found = look(tmp_path, {path: data for path, data in _WINE.items() if path != gone})
    assert (found.verdict, found.reason) == ("unreadable", "variables-missing")


def test_a_model_in_a_folder_named_by_a_time(tmp_path: Path) -> None:
    found = look(tmp_path, {f"1555630614/{path}": data for path, data in _WINE.items()})
    assert (found.verdict, content_of(found.settings)["entry"]) == ("ready", "1555630614/saved_model.pb")
    found = look(tmp_path / "2", {"1555630614/saved_model.pb": b""})
    assert (found.verdict, found.reason) == ("unreadable", "empty")


def test_archives(tmp_path: Path) -> None:
    files = unzipped(_LOAD["load.zip"])
    inner = {f"load/{path}": data for path, data in files.items()}
    for number_, (content, packed) in enumerate(((files, False), (files, True), (inner, True))):
        folder = tmp_path / str(number_)
        assert look(folder, {**_LOAD, "load.zip": zipped(content, packed=packed)}).verdict == "ready"
    twice = {**files, "copy/saved_model.pb": files["saved_model.pb"]}
    assert look(tmp_path / "9", {**_LOAD, "load.zip": zipped(twice)}).reason == "not-a-saved-model"


@pytest.mark.parametrize(
    ("key", "value", "why"),
    [
        ("saved_model_uri", "gone", "which is not there"),
        ("inputs", {"name": "other"}, "has no input"),
        ("inputs", {"type": "string"}, "has the type"),
        ("outputs", {"name": "other"}, "has no output"),
        ("inputs", {"shape": [-1, 7]}, "has the shape"),
    ],
)
def test_a_manifest_that_does_not_fit_is_left_out(tmp_path: Path, key: str, value: object, why: str) -> None:
    def change(content: dict[str, Any]) -> dict[str, Any]:
        return {**content, key: value if isinstance(value, str) else [{**content[key][0], **dict(value)}]}

    found = look(tmp_path, changed("load-zip", "manifest.json", change))
    assert (found.verdict, content_of(found.settings)["manifest"]) == ("ready", False)
    assert '"manifest.json" was left out' in found.notes[0]
    assert why in found.notes[0]
