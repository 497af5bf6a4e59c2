import json
from collections.abc import Callable
from pathlib import Path

import pytest

from migrate.core.errors import ConfigurationError, UsageError
from migrate.core.values import ContainerLocation, FolderLocation
from migrate.ovhcloud import serving
from migrate.ovhcloud.session import Cloud
from migrate.sandbox import control
from migrate.sandbox.base.settings import Options
from migrate.sources.listing import list_models, needs_cloud
from migrate.sources.reference import parse_source
from tests.clouds import calls, logged, open_cloud
from tests.sources.storing import at, content, put, take


def recognise(name: str, size: int, read: Callable[[int, int], bytes]) -> str | None:
    return "onnx" if read(0, 4) == b"ONNX" else None


def test_a_namespace(cloud: Cloud) -> None:
    namespace = next(one for one in serving.namespaces(cloud) if one.container == "models")
    listing = list_models(parse_source(namespace.id), cloud, recognise)
    assert listing.region == "GRA"
    models = {model.id: model for model in listing.models}
    iris = models["iris"]
    assert iris.location == ContainerLocation(
        region="GRA", container=namespace.container, container_id=namespace.container_id, path="iris"
    )
    assert iris.flavor is not None
    assert (iris.flavor.cpu_cores, iris.flavor.ram_mb) == (1, 2048)
    assert iris.autoscaling is not None
    assert (iris.autoscaling.min_replicas, iris.autoscaling.max_replicas) == (1, 3)
    resources = {token.resource for token in iris.tokens}
    assert resources == {"*", "iris*"}
    assert all(
        "titanic" not in {token.resource for token in model.tokens}
        for model in models.values()
        if model.id != "titanic"
    )


def test_an_unknown_namespace(cloud: Cloud) -> None:
    with pytest.raises(ConfigurationError) as caught:
        list_models(parse_source("no-such-namespace"), cloud, recognise)
    assert caught.value.code == "unknown-namespace"
    assert caught.value.query_id


def test_serving_gone_names_the_containers(sandbox: Path, tmp_path: Path, cloud: Cloud) -> None:
    control.fail(sandbox, "serving-gone")
    with pytest.raises(ConfigurationError) as caught:
        list_models(parse_source("anything"), cloud, recognise)
    assert caught.value.code == "ml-serving-gone"
    assert "`migrate list models@GRA`" in caught.value.next_step
    with open_cloud(sandbox, tmp_path, OVH_CLOUD_PROJECT_SERVICE="f" * 32) as wrong:
        with pytest.raises(ConfigurationError) as unknown:
            list_models(parse_source("anything"), wrong, recognise)
        assert unknown.value.code == "unknown-project"


def test_a_container_and_a_prefix_in_it(sandbox: Path, tmp_path: Path, cloud: Cloud) -> None:
    put(
        sandbox,
        tmp_path,
        {
            "iris.onnx": b"ONNX",
            "wine/v1/model.onnx": b"ONNX",
            "wine/v1/weights": b"w",
            "data.csv": b"1,2" * 1000,
            "notes/readme": b"hello",
            "deep/one.onnx": b"ONNX",
            "deep/two/model": b"ONNX",
        },
    )
    listing = list_models(parse_source("box@gra"), cloud, recognise)
    assert listing.source == "box@GRA"
    assert {model.id: model.location.path for model in listing.models} == {  # type: ignore[union-attr]
        "iris": "iris.onnx",
        "wine": "wine",
        "deep": "deep",
    }
    assert {item.path: item.size for item in listing.ignored} == {"data.csv": 3000, "notes/": 5}
    below = list_models(parse_source("box@GRA/deep/"), cloud, recognise)
    assert {model.id: model.location.path for model in below.models} == {"one": "deep/one.onnx", "two": "deep/two"}  # type: ignore[union-attr]
    exact = list_models(parse_source("box@GRA/deep/one.onnx"), cloud, recognise)
    assert {model.id: model.location.path for model in exact.models} == {"one": "deep/one.onnx"}  # type: ignore[union-attr]
    assert content(take(cloud, exact.models[0], tmp_path / "store")) == {"one.onnx": b"ONNX"}


def test_little_of_a_large_object_is_read(sandbox: Path, tmp_path: Path, cloud: Cloud) -> None:
    put(sandbox, tmp_path, {"huge.bin": b"x" * 5_000_000})
    list_models(parse_source("box@GRA"), cloud, recognise)
    read = sum(line.bytes for line in logged(sandbox) if line.service == "storage")
    assert 0 < read <= 16 * 1024


