"""The runtime's and the models' images, built by a real engine."""

import hashlib
import io
import json
import tarfile
from collections.abc import Callable
from pathlib import Path

import pytest
from msgspec.structs import replace

from migrate.core.errors import LocalError
from migrate.core.secret import Secret
from migrate.core.values import RuntimeImage
from migrate.images.base.image import ensure_base
from migrate.images.engine import containers
from migrate.images.engine.build import build, build_image, image_exists, read_image
from migrate.images.engine.connection import Engine
from migrate.images.engine.tarstream import content
from migrate.images.model.context import render
from migrate.images.runtime import server_code
from migrate.images.runtime.image import build_runtime, ensure_runtime, runtime_exists
from migrate.images.runtime.templates import template_of
from tests.images.conftest import HOUSING, IRIS, model_of, silent

pytestmark = pytest.mark.engine


def files_of(engine: Engine, reference: str) -> dict[str, tarfile.TarInfo]:
    """Every entry of every layer, by ``layer number/name``."""
    saved = io.BytesIO(b"".join(engine.client.api.get_image(reference)))
    found = {}
    with tarfile.open(fileobj=saved) as packed:
        manifest = packed.extractfile("manifest.json")
        assert manifest is not None
        for number, name in enumerate(json.load(manifest)[0]["Layers"]):
            with tarfile.open(fileobj=packed.extractfile(name)) as layer:
                found.update({f"{number}/{member.name}": member for member in layer})
    return found


@pytest.mark.slow
def test_built_twice_the_layers_are_the_same(
    engine: Engine, tmp_path: Path, new_tag: Callable[[], str], runtime: RuntimeImage
) -> None:
    base = ensure_base(engine, None, silent)
    template = template_of("onnx")
    built = [
        build_runtime(
            engine,
            template,
            base,
            store=tmp_path / name / "store",
            tag=new_tag(),
            progress_text=silent,
            cache=False,
        )
        for name in ("one", "a-longer-folder-name")
    ]
    assert built[0].image_id != built[1].image_id  # no cache: each was made at its own time
    assert built[0].layers == built[1].layers
    assert built[0].layers == read_image(engine, runtime.reference).layers


def test_a_runtime_is_built_once(engine: Engine, runtime: RuntimeImage, store: Path) -> None:
    said: list[str] = []
    assert ensure_runtime(engine, "onnx", base=None, store=store, progress_text=said.append) == runtime
    assert said == []
    assert runtime_exists(engine, runtime)
    assert not runtime_exists(engine, replace(runtime, image_id=f"sha256:{'0' * 64}"))


