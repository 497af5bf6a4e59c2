import json
import os
import stat
from pathlib import Path

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from migrate.core.errors import LocalError, RefusedError
from migrate.core.model_json import content_of
from migrate.core.values import ArtifactFile, RuntimeImage
from migrate.images.model.context import ModelToRender, render, safe_path
from tests.images.conftest import HOUSING, IRIS, artifact_of, model_of

RUNTIME = RuntimeImage(
    runtime="onnx",
    reference="migrate-runtime-onnx:0123456789abcdef",
    image_id=f"sha256:{'b' * 64}",
    key="k",
    size=1,
    base="b:1",
)
HOSTILE = [
    '../../x"\nRUN nowhere',
    "",
    "a" * 300,
    "${HOME}",
    "{{ 7*7 }}",
    "x\\\nUSER root",
    "模型",
    "-",
    "\0",
    "a/b",
]


@pytest.mark.parametrize("identity", HOSTILE)
def test_a_hostile_id_is_in_the_settings_and_nowhere_else(tmp_path: Path, identity: str) -> None:
    plain = render([model_of(IRIS, "iris")], RUNTIME, tmp_path / "plain")
    context = render([model_of(IRIS, identity)], RUNTIME, tmp_path / "out")
    # Word for word what a harmless id gives.
    assert Path(context.folder, "Dockerfile").read_text() == Path(plain.folder, "Dockerfile").read_text()
    (settings_file,) = Path(context.folder).rglob("model.json")
    assert json.loads(settings_file.read_bytes())["id"] == identity
    assert all(part.isascii() and part.isprintable() for part in settings_file.parts)
    assert sorted(Path(context.folder).iterdir()) == [
        Path(context.folder) / name for name in ("Dockerfile", "layer-model-0", "layer-settings")
    ]
    assert sorted(tmp_path.iterdir()) == [tmp_path / "out", tmp_path / "plain"]


@settings(max_examples=40, deadline=None)
@given(st.text(st.characters(exclude_categories=["Cs"])), st.text(st.characters(exclude_categories=["Cs"])))
def test_no_text_of_a_customer_reaches_the_dockerfile(
    tmp_path_factory: pytest.TempPathFactory, one: str, two: str
) -> None:
    out = tmp_path_factory.mktemp("hostile")
    usual = render([model_of(IRIS, "iris"), model_of(IRIS, "other")], RUNTIME, out / "usual")
    model = model_of(IRIS, one)
    other = model_of(IRIS, two if two != one else two + "x")
    model = replace(model, inspection=replace(model.inspection, settings=replace(model.inspection.settings, title=two)))
    context = render([model, other], RUNTIME, out / "out")
    assert Path(context.folder, "Dockerfile").read_bytes() == Path(usual.folder, "Dockerfile").read_bytes()


def test_the_settings_are_what_was_inspected_and_the_names(tmp_path: Path) -> None:
    model = model_of(IRIS, "iris", recorded=b'{"samples":[]}')
    context = render([model], RUNTIME, tmp_path / "out")
    place = Path(context.folder) / "layer-settings/models/iris"
    content = json.loads(place.joinpath("model.json").read_bytes())
    described = content_of(model.inspection.settings)
    assert {key: content[key] for key in described} == described
    assert (content["schema"], content["id"], content["artifact"]) == (1, "iris", model.artifact.digest)
    assert place.joinpath("recorded.json").read_bytes() == b'{"samples":[]}'
    file = Path(context.folder) / "layer-model-0/models/iris/files/iris.onnx"
    assert file.read_bytes() == IRIS.read_bytes()


def test_the_digest_follows_the_content_and_nothing_else(tmp_path: Path) -> None:
    first = render([model_of(IRIS)], RUNTIME, tmp_path / "a")
    again = render([model_of(IRIS)], RUNTIME, tmp_path / "b")
    assert first.digest == again.digest
    stored = msgspec.json.decode(msgspec.json.encode(model_of(IRIS), order="sorted"), type=ModelToRender)
    assert render([stored], RUNTIME, tmp_path / "c").digest == first.digest
    others = [
        render([model_of(HOUSING)], RUNTIME, tmp_path / "d"),
        render([model_of(IRIS, "other")], RUNTIME, tmp_path / "e"),
        render([model_of(IRIS, recorded=b"{}")], RUNTIME, tmp_path / "f"),
        render([model_of(IRIS)], replace(RUNTIME, reference="migrate-runtime-onnx:1"), tmp_path / "g"),
    ]
    assert len({context.digest for context in [first, *others]}) == 5


