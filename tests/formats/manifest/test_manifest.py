import base64
import json
from pathlib import Path
from typing import Any

import msgspec
import pytest
from msgspec.structs import replace

from migrate.core.model_json import content_of
from migrate.core.values import Inspection
from migrate.formats import inspect
from migrate.server.model_files import read_model
from tests.formats.models import FLOAT, identity, weights, write, zipmap

MODEL = identity(FLOAT, ("N", 2), ("N", 2)).SerializeToString()


def field(name: str, **changes: Any) -> dict[str, Any]:
    return {"name": name, "type": "float", "shape": [-1, 2]} | changes


def manifest(**changes: Any) -> dict[str, Any]:
    found = {"type": "onnx", "onnx_model_uri": "m.onnx", "inputs": [field("x")], "outputs": [field("y")]} | changes
    return {key: content for key, content in found.items() if content is not ...}


def look(folder: Path, content: Any, **files: bytes) -> Inspection:
    text = content if isinstance(content, bytes) else json.dumps(content).encode()
    return inspect(write(folder, {"manifest.json": text, "m.onnx": MODEL} | files), framework=None)


def served(folder: Path, found: Inspection) -> Path:
    """The folder of a model as an image holds it."""
    folder.mkdir()
    (folder / "model.json").write_text(json.dumps(content_of(replace(found.settings, id="m"))))
    return folder


def test_a_manifest_names_its_model(tmp_path: Path) -> None:
    found = look(tmp_path, manifest(batch_size=3, unknown="ignored"))
    assert (found.verdict, found.format, found.runtime) == ("ready", "onnx", "onnx")
    assert content_of(found.settings) == {
        "schema": 1,
        "engine": "onnx",
        "files": "files",
        "entry": "m.onnx",
        "manifest": True,
        "inputs": [field("x")],
        "outputs": [field("y")],
        "rolling_windows_size": 3,
        "onnx": {"zipmap": {}, "rows_apart": True},
    }


def test_keys_are_printed_in_the_old_order_and_spelling(tmp_path: Path) -> None:
    column = {"name": "a", "index": 0, "key": 7, "values": ["u"], "continuous_domain": [{"lower_bound": 0}]}
    transformer = {"image_shape": ["HEIGHT", "WIDTH", "CHANEL"], "property_chanel": ["GRAY_SCALE"]}
    declared = field(
        "x",
        image_transformer=transformer,
        fields=[column, {"name": "b", "type": "LONG"}],
        values=["p"],
        continuous_domain=[{"lower_bound": 1, "upper_bound": 2.5}],
    )
    found = look(tmp_path, manifest(inputs=[declared], outputs=[field("y", values=[], fields=[])]))
    described = read_model(served(tmp_path / "image", found)).describe()
    assert msgspec.json.encode(described["inputs"]) == msgspec.json.encode(
        [
            {
                "name": "x",
                "type": "float",
                "values": ["p"],
                "continuous_domain": [{"lowerBound": 1.0, "upperBound": 2.5}],
                "shape": [-1, 2],
                "fields": [
                    {
                        "name": "a",
                        "type": "float",
                        "values": ["u"],
                        "continuousDomain": [{"lowerBound": 0.0, "upperBound": None}],
                        "index": 0,
                        "key": 7,
                    },
                    {"name": "b", "type": "long", "index": None, "key": None},
                ],
                "image_transformer": transformer,
            }
        ]
    )
    assert content_of(found.settings)["outputs"] == [field("y")]


@pytest.mark.parametrize(
    ("shape", "expected"),
    [([-1, 2], [-1, 2]), ("(?, 2)", [-1, 2]), ("(None,2)", [-1, 2]), (" ( -1 , 2 ) ", [-1, 2])],
)
def test_both_spellings_of_shapes(tmp_path: Path, shape: object, expected: list[int]) -> None:
    found = look(tmp_path, manifest(inputs=[field("x", shape=shape)]))
    assert content_of(found.settings)["inputs"] == [field("x", shape=expected)]


