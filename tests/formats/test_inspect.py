import json
import os
import subprocess
import sys
import zipfile
from io import BytesIO
from pathlib import Path

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from migrate.core.errors import LocalError
from migrate.core.model_json import NO_MODEL, content_of
from migrate.core.values import Artifact, ArtifactFile
from migrate.formats import inspect
from migrate.server.model_files import read_model
from tests.formats.hostile.tensorflows import saved_model
from tests.formats.models import EXAMPLES, artifact, identity, message, number, varint, weights, write, zipmap
from tests.golden_folders import descriptions

MODEL = identity().SerializeToString()
MANIFEST = json.dumps(
    {
        "type": "onnx",
        "onnx_model_uri": "m.onnx",
        "inputs": [{"name": "x", "type": "float", "shape": [-1, 2]}],
        "outputs": [{"name": "y", "type": "float", "shape": [-1, 2]}],
    }
).encode()


@pytest.mark.parametrize(("folder", "text"), [*descriptions()], ids=lambda value: getattr(value, "name", ""))
def test_golden_descriptions_to_the_byte(folder: Path, text: str, tmp_path: Path) -> None:
    found = inspect(artifact(folder), framework=None).settings
    (tmp_path / "model.json").write_text(json.dumps({"id": "m", **content_of(found)}))
    assert msgspec.json.encode(read_model(tmp_path).describe()).decode() == text


@pytest.mark.parametrize("name", ["iris", "titanic", "digits", "housing"])
def test_sample_models_are_ready(name: str) -> None:
    found = inspect(artifact(EXAMPLES / name), framework="onnx")
    assert (found.format, found.runtime, found.verdict, found.reason) == ("onnx", "onnx", "ready", "")
    assert content_of(found.settings)["manifest"] is False


def test_the_truncated_sample_says_so() -> None:
    found = inspect(artifact(EXAMPLES / "broken"), framework="onnx")
    assert (found.verdict, found.reason) == ("unreadable", "truncated")


@pytest.mark.parametrize("name", ["m.onnx", "m.ONNX", "m.bin", "model"])
def test_content_decides_and_not_the_suffix(tmp_path: Path, name: str) -> None:
    assert content_of(inspect(write(tmp_path, {name: MODEL}), framework=None).settings)["entry"] == name


@pytest.mark.parametrize("method", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED])
def test_a_model_in_an_archive_beside_other_files_is_to_be_unpacked(tmp_path: Path, method: int) -> None:
    buffer = BytesIO()
    with zipfile.ZipFile(buffer, "w", method) as archive:
        archive.writestr("readme.txt", "x" * 5000)
        archive.writestr("deep/iris.onnx", MODEL)
    found = inspect(write(tmp_path / "words", {"m.zip": buffer.getvalue(), "words": b"a"}), framework=None)
    assert (found.verdict, found.reason) == ("needs-attention", "model-in-zip")
    assert found.text.startswith('The file "m.zip" is a ZIP archive with the model "deep/iris.onnx" in it; ')
    beside = inspect(write(tmp_path / "beside", {"m.zip": buffer.getvalue(), "m.onnx": MODEL}), framework=None)
    assert beside.verdict == "ready"
    assert beside.notes[0].startswith('"m.zip" was left out')


def test_several_models_need_a_person(tmp_path: Path) -> None:
    found = inspect(write(tmp_path, {"a.onnx": MODEL, "b.onnx": MODEL}), framework="onnx")
    assert (found.verdict, found.reason) == ("needs-attention", "several-models")
    assert '"a.onnx", "b.onnx"' in found.text
    assert found.settings is NO_MODEL


def test_a_manifest_among_several_models_decides(tmp_path: Path) -> None:
    files = {"a.onnx": MODEL, "m.onnx": MODEL, "manifest.json": MANIFEST, "data.json": b'{"rows": []}'}
    found = inspect(write(tmp_path, files), framework="onnx")
    assert (found.verdict, content_of(found.settings)["entry"]) == ("ready", "m.onnx")