def test_what_a_former_run_left_is_replaced(tmp_path: Path) -> None:
    out = tmp_path / "out"
    for left in (out, tmp_path / "out.partial"):
        left.mkdir()
        left.joinpath("layer-old").write_text("x")
    render([model_of(IRIS)], RUNTIME, out)
    assert sorted(path.name for path in out.iterdir()) == ["Dockerfile", "layer-model-0", "layer-settings"]
    assert list(tmp_path.iterdir()) == [out]


def test_the_stored_file_is_shared_and_stays_as_it_is(tmp_path: Path) -> None:
    source = tmp_path / "store/iris.onnx"
    source.parent.mkdir()
    source.write_bytes(IRIS.read_bytes())
    source.chmod(0o600)
    os.utime(source, (1, 1))
    context = render([model_of(source)], RUNTIME, tmp_path / "out")
    state = source.stat()
    assert (stat.S_IMODE(state.st_mode), state.st_mtime, state.st_nlink) == (0o600, 1, 2)
    assert Path(context.folder, "layer-model-0/models/iris/files/iris.onnx").samefile(source)


@pytest.mark.parametrize("change", ["content", "link", "gone"])
def test_a_file_that_is_not_what_was_fetched_stops_it(tmp_path: Path, change: str) -> None:
    source = tmp_path / "iris.onnx"
    source.write_bytes(IRIS.read_bytes())
    model = model_of(source)
    source.unlink()
    if change == "content":
        source.write_bytes(IRIS.read_bytes()[:-1] + b"x")
    if change == "link":
        source.symlink_to(IRIS)
    with pytest.raises(LocalError) as error:
        render([model], RUNTIME, tmp_path / "out")
    assert error.value.code in ("file-changed", "disk")
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    "path", ["../x", "/x", "a/../x", "a//x", "./x", "", "a/", ".wh.model", "a/.wh..wh..opq/x", "a\0b"]
)
def test_file_names_that_would_do_harm_are_refused(tmp_path: Path, path: str) -> None:
    with pytest.raises(RefusedError) as error:
        safe_path(path)
    assert error.value.code == "unsafe-file-name"
    model = model_of(IRIS)
    file = ArtifactFile(path=path, size=1, digest=f"sha256:{'0' * 64}")
    with pytest.raises(RefusedError):
        render([replace(model, artifact=replace(model.artifact, files=(file,)))], RUNTIME, tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_odd_file_names_are_kept(tmp_path: Path) -> None:
    folder = tmp_path / "in"
    folder.mkdir()
    names = [".dockerignore", "Dockerfile", "a b\nc", "*", "größe", "-rf"]
    for name in names:
        folder.joinpath(name).write_text(name)
    artifact = artifact_of(*(folder / name for name in names))
    context = render([replace(model_of(IRIS), artifact=artifact)], RUNTIME, tmp_path / "out")
    files = Path(context.folder) / "layer-model-0/models/iris/files"
    assert sorted(path.name for path in files.iterdir()) == sorted(names)


def test_many_models_share_the_last_layers(tmp_path: Path) -> None:
    models = [model_of(IRIS, f"model-{number}") for number in range(70)]
    context = render(models, RUNTIME, tmp_path / "out")
    text = Path(context.folder, "Dockerfile").read_text()
    assert text.count("COPY layer-model-") == 64
    assert len(list(Path(context.folder).glob("layer-model-*/models/*/files/iris.onnx"))) == 70
    assert len(list(Path(context.folder, "layer-settings/models").iterdir())) == 70


def test_two_models_of_one_id_are_a_mistake_of_the_caller(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="two models"):
        render([model_of(IRIS), model_of(HOUSING)], RUNTIME, tmp_path / "out")