@pytest.mark.parametrize("word", ["FLOAT", "Float"])
def test_types_in_any_case(tmp_path: Path, word: str) -> None:
    assert content_of(look(tmp_path, manifest(inputs=[field("x", type=word)])).settings)["inputs"] == [field("x")]


def test_the_old_converters_int_is_an_integer(tmp_path: Path) -> None:
    made = identity(6, ("N", 2), ("N", 2)).SerializeToString()
    content = manifest(inputs=[field("x", type="int")], outputs=[field("y", type="integer")])
    assert content_of(look(tmp_path, content, **{"m.onnx": made}).settings)["inputs"] == [field("x", type="integer")]


def test_zipmaps_keep_their_labels(tmp_path: Path) -> None:
    found = look(tmp_path, manifest(), **{"m.onnx": zipmap(["no", "yes"]).SerializeToString()})
    assert content_of(found.settings)["onnx"] == {"zipmap": {"y": {"labels": ["no", "yes"]}}, "rows_apart": True}


def test_a_model_inside_the_manifest_wins(tmp_path: Path) -> None:
    content = manifest(binary=base64.b64encode(MODEL).decode(), onnx_model_uri="../elsewhere")
    found = look(tmp_path, content, **{"m.onnx": b""})
    assert found.verdict == "ready"
    assert content_of(found.settings)["entry"] == "manifest.json"
    assert content_of(found.settings)["onnx"] == {"zipmap": {}, "rows_apart": True, "embedded": True}


def test_a_model_inside_the_manifest_has_no_files(tmp_path: Path) -> None:
    binary = base64.b64encode(weights(external={"location": "w.bin"}).SerializeToString()).decode()
    content = json.dumps(manifest(binary=binary, inputs=[field("x", shape=[-1, 4])])).encode()
    found = inspect(write(tmp_path, {"manifest.json": content, "w.bin": bytes(16)}), framework=None)
    assert (found.verdict, found.reason) == ("unreadable", "external-data-missing")


def test_a_model_in_a_folder_of_its_own(tmp_path: Path) -> None:
    made = weights((2,), external={"location": "w.bin"}).SerializeToString()
    files = {"sub/m.onnx": made, "sub/w.bin": bytes(8)}
    found = look(tmp_path, manifest(onnx_model_uri="./sub/m.onnx"), **files)
    assert found.settings.entry == "sub/m.onnx"


@pytest.mark.parametrize("uri", ["../m.onnx", "/m.onnx", "sub/../../m.onnx", "file:///m.onnx", "..", "a\\m.onnx"])
def test_models_outside_the_folder_are_refused(tmp_path: Path, uri: str) -> None:
    (tmp_path / "m.onnx").write_bytes(MODEL)
    found = inspect(
        write(tmp_path / "a", {"manifest.json": json.dumps(manifest(onnx_model_uri=uri)).encode()}), framework=None
    )
    assert (found.verdict, found.reason) == ("unreadable", "model-outside-folder")


def test_a_missing_model_is_named(tmp_path: Path) -> None:
    content = json.dumps(manifest(onnx_model_uri="gone.onnx")).encode()
    found = inspect(write(tmp_path, {"manifest.json": content}), framework=None)
    assert found.reason == "model-missing"
    assert '"gone.onnx"' in found.task