def test_an_unknown_container(cloud: Cloud) -> None:
    for source in ("nothing@GRA", "models@BHS"):
        with pytest.raises(ConfigurationError) as caught:
            list_models(parse_source(source), cloud, recognise)
        assert caught.value.code == "unknown-container"
        assert "models@GRA" in caught.value.next_step


def test_storage_paths_mean_what_they_meant(sandbox: Path, tmp_path: Path, cloud: Cloud) -> None:
    identity = put(
        sandbox,
        tmp_path,
        {"path/model": b"1", "path/sub/w": b"2", "path2/model": b"no", "path": b"", "path/sub/": b"", "exact": b"3"},
    )
    put(sandbox, tmp_path, {"path/sub": b""}, content_type="application/directory")
    expected = {"model": b"1", "sub/w": b"2"}
    for spelling in ("path", "path/", "/path/"):
        assert content(take(cloud, at(identity, spelling), tmp_path / "store")) == expected
    assert content(take(cloud, at(identity, "exact"), tmp_path / "store")) == {"exact": b"3"}
    whole = content(take(cloud, at(identity, ""), tmp_path / "store"))
    assert set(whole) == {"path/model", "path/sub/w", "path2/model", "exact"}


def test_an_exact_object_wins_over_what_lies_below(sandbox: Path, tmp_path: Path, cloud: Cloud) -> None:
    identity = put(sandbox, tmp_path, {"model": b"the object", "model/other": b"below"})
    assert content(take(cloud, at(identity, "model"), tmp_path / "store")) == {"model": b"the object"}


def test_big_containers_are_listed_by_swift_with_a_marker(tmp_path: Path) -> None:
    folder, boxes = tmp_path / "capped", tmp_path / "boxes" / "big"
    (boxes / "model").mkdir(parents=True)
    for number in range(230):
        (boxes / "model" / f"part-{number:03}").write_bytes(b"ONNX" if number == 0 else str(number).encode())
    control.start(
        folder, Options(runtime=False, samples=False, storage=str(boxes.parent), listing_cap=100, rate_limit=0)
    )
    try:
        with open_cloud(folder, tmp_path) as cloud:
            listing = list_models(parse_source("big@GRA"), cloud, recognise)
            assert [model.id for model in listing.models] == ["model"]
            files = content(take(cloud, listing.models[0], tmp_path / "store"))
            assert len(files) == 230
            assert files["part-229"] == b"229"
            assert calls(folder, "POST", "/publicUrl") <= 20
            assert calls(folder, "POST", "/storage/access") == 1
    finally:
        control.stop(folder)


def inventory(tmp_path: Path, **changes: object) -> Path:
    file = tmp_path / "inventory" / "inventory.json"
    file.parent.mkdir(exist_ok=True)
    data: dict[str, object] = {
        "namespace": {"id": "ns", "container": "box", "region": "GRA", "unknownField": 1},
        "models": [
            {
                "id": "a",
                "flavor": "ml1-c-small",
                "url": "https://old.example.com/a/",
                "autoscalingSpec": {"minReplicas": 1, "maxReplicas": 3, "cpuAverageUtilization": None},
                "workflowTemplateParameters": {"framework": "onnx", "backend": "bentoml", "storagePath": "a/v3"},
                "version": 3,
            },
            {"id": "p", "workflowTemplate": "preset-image", "workflowTemplateParameters": {"imageId": "sentiment"}},
        ],
        "tokens": [{"id": "t", "groups": ["model-evaluation"], "resource": "a*"}],
        "flavors": [{"id": "ml1-c-small", "cpuCore": 1, "ramMB": 2048}],
    } | changes  # fmt: skip
    file.write_text(json.dumps(data))
    return file


def test_an_inventory_with_its_files_beside_it(tmp_path: Path) -> None:
    file = inventory(tmp_path)
    model = file.parent / "box" / "a" / "v3"
    model.mkdir(parents=True)
    (model / "model.onnx").write_bytes(b"ONNX")
    ref = parse_source(str(file))
    assert not needs_cloud(ref)
    listing = list_models(ref, None, recognise)
    first, preset = listing.models
    assert first.location == FolderLocation(path=str(model))
    assert first.old_url == "https://old.example.com/a"
    assert first.flavor is not None
    assert first.flavor.ram_mb == 2048
    assert [token.id for token in first.tokens] == ["t"]
    assert (preset.location, preset.image_id) == (None, "sentiment")