def test_the_runtimes_name_follows_the_servers_code(
    engine: Engine, runtime: RuntimeImage, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Of the code, not of the tool's version, which is in the package's own first file.
    assert server_code.server_digest() == server_code.server_digest()
    before = server_code.server_digest()
    files = server_code.server_files()
    monkeypatch.setattr(server_code, "server_files", lambda: files[1:])
    assert server_code.server_digest() != before
    assert {name.split("/")[0] for name, _ in files} == {"migrate"}
    assert all(name.startswith("migrate/server/") for name, _ in files)


def test_two_models_share_all_but_settings_and_model(
    engine: Engine, runtime: RuntimeImage, tmp_path: Path, new_tag: Callable[[], str]
) -> None:
    images = []
    for path, identity in ((IRIS, "iris"), (HOUSING, "housing")):
        sent: list[tuple[int, int | None]] = []
        context = render([model_of(path, identity)], runtime, tmp_path / identity)
        tag = new_tag()
        images.append(build(engine, context, runtime, tag=tag, progress=lambda *now, to=sent: to.append(now)))
        assert image_exists(engine, images[-1])
        assert read_image(engine, tag) == images[-1]
        assert sent[-1][0] == sent[-1][1] > path.stat().st_size
    shared = read_image(engine, runtime.reference).layers
    assert images[0].layers[:-2] == images[1].layers[:-2] == shared
    assert set(images[0].layers[-2:]).isdisjoint(images[1].layers[-2:])


def test_packed_models_have_a_layer_each(
    engine: Engine, runtime: RuntimeImage, tmp_path: Path, new_tag: Callable[[], str]
) -> None:
    models = [model_of(IRIS, "iris"), model_of(HOUSING, '../../x"\nRUN nowhere')]
    image = build(engine, render(models, runtime, tmp_path / "out"), runtime, tag=new_tag(), progress=silent)
    assert len(image.layers) == len(read_image(engine, runtime.reference).layers) + 3
    labels = engine.client.api.inspect_image(image.image_id)["Config"]["Labels"]
    digests = ",".join(model.artifact.digest for model in models)
    assert labels["mlserving-migrate.artifact"] == digests
    assert labels["mlserving-migrate.runtime"] == "onnx"
    alone = build(engine, render(models[:1], runtime, tmp_path / "one"), runtime, tag=new_tag(), progress=silent)
    assert alone.layers[-1] in image.layers  # a packed image shares the layers of its models' own images


def test_what_is_in_the_layers(
    engine: Engine, runtime: RuntimeImage, tmp_path: Path, new_tag: Callable[[], str], store: Path
) -> None:
    secret = Secret("not-in-any-layer-7f3a")
    image = build(engine, render([model_of(IRIS)], runtime, tmp_path / "out"), runtime, tag=new_tag(), progress=silent)
    found = {
        name.partition("/")[2]: entry for name, entry in files_of(engine, image.image_id).items() if name[0] != "0"
    }
    allowed = ("opt", "opt/migrate", "models", "models/iris", "workspace")
    assert all(name in allowed or name.startswith(("opt/migrate/", "models/iris/")) for name in found)
    for name, entry in found.items():
        assert (entry.uid, entry.gid) == (0, 0), name
        assert entry.mtime == 315532800, name
        assert entry.mode & 0o004, name
        assert not entry.mode & 0o6000, name
        if name != "workspace" and not entry.issym():  # a link has no mode of its own
            assert not entry.mode & 0o022, name
    assert found["workspace"].mode & 0o7777 == 0o1777
    assert found["models/iris/files/iris.onnx"].size == IRIS.stat().st_size
    assert any(name.endswith(".dist-info/RECORD") for name in found)
    assert any("licenses/" in name for name in found)
    whole = b"".join(engine.client.api.get_image(image.image_id))
    for text in (secret.reveal(), str(tmp_path), str(store), str(Path(__file__).parents[3])):
        assert text.encode() not in whole


@pytest.mark.parametrize("user", ["42420:42420", "1234567:7654321", "0:0"])
def test_any_user_can_run_it(engine: Engine, runtime: RuntimeImage, user: str) -> None:
    code = (
        "import os, numpy, onnxruntime, uvicorn, migrate.server, pathlib\n"
        "assert os.environ['HOME'] == os.getcwd() == '/workspace'\n"
        "pathlib.Path.home().joinpath('own').write_text('x')\n"
        "assert numpy.__cached__.startswith('/opt/migrate/wheels/') and os.path.exists(numpy.__cached__)\n"
        "assert numpy.get_include.__code__.co_filename.startswith('/opt/migrate/wheels/numpy/')\n"
        "assert migrate.server.__file__ == '/opt/migrate/server/migrate/server/__init__.py'\n"
    )
    command = ["python3", "-W", "error", "-c", code]
    with containers.container(engine, runtime.image_id, command, purpose="test", user=user) as identity:
        engine.client.api.start(identity)
        status = engine.client.api.wait(identity)["StatusCode"]
        assert status == 0, engine.client.api.logs(identity)


def test_the_configuration_is_what_ai_deploy_asks_for(engine: Engine, runtime: RuntimeImage) -> None:
    found = engine.client.api.inspect_image(runtime.reference)
    config = found["Config"]
    assert (found["Os"], found["Architecture"]) == ("linux", "amd64")
    assert config["User"] == "42420:42420"
    assert config["Entrypoint"] == ["python3", "-m", "migrate.server", "/models"]
    assert not config.get("Cmd")
    assert list(config["ExposedPorts"]) == ["8080/tcp"]
    assert "HOME=/workspace" in config["Env"]
    assert config["Labels"]["org.opencontainers.image.title"]


def test_a_build_that_fails_says_why(engine: Engine, new_tag: Callable[[], str]) -> None:
    entries = [content("Dockerfile", b"ARG RUNTIME\nFROM ${RUNTIME}\nCOPY none/ /\n")]
    base = ensure_base(engine, None, silent)
    with pytest.raises(LocalError) as error:
        build_image(engine, entries, tag=new_tag(), progress=silent, arguments={"RUNTIME": base.reference}, cache=True)
    assert error.value.code == "build-failed"
    assert "none" in error.value.what


def test_a_runtime_that_was_removed_is_no_reason_to_ask_a_registry(
    engine: Engine, runtime: RuntimeImage, tmp_path: Path, new_tag: Callable[[], str]
) -> None:
    gone = replace(runtime, reference=f"127.0.0.1:9/gone:{hashlib.sha256(b'x').hexdigest()[:12]}")
    context = render([model_of(IRIS)], gone, tmp_path / "out")
    with pytest.raises(LocalError) as error:
        build(engine, context, gone, tag=new_tag(), progress=silent)
    assert error.value.code == "image-missing"


def test_an_image_that_is_not_there_is_an_error(engine: Engine) -> None:
    with pytest.raises(LocalError) as error:
        read_image(engine, "migrate-test-none:1")
    assert error.value.code == "image-missing"