_INVALID: list[Any] = [
    manifest(batch_size=0),
    manifest(batch_size="3"),
    manifest(batch_size=True),
    manifest(onnx_model_uri=...),
    manifest(onnx_model_uri=7),
    manifest(binary="not base64!"),
    manifest(binary=7),
    manifest(inputs=...),
    manifest(inputs=[7]),
    manifest(inputs=[field("x"), field("x")]),
    manifest(inputs=[{"name": 7, "type": "float", "shape": [2]}]),
    manifest(inputs=[field("x", type="complex")]),
    manifest(inputs=[field("x", type=None)]),
    manifest(inputs=[field("x", type="date")]),
    manifest(inputs=[field("x", shape=None)]),
    manifest(inputs=[field("x", shape="-1 2")]),
    manifest(inputs=[field("x", shape=[-2, 2])]),
    manifest(inputs=[field("x", shape=[0, 2])]),
    manifest(inputs=[field("x", shape=[True, 2])]),
    manifest(inputs=[field("x", shape=[2.5])]),
    manifest(inputs=[field("x", shape=[1] * 65)]),
    manifest(inputs=[field("x", fields="a")]),
    manifest(inputs=[field("x", fields=[{"index": 0}])]),
    manifest(inputs=[field("x", fields=[{"name": "a", "index": -1}])]),
    manifest(inputs=[field("x", fields=[{"name": "a", "index": "0"}])]),
    manifest(inputs=[field("x", fields=[{"name": "a", "index": True}])]),
    manifest(inputs=[field("x", continuous_domain={"lower_bound": 1})]),
    manifest(inputs=[field("x", continuous_domain=[{"lower_bound": "1"}])]),
    manifest(inputs=[field("x", image_transformer={})]),
    manifest(inputs=[field("x", image_transformer={"image_shape": ["DEPTH"], "property_chanel": ["RED"]})]),
    manifest(inputs=[field("x", image_transformer=7)]),
    b'{"type": "onnx", "inputs": [',
    b'{"type": "onnx", "x": "\xff"}',
    b'{"type": "onnx", "a": ' + b"[" * 2000 + b"]" * 2000 + b"}",
]


@pytest.mark.usefixtures("no_garbage")
@pytest.mark.parametrize("content", _INVALID, ids=range(len(_INVALID)))
def test_invalid_manifests_say_why(tmp_path: Path, content: Any) -> None:
    text = content if isinstance(content, bytes) else json.dumps(content).encode()
    found = inspect(write(tmp_path, {"manifest.json": text}), framework=None)
    assert (found.verdict, found.reason) == ("unreadable", "invalid-manifest")
    assert found.text.startswith('The manifest "manifest.json" is not valid: ')
    assert found.task


def test_the_old_service_fell_through_to_the_model_and_so_does_this_one_but_says_so(tmp_path: Path) -> None:
    found = look(tmp_path, manifest(batch_size=0))
    assert found.verdict == "ready"
    assert content_of(found.settings)["manifest"] is False
    assert "batch_size" in found.notes[0]


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"inputs": [field("z")]}, 'no input "z"'),
        ({"inputs": []}, 'leaves out the model\'s input "x"'),
        ({"inputs": [field("x", type="double")]}, "has the type float, not double"),
        ({"inputs": [field("x", shape=[-1, 3])]}, "has the shape [-1, 2], not [-1, 3]"),
        ({"inputs": [field("x", shape=[-1])]}, "has the shape [-1, 2], not [-1]"),
        ({"outputs": [field("z")]}, 'no output "z"'),
        ({"outputs": [field("y", type="string")]}, "has the type float, not string"),
    ],
)
def test_manifests_that_contradict_their_model(tmp_path: Path, changes: dict[str, Any], why: str) -> None:
    content = json.dumps(manifest(**changes)).encode()
    found = inspect(write(tmp_path, {"manifest.json": content, "sub/m.onnx": MODEL}), framework=None)
    assert found.reason == "model-missing"
    content = json.dumps(manifest(onnx_model_uri="sub/m.onnx", **changes)).encode()
    found = inspect(write(tmp_path, {"manifest.json": content}), framework=None)
    assert (found.verdict, found.reason) == ("unreadable", "manifest-contradicts-model")
    assert why in found.text


def test_outputs_may_be_of_another_number_type_and_shape(tmp_path: Path) -> None:
    found = look(tmp_path, manifest(outputs=[field("y", type="double", shape=[-1])]))
    assert found.verdict == "ready"


def test_a_byte_order_mark_is_no_part_of_json(tmp_path: Path) -> None:
    assert content_of(look(tmp_path, b"\xef\xbb\xbf" + json.dumps(manifest()).encode()).settings)["manifest"] is True