def test_two_manifests_need_a_person(tmp_path: Path) -> None:
    files = {"m.onnx": MODEL, "a.json": MANIFEST, "b.json": MANIFEST}
    assert inspect(write(tmp_path, files), framework="onnx").reason == "several-models"
    files = {"m.onnx": MODEL, "a.json": MANIFEST, "b.json": b'{"type": "flow", "evaluator_manifests": []}'}
    found = inspect(write(tmp_path / "2", files), framework="onnx")
    assert (found.verdict, content_of(found.settings)["entry"]) == ("ready", "m.onnx")
    assert '"b.json" was left out' in found.notes[0]


def test_a_broken_model_beside_a_good_one_is_left_out_and_named(tmp_path: Path) -> None:
    found = inspect(write(tmp_path, {"a.onnx": MODEL[:-9], "b.onnx": MODEL}), framework="onnx")
    assert (found.verdict, content_of(found.settings)["entry"]) == ("ready", "b.onnx")
    assert '"a.onnx" was left out' in found.notes[0]


def test_models_below_the_root_are_not_found_but_named(tmp_path: Path) -> None:
    found = inspect(write(tmp_path, {"sub/m.onnx": MODEL}), framework=None)
    assert (found.verdict, found.reason, found.runtime) == ("unreadable", "no-model", None)
    assert '"sub/m.onnx"' in found.text


@pytest.mark.parametrize("folder", ["", "wine/"])
def test_versions_of_a_saved_model_need_a_choice(tmp_path: Path, folder: str) -> None:
    versions = {f"{folder}{number}/saved_model.pb": saved_model() for number in (1, 2)}
    found = inspect(write(tmp_path, versions), framework="tensorflow_2")
    assert (found.verdict, found.reason) == ("needs-attention", "several-models")
    assert f'"{folder}1", "{folder}2"' in found.text


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "empty"),
        (b"<html>404</html>", "not-onnx"),
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 9\n", "git-lfs-pointer"),
        (MODEL[:-9], "truncated"),
        (MODEL + b"\0\0", "corrupt"),
        (MODEL + MODEL, "corrupt"),
        (b"\x08\x08" + b"\xff" * 40, "not-onnx"),
    ],
)
def test_files_that_only_have_the_name(tmp_path: Path, content: bytes, reason: str) -> None:
    found = inspect(write(tmp_path, {"m.onnx": content}), framework="onnx")
    assert (found.verdict, found.reason) == ("unreadable", reason)
    assert found.text.endswith(".")
    assert found.task.endswith(".")


@pytest.mark.parametrize("name", ["graph.pb", "graph.pbtxt", "m.keras", "m.tflite", "m.ckpt"])
def test_formats_that_were_not_served_are_named(tmp_path: Path, name: str) -> None:
    found = inspect(write(tmp_path, {name: b"?"}), framework="tensorflow_1")
    assert (found.runtime, found.verdict, found.reason) == (None, "unsupported", "unsupported-format")


def test_what_ml_serving_called_a_model_is_told_when_none_is_there(tmp_path: Path) -> None:
    found = inspect(write(tmp_path, {"weights": b"?"}), framework="fastai")
    assert found.reason == "no-model"
    assert '"fastai"' in found.text


def test_an_empty_artifact(tmp_path: Path) -> None:
    assert inspect(artifact(tmp_path), framework="onnx").reason == "no-model"


def test_files_that_vanished_are_an_error_of_this_machine(tmp_path: Path) -> None:
    made = write(tmp_path, {"m.onnx": MODEL})
    (tmp_path / "m.onnx").unlink()
    with pytest.raises(LocalError, match="cannot be read") as caught:
        inspect(made, framework=None)
    assert caught.value.code == "artifact-unreadable"


