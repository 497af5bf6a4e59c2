"""The reference program on models of ONNX, and the rules that all engines share."""

import base64
import json
import re
import shutil
from pathlib import Path
from typing import Any

import onnx
import pytest
from msgspec.structs import replace
from onnx import TensorProto, helper

from migrate.core.errors import NeedsYouError
from migrate.core.model_json import FlowSettings, ModelJson, OnnxSettings
from migrate.formats import inspect
from migrate.parity.recording import has_reference, record_reference
from tests.formats.models import EXAMPLES, FLOAT, artifact, graph, identity, model, value, write, zipmap
from tests.golden_folders import OURS, GoldenCase, cases, paths
from tests.parity.oracle import answers, reference

pytestmark = pytest.mark.programs


def served(folder: Path, made: onnx.ModelProto, manifest: dict[str, Any] | None = None) -> ModelJson:
    files = {"m.onnx": made.SerializeToString()}
    if manifest is not None:
        content = {"type": "onnx", "onnx_model_uri": "m.onnx"} | manifest
        files["manifest.json"] = json.dumps(content).encode()
    found = inspect(write(folder, files), framework=None)
    assert found.verdict == "ready", found
    return found.settings


_OURS = [OURS / "_models" / name for name in ("iris-manifest", "window", "types", "many", "total")]
_REAL = [
    *(EXAMPLES / name for name in ("iris", "titanic", "digits", "housing")),
    *_OURS,
    *paths("_models/onnx_*"),
]


@pytest.mark.parametrize("source", _REAL, ids=lambda path: path.name)
def test_every_generated_request_is_legal_for_real_models(source: Path, tmp_path: Path) -> None:
    folder = shutil.copytree(source, tmp_path / "files")
    settings = inspect(artifact(folder), framework=None).settings
    with reference(folder, tmp_path) as ask:
        recording = record_reference(settings, ask, "onnxruntime", seed=5)
    assert len(recording.samples) == 5
    names = {part.name for field in settings.outputs for part in field.fields or (field,)}
    assert all(set(sample.answer or ()) == names for sample in recording.samples)


_CASES = [
    one
    for one in cases()
    if (one.model in _OURS or one.case["model_dir"].startswith("_models/onnx"))
    and one.case["request"]["headers"].keys() == {"Content-Type"}
    and one.case["expect"]["status"] == 200
    and one.case["expect"].get("compare", "bytes") == "bytes"
    and one.body is not None
    and one.case["request"]["headers"]["Content-Type"].startswith("application/json")
]


def _squeeze(content: Any) -> Any:
    if not isinstance(content, list):
        return content
    inner = [_squeeze(item) for item in content]
    return inner[0] if len(inner) == 1 else inner


@pytest.mark.parametrize("folder", sorted({one.model for one in _CASES}), ids=lambda folder: folder.name)
def test_golden_answers(folder: Path, tmp_path: Path) -> None:
    asked = [one for one in _CASES if one.model == folder]
    files = shutil.copytree(folder, tmp_path / "files")
    settings = inspect(artifact(files), framework=None).settings
    lines = answers(files, settings, [json.loads(one.body or b"") for one in asked])
    for one, line in zip(asked, lines, strict=True):
        _hold(one, {name: _squeeze(content) for name, content in line["outputs"].items()})


def _hold(one: GoldenCase, answer: dict[str, Any]) -> None:
    expect = one.case["expect"]
    if "body_file" in expect:
        wanted = json.loads((one.folder / expect["body_file"]).read_text(encoding="utf-8"))
        assert answer.keys() == wanted.keys(), one.name
        # The text of a float is not the double that the reference writes for it.
        assert all(_near(answer[name], _squeeze(wanted[name]), 0, relative=1e-7) for name in wanted), one.name
    for check in expect.get("assert", ()):
        if check["path"] == "keys":
            assert sorted(answer) == check["value"], one.name
            continue
        name, *indexes = re.split(r"[\[\]]+", check["path"].rstrip("]"))
        found = answer[name]
        for index in indexes:
            found = found[int(index)]
        assert _near(found, check["value"], check.get("tolerance", 0)), (one.name, check["path"])