def test_an_inventory_beside_a_copy_without_the_containers_name(tmp_path: Path) -> None:
    file = inventory(tmp_path)
    (file.parent / "a" / "v3").mkdir(parents=True)
    assert list_models(parse_source(str(file)), None, recognise).models[0].location == FolderLocation(
        path=str(file.parent / "a" / "v3")
    )


def test_an_inventory_whose_files_are_in_the_container(sandbox: Path, tmp_path: Path, cloud: Cloud) -> None:
    put(sandbox, tmp_path, {"a/v3/model.onnx": b"ONNX in the cloud"})
    ref = parse_source(str(inventory(tmp_path)))
    assert needs_cloud(ref)
    listing = list_models(ref, None, recognise)
    assert content(take(cloud, listing.models[0], tmp_path / "store")) == {"model.onnx": b"ONNX in the cloud"}


@pytest.mark.parametrize("path", ["../secret", "/etc", "a/../../secret", "..", "a\0b"])
def test_a_storage_path_of_an_inventory_stays_beside_it(tmp_path: Path, path: str) -> None:
    (tmp_path / "secret").mkdir()
    (tmp_path / "secret" / "model").write_bytes(b"ONNX")
    models = [{"id": "a", "workflowTemplateParameters": {"storagePath": path}}]
    listing = list_models(parse_source(str(inventory(tmp_path, models=models))), None, recognise)
    assert isinstance(listing.models[0].location, ContainerLocation)


def test_a_link_beside_an_inventory_does_not_lead_out(tmp_path: Path) -> None:
    file = inventory(tmp_path)
    (tmp_path / "outside" / "a" / "v3").mkdir(parents=True)
    (file.parent / "box").symlink_to(tmp_path / "outside")
    assert isinstance(list_models(parse_source(str(file)), None, recognise).models[0].location, ContainerLocation)


@pytest.mark.parametrize(
    ("text", "where"),
    [
        ("", "no inventory"),
        ("{", "no inventory"),
        ("[]", "no inventory"),
        ("{}", "namespace"),
        ('{"namespace": {"id": 3}, "models": []}', r"\$\.namespace\.id"),
        ('{"namespace": {"id": "n"}, "models": [{"id": "m", "version": "x"}]}', r"\$\.models\[0\]\.version"),
    ],
)
def test_a_broken_inventory_says_where(tmp_path: Path, text: str, where: str) -> None:
    file = tmp_path / "inventory.json"
    file.write_text(text)
    with pytest.raises(UsageError, match=where) as caught:
        list_models(parse_source(str(file)), None, recognise)
    assert caught.value.code == "bad-inventory"
    assert '"namespace"' in caught.value.next_step


def test_an_inventory_that_is_not_there(tmp_path: Path) -> None:
    ref = parse_source(str(tmp_path / "gone.json"))
    assert not needs_cloud(ref)
    with pytest.raises(UsageError) as caught:
        list_models(ref, None, recognise)
    assert caught.value.code == "no-such-file"


@pytest.mark.parametrize("typed", ["model@GRA", "MODELS@GRA", "models@BHS", "modles@gra"])
def test_the_nearest_container_is_named(cloud: Cloud, typed: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        list_models(parse_source(typed), cloud, recognise)
    assert (caught.value.code, caught.value.next_step) == ("unknown-container", "Did you mean models@GRA?")
    with pytest.raises(ConfigurationError, match="no container or S3 bucket xyzzy") as far:
        list_models(parse_source("xyzzy@GRA"), cloud, recognise)
    assert far.value.next_step.startswith("It has: ")


def test_a_container_without_its_region_is_named(sandbox: Path, cloud: Cloud) -> None:
    control.fail(sandbox, "serving-gone")
    with pytest.raises(ConfigurationError) as caught:
        list_models(parse_source("models"), cloud, recognise)
    assert caught.value.next_step.startswith("Did you mean the container models@GRA? Type `migrate list models@GRA`")


def test_a_prefix_at_which_nothing_lies_is_told(cloud: Cloud) -> None:
    with pytest.raises(UsageError, match="Nothing in models@GRA lies at or below nopr"):
        list_models(parse_source("models@GRA/nopr"), cloud, recognise)


def test_an_archive_is_called_that(tmp_path: Path) -> None:
    (tmp_path / "scorer.ZIP").write_bytes(b"PK\x03\x04 and so on")
    (tmp_path / "notes.txt").write_text("no model")
    reasons = {item.path: item.reason for item in list_models(parse_source(str(tmp_path)), None, recognise).ignored}
    assert reasons["scorer.ZIP"].startswith("an archive")
    assert reasons["notes.txt"] == "no model by its content"