def test_links_and_pipes_are_never_opened(tmp_path: Path) -> None:
    (tmp_path / "kept.onnx").write_bytes(MODEL)
    folder = tmp_path / "m"
    folder.mkdir()
    made = Artifact(
        folder=str(folder), files=(ArtifactFile(path="m.onnx", size=9, digest=""),), size=9, digest="sha256:0"
    )
    (folder / "m.onnx").symlink_to(tmp_path / "kept.onnx")
    with pytest.raises(LocalError, match="symbolic link"):
        inspect(made, framework=None)
    (folder / "m.onnx").unlink()
    os.mkfifo(folder / "m.onnx")
    with pytest.raises(LocalError, match="not a regular file"):
        inspect(made, framework=None)


def test_large_json_files_are_read_only_where_they_look_like_manifests(tmp_path: Path) -> None:
    (tmp_path / "m.onnx").write_bytes(MODEL)
    write_sparse(tmp_path / "rows.json", b'{"rows": "', GIGABYTE, b'"}')
    assert measure(tmp_path)[:2] == ("ready", "-")
    (tmp_path / "m.onnx").unlink()
    write_sparse(tmp_path / "rows.json", b'{"type": "onnx", "binary": "', GIGABYTE, b'"}')
    verdict, reason, grown, _ = measure(tmp_path)
    assert (verdict, reason) == ("unreadable", "invalid-manifest")
    assert grown < 20


_EDITS = st.lists(
    st.tuples(st.sampled_from(["set", "cut", "insert", "repeat", "drop"]), st.floats(0, 1), st.binary(max_size=12)),
    min_size=1,
    max_size=6,
)
_SEEDS = [
    MODEL,
    weights(external={"location": "w.bin", "offset": "0", "length": "16"}).SerializeToString(),
    zipmap(["no", "yes"], through=True).SerializeToString(),
    (EXAMPLES / "titanic" / "pipeline_titanic.onnx").read_bytes(),
]


def mutate(data: bytes, edits: list[tuple[str, float, bytes]]) -> bytes:
    for kind, place, content in edits:
        at = int(place * len(data))
        if kind == "set":
            data = data[:at] + content + data[at + len(content) :]
        elif kind == "cut":
            data = data[:at]
        elif kind == "insert":
            data = data[:at] + content + data[at:]
        elif kind == "repeat":
            data = data[:at] + data[at : at + 40] + data[at:]
        else:
            data = data[:at] + data[at + len(content) :]
    return data


@given(st.sampled_from(_SEEDS), _EDITS)
def test_damaged_models_always_get_a_verdict(
    tmp_path_factory: pytest.TempPathFactory, seed: bytes, edits: list[tuple[str, float, bytes]]
) -> None:
    folder = tmp_path_factory.mktemp("m")
    found = inspect(write(folder, {"m.onnx": mutate(seed, edits), "w.bin": bytes(16)}), framework=None)
    if found.verdict == "ready":
        assert content_of(found.settings)["inputs"]
        assert content_of(found.settings)["outputs"]
    else:
        assert found.reason
        assert found.text
        assert found.task
        assert found.settings is NO_MODEL
        assert found.runtime is None


@given(st.binary(max_size=300), st.sampled_from(["m.onnx", "m.json", "m"]))
def test_any_bytes_get_a_verdict(tmp_path_factory: pytest.TempPathFactory, data: bytes, name: str) -> None:
    found = inspect(write(tmp_path_factory.mktemp("m"), {name: data}), framework=None)
    assert found.verdict in ("unreadable", "unsupported", "quarantined")


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
        max_leaves=12,
    ),
    st.sampled_from(["inputs", "outputs", "batch_size", "onnx_model_uri", "binary", "type"]),
    st.sampled_from([None, "name", "type", "shape", "fields", "values", "continuous_domain", "image_transformer"]),
)
def test_any_manifest_gets_a_verdict(
    tmp_path_factory: pytest.TempPathFactory, value: object, key: str, inner: str | None
) -> None:
    content = json.loads(MANIFEST)
    if inner is not None and key in ("inputs", "outputs"):
        content[key][0][inner] = value
    else:
        content[key] = value
    folder = tmp_path_factory.mktemp("m")
    found = inspect(write(folder, {"m.onnx": MODEL, "manifest.json": json.dumps(content).encode()}), framework=None)
    assert found.verdict in ("ready", "unreadable", "unsupported")