def _near(one: Any, other: Any, tolerance: float, *, relative: float = 0.0) -> bool:
    if isinstance(other, list):
        pairs = zip(one, other, strict=True)
        return len(one) == len(other) and all(_near(*pair, tolerance, relative=relative) for pair in pairs)
    if isinstance(other, int | float):
        return bool(abs(one - other) <= max(tolerance, relative * abs(other)))
    return bool(one == other)


@pytest.mark.parametrize(
    ("dtype", "sent", "out"),
    [
        (TensorProto.FLOAT, [[1, 2.5]], [[1.0, 2.5]]),
        (TensorProto.FLOAT, [[1e39, -1e39]], [["Infinity", "-Infinity"]]),
        (TensorProto.FLOAT, [[None, 2]], [[0.0, 2.0]]),
        (TensorProto.DOUBLE, [[0.1, 2]], [[0.1, 2.0]]),
        (TensorProto.INT32, [[1.9, -1.9]], [[1, -1]]),
        (TensorProto.INT32, [[3e9, -3e9]], [[2147483647, -2147483648]]),
        (TensorProto.INT32, [[2147483648, 4294967297]], [[-2147483648, 1]]),
        (TensorProto.INT64, [[1e300, -(2**63)]], [[2**63 - 1, -(2**63)]]),
        (TensorProto.BOOL, [[True, None]], [[True, False]]),
        (TensorProto.STRING, [["a", "é"]], [["a", "é"]]),
        (TensorProto.FLOAT16, [[1, 2.5]], [[1.0, 2.5]]),
        (TensorProto.UINT32, [[1, 2]], [[1, 2]]),
        (TensorProto.UINT64, [[1, 2]], [[1, 2]]),
    ],
)
def test_values_are_converted_as_the_old_runtime_did(dtype: int, sent: Any, out: Any, tmp_path: Path) -> None:
    settings = served(tmp_path / "files", identity(dtype))
    assert answers(tmp_path / "files", settings, [{"x": sent}]) == [{"outputs": {"y": out}}]


@pytest.mark.parametrize(
    ("shape", "sent", "out"),
    [
        (("N", 2), [1.0, 2.0], [[1.0, 2.0]]),
        (("N", 1), [1.0, 2.0], [[1.0], [2.0]]),
        (("N",), 5.0, [5.0]),
        ((), 5.0, 5.0),
        ((), [5.0], 5.0),
        (("N", "H", "W", 1), [[1.0, 2.0], [3.0, 4.0]], [[[[1.0]], [[2.0]]], [[[3.0]], [[4.0]]]]),
    ],
)
def test_shapes_are_resolved_as_the_old_runtime_did(shape: Any, sent: Any, out: Any, tmp_path: Path) -> None:
    settings = served(tmp_path / "files", identity(FLOAT, shape, shape))
    assert answers(tmp_path / "files", settings, [{"x": sent}]) == [{"outputs": {"y": out}}]


@pytest.mark.parametrize(
    "request_body",
    [
        {},
        {"x": [[1, 2, 3]]},
        {"x": [[1], [2, 3]]},
        {"x": [["a", "b"]]},
        {"x": [["a", 1]]},
        {"x": [[True, 1]]},
        {"x": {"a": 1}},
    ],
)
def test_requests_that_do_not_fit_are_refused_and_the_next_is_answered(request_body: Any, tmp_path: Path) -> None:
    settings = served(tmp_path / "files", identity())
    refused, answered = answers(tmp_path / "files", settings, [request_body, {"x": [[1, 2]]}])
    assert list(refused) == ["error"]
    assert answered == {"outputs": {"y": [[1.0, 2.0]]}}


def test_class_labels_are_columns(tmp_path: Path) -> None:
    for labels in ([0, 1, 2], ["b", "a", "c"]):
        folder = tmp_path / str(labels[0]) / "files"
        settings = served(folder, zipmap(labels))
        rows = [[0.5, 0.25, 0.125], [1.0, 0.0, 0.0]]
        assert answers(folder, settings, [{"x": rows}]) == [{"outputs": {"y": rows}}]
        unknown = replace(settings, onnx=OnnxSettings())
        order = sorted(labels)  # type: ignore[type-var]
        columns = [[row[labels.index(label)] for label in order] for row in rows]  # type: ignore[arg-type]
        assert answers(folder, unknown, [{"x": rows}]) == [{"outputs": {"y": columns}}]


COLUMNS = [{"name": "a", "index": 0}, {"name": "b", "index": 1}]


