import hashlib
import json
from collections.abc import Callable
from pathlib import Path

import pytest

from migrate.core.errors import UsageError
from migrate.core.values import RuntimeImage
from migrate.images.base.image import PUBLIC_BASE, ensure_base
from migrate.images.engine.build import build, read_image
from migrate.images.engine.connection import Engine
from migrate.images.model.context import render
from migrate.images.model.export import export
from migrate.images.trial.in_engine import InEngine
from migrate.images.trial.rehearsal import rehearse
from tests.images.conftest import HOUSING, IRIS, model_of, silent

pytestmark = pytest.mark.programs


def test_it_needs_no_engine_and_names_the_public_base(
    tmp_path: Path, store: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DOCKER_HOST", "unix:///nonexistent.sock")
    source = tmp_path / "in/iris.onnx"
    source.parent.mkdir()
    source.write_bytes(IRIS.read_bytes())
    hostile = '../../x"\nRUN nowhere'
    context = export([model_of(source, hostile)], tmp_path / "out", store=store, progress_text=silent)
    out = Path(context.folder)
    assert sorted(path.name for path in out.iterdir()) == [
        "Dockerfile",
        "README.txt",
        "layer-model-0",
        "layer-server",
        "layer-settings",
        "layer-wheels",
        "provenance.intoto.json",
        "sbom.cdx.json",
    ]
    assert out.joinpath("Dockerfile").read_text().startswith(f"ARG BASE={PUBLIC_BASE}\n")
    # What lies beside the layers says what is in them, and is in none.
    bill = json.loads(out.joinpath("sbom.cdx.json").read_bytes())
    assert {bill["metadata"]["component"]["version"]} == {context.digest}
    statement = json.loads(out.joinpath("provenance.intoto.json").read_bytes())
    assert statement["subject"] == [
        {"name": name, "digest": {"sha256": hashlib.sha256(out.joinpath(name).read_bytes()).hexdigest()}}
        for name in ("Dockerfile", "sbom.cdx.json")
    ]
    assert ".json" not in out.joinpath("Dockerfile").read_text()
    for name in ("Dockerfile", "README.txt"):
        assert "x-run-nowhere" not in out.joinpath(name).read_text()
        assert '../x"' not in out.joinpath(name).read_text()
    link = out / "layer-server/opt/migrate/locale/en_US.utf8"
    assert str(link.readlink()) == "/usr/lib/locale/C.utf8"
    (settings,) = out.glob("layer-settings/models/*/model.json")
    assert json.loads(settings.read_bytes())["id"] == hostile
    # Copies: what the folder's owner does to it does not reach the content store, nor the customer's files.
    assert all(path.stat().st_nlink == 1 for path in out.rglob("*") if path.is_file() and path != link)
    assert context.size == sum(path.stat().st_size for path in out.rglob("*") if path.is_file())
    assert source.stat().st_mtime != 315532800


def test_a_folder_with_something_in_it_is_left_alone(tmp_path: Path, store: Path) -> None:
    tmp_path.joinpath("mine").write_text("x")
    for out in (tmp_path, tmp_path / "mine"):
        with pytest.raises(UsageError) as error:
            export([model_of(IRIS)], out, store=store, progress_text=silent)
        assert error.value.code == "not-empty"
    assert tmp_path.joinpath("mine").read_text() == "x"
    empty = tmp_path / "empty"
    empty.mkdir()
    assert export([model_of(IRIS)], empty, store=store, progress_text=silent).folder == str(empty)


@pytest.mark.engine
def test_any_builder_makes_the_same_layers_from_it_without_a_network(
    engine: Engine, runtime: RuntimeImage, store: Path, tmp_path: Path, new_tag: Callable[[], str]
) -> None:
    base = ensure_base(engine, None, silent)
    models = [model_of(IRIS, "iris"), model_of(HOUSING, "housing")]
    context = export(models, tmp_path / "out", store=store, progress_text=silent)
    # The Dockerfile names what this machine has: the folder builds here by hand, as it is.
    assert Path(context.folder, "Dockerfile").read_text().startswith(f"ARG BASE={base.reference}\n")
    # The docker package's own way from a folder to an image, as other programs do it.
    tag = new_tag()
    engine.client.images.build(path=context.folder, tag=tag, network_mode="none", pull=False, rm=True, nocache=True)
    by_hand = read_image(engine, tag)
    own = build(engine, render(models, runtime, tmp_path / "ctx"), runtime, tag=new_tag(), progress=silent)
    assert by_hand.layers == own.layers
    with rehearse(InEngine(engine), by_hand, memory=1 << 30, timeout=200) as running:
        assert running.call("GET", "/iris/describe")[0] == 200
        assert running.call("GET", "/housing/describe")[0] == 200