_MEASURE = """
import resource, sys
from pathlib import Path
from migrate.core.values import Artifact, ArtifactFile
from migrate.formats import inspect, recognise
folder = Path(sys.argv[1])
files = tuple(ArtifactFile(path=p.name, size=p.stat().st_size, digest="") for p in sorted(folder.iterdir()))
def read():
    account = Path("/proc/self/io")  # Linux has one
    return int(account.read_text().split()[1]) if account.exists() else 0
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
sofar = read()
found = inspect(Artifact(folder=str(folder), files=files, size=0, digest=""), framework=None)
megabytes_read = (read() - sofar) / 1e6
grown = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) // 1024
print(found.verdict, found.reason or "-", grown, megabytes_read)
"""

GIGABYTE = 1 << 30


def measure(folder: Path) -> tuple[str, str, int, float]:
    """Verdict, reason, and the megabytes by which memory has grown and that were read."""
    done = subprocess.run([sys.executable, "-c", _MEASURE, folder], capture_output=True, text=True, check=True)
    verdict, reason, grown, read = done.stdout.split()
    return verdict, reason, int(grown), float(read)


def write_sparse(path: Path, before: bytes, hole: int, after: bytes) -> None:
    with path.open("wb") as file:
        file.write(before)
        file.seek(hole, os.SEEK_CUR)
        file.write(after)


def inputs_and_outputs() -> bytes:
    tensor = message(2, message(1, number(1, 1) + message(2, message(1, message(2, b"N")))))
    return message(11, message(1, b"x") + tensor) + message(12, message(1, b"y") + tensor)


def test_a_gigabyte_of_weights_in_the_file_is_jumped_over(tmp_path: Path) -> None:
    node = message(1, message(1, b"x") + message(1, b"w") + message(2, b"y") + message(4, b"Add"))
    dims = number(1, GIGABYTE // 4) + number(2, 1) + message(8, b"w")
    raw = varint(9 << 3 | 2) + varint(GIGABYTE)
    tensor = varint(5 << 3 | 2) + varint(len(dims) + len(raw) + GIGABYTE)
    rest = inputs_and_outputs()
    size = len(node) + len(tensor) + len(dims) + len(raw) + GIGABYTE + len(rest)
    top = number(1, 8) + varint(7 << 3 | 2) + varint(size)
    write_sparse(tmp_path / "m.onnx", top + node + tensor + dims + raw, GIGABYTE, rest + message(8, number(2, 13)))
    verdict, reason, grown, read = measure(tmp_path)
    assert (verdict, reason) == ("ready", "-")
    assert grown < 20
    assert read < 20


def test_a_gigabyte_of_weights_beside_the_file_is_not_read(tmp_path: Path) -> None:
    external = {"location": "w.bin", "offset": "0", "length": str(GIGABYTE)}
    (tmp_path / "m.onnx").write_bytes(weights((GIGABYTE // 4,), external=external).SerializeToString())
    write_sparse(tmp_path / "w.bin", b"", GIGABYTE - 1, b"\0")
    verdict, reason, grown, read = measure(tmp_path)
    assert (verdict, reason) == ("ready", "-")
    assert grown < 20
    assert read < 20


def test_a_gigabyte_of_nothing_is_refused_quickly(tmp_path: Path) -> None:
    write_sparse(tmp_path / "m.onnx", b"", GIGABYTE, b"\0")
    verdict, reason, grown, read = measure(tmp_path)
    assert (verdict, reason) == ("unreadable", "not-onnx")
    assert grown < 20
    assert read < 20