def test_columns_go_in_and_come_out(tmp_path: Path) -> None:
    inputs = [{"name": "x", "type": "float", "shape": [-1, 2], "fields": COLUMNS}]
    outputs = [{"name": "y", "type": "double", "shape": [-1, 2], "fields": [{"name": "p", "index": 1}]}]
    settings = served(tmp_path / "files", identity(), {"inputs": inputs, "outputs": outputs})
    requests: list[dict[str, Any]] = [
        {"a": [1, 2], "b": [3, 4]},
        {"a": 1, "b": 3},
        {"x": [[1, 3]]},
        {"a": [1], "b": [3, 4]},
        {"a": [1, 2]},
    ]
    found = answers(tmp_path / "files", settings, requests)
    assert [line.get("outputs") for line in found] == [{"p": [3.0, 4.0]}, {"p": [3.0]}, {"p": [3.0]}, None, None]


def test_rolling_windows(tmp_path: Path) -> None:
    inputs = [{"name": "x", "type": "float", "shape": [-1, 4], "fields": COLUMNS}]
    outputs = [{"name": "y", "type": "float", "shape": [-1, 4]}]
    content = {"inputs": inputs, "outputs": outputs, "batch_size": 2}
    settings = served(tmp_path / "files", identity(FLOAT, ("N", 4), ("N", 4)), content)
    requests = [{"a": [1, 3, 5], "b": [2, 4, 6]}, {"x": [[1, 2], [3, 4], [5, 6]]}, {"a": [1], "b": [2]}]
    found = answers(tmp_path / "files", settings, requests)
    windows = [[1.0, 2.0, 3.0, 4.0], [3.0, 4.0, 5.0, 6.0]]
    assert [line.get("outputs") for line in found] == [{"y": windows}, {"y": windows}, None]


def test_a_model_inside_its_manifest(tmp_path: Path) -> None:
    content = {
        "binary": base64.b64encode(identity().SerializeToString()).decode(),
        "inputs": [{"name": "x", "type": "float", "shape": [-1, 2]}],
        "outputs": [{"name": "y", "type": "float", "shape": [-1]}],
    }
    settings = served(tmp_path / "files", identity(), content)
    (tmp_path / "files" / "m.onnx").unlink()
    assert answers(tmp_path / "files", settings, [{"x": [1, 2]}]) == [{"outputs": {"y": [1.0, 2.0]}}]


def test_outputs_that_are_not_finite_are_quoted(tmp_path: Path) -> None:
    node = helper.make_node("Log", ["x"], ["y"])
    made = model(graph([node], [value("x", FLOAT, ("N", 3))], [value("y", FLOAT, ("N", 3))]))
    settings = served(tmp_path / "files", made)
    (line,) = answers(tmp_path / "files", settings, [{"x": [[0, -1, 1]]}])
    assert line == {"outputs": {"y": [["-Infinity", "NaN", 0.0]]}}


def test_a_file_that_is_no_model_is_said_to_be_none(tmp_path: Path) -> None:
    (tmp_path / "files").mkdir()
    (tmp_path / "files" / "m.onnx").write_bytes(b"no model")
    settings = ModelJson(engine="onnx", entry="m.onnx", inputs=(), outputs=())
    with reference(tmp_path / "files", tmp_path) as ask, pytest.raises(NeedsYouError, match="InvalidProtobuf") as error:
        record_reference(settings, ask, "onnxruntime")
    assert error.value.code == "reference-failed"


def test_least_settings_give_the_engines_own_outputs(tmp_path: Path) -> None:
    served(tmp_path / "files", identity())
    fields = [{"name": "x", "type": "float", "shape": [-1, 2]}]
    settings = {"engine": "onnx", "entry": "m.onnx", "inputs": fields}
    assert answers(tmp_path / "files", settings, [{"x": [[1, 2]]}]) == [{"outputs": {"y": [[1.0, 2.0]]}}]


def test_an_engine_that_nobody_knows_has_no_reference() -> None:
    def of(engine: str, *steps: ModelJson) -> ModelJson:
        return ModelJson(engine=engine, inputs=(), outputs=(), flow=FlowSettings(steps) if steps else None)

    assert has_reference(of("onnx"))
    assert not has_reference(of("mlleap"))
    assert not has_reference(of("flow", of("scaler"), of("mlleap")))
    assert has_reference(of("flow", of("scaler")))
