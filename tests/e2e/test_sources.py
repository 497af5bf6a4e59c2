"""The same models with ML Serving switched off: from the container, from a folder, from an inventory file."""

import json
import shutil
from pathlib import Path
from typing import Any

import boto3
import pytest
from moto.server import ThreadedMotoServer

from migrate.sandbox import control
from tests.e2e.harness import BROKEN, GOOD, NAMESPACE, ROOT, Tool

SAMPLES = ROOT / "examples" / "samples"
MODELS = ROOT / "examples" / "models"


@pytest.fixture
def gone(tool: Tool) -> Tool:
    control.fail(tool.sandbox.folder, "serving-gone")
    tool.environment.pop("MIGRATE_OLD_TOKEN", None)
    return tool


def test_the_product_is_gone_and_the_next_command_is_named(gone: Tool) -> None:
    ended = gone.run()
    assert ended.code == 3
    assert ended.error["code"] == "ml-serving-gone"
    assert "@" in ended.error["next_step"]

    control.fail(gone.sandbox.folder, "serving-gone")
    wrong = gone.run(NAMESPACE, "--project", "0123456789abcdef0123456789abcdef")
    assert wrong.code == 3
    assert wrong.error["code"] == "unknown-project"


def test_a_container_is_sorted_by_content(gone: Tool) -> None:
    listed = gone("list", "models@GRA", "--json")
    assert listed.code == 0, listed.err
    data = listed.result["data"]
    assert {model["id"] for model in data["models"]} >= set(GOOD)
    ignored = {entry["path"]: entry["reason"] for entry in data["ignored"]}
    assert "exports/" in ignored, "a folder with nothing but a CSV in it"
    assert all(ignored.values())
    downloaded = sum(line.bytes for line in gone.sandbox.log() if line.service == "storage")
    assert downloaded < 2_000_000, "little is read to tell models from other things"


@pytest.mark.parametrize(
    "samples", [pytest.param(True, id="recorded", marks=pytest.mark.slow), pytest.param(False, id="engine")]
)
def test_a_container_moves(gone: Tool, samples: bool) -> None:
    models = [word for model in GOOD for word in ("--model", model)]
    more = ["--samples", str(SAMPLES)] if samples else []
    ended = gone.run("models@GRA", *models, *more)

    assert ended.code == 0, ended.err
    for model in GOOD:
        assert ended.outcomes[model]["outcome"] == "done"
        assert ended.outcomes[model]["proof"] == ("recorded" if samples else "engine")

    before = len(gone.sandbox.log())
    again = gone.run("models@GRA", *models, *more)
    assert (again.code, {name: one["outcome"] for name, one in again.outcomes.items()}) == (
        0,
        dict.fromkeys(GOOD, "done"),
    )
    asked = [line.operation.rpartition("/")[2] for line in gone.sandbox.log()[before:]]
    assert asked == ["time", "storage", "{containerId}", "app"], "once a run, and nothing for each model"


@pytest.mark.slow
def test_a_model_that_is_replaced_in_its_app_is_announced_as_that(gone: Tool, tmp_path: Path) -> None:
    folder = tmp_path / "models"
    for name in ("iris", "titanic"):
        shutil.copytree(MODELS / name, folder / name)
    assert gone.run(str(folder)).code == 0
    actions = {app["name"]: app["action"] for app in _plan(gone, folder)["apps"]}
    assert actions == {}

    (folder / "iris" / "README.md").write_text("What no runtime reads changes nothing.")
    assert _plan(gone, folder)["apps"] == []

    for old in (folder / "iris").iterdir():
        old.unlink()
    for new in (MODELS / "housing").iterdir():
        shutil.copyfile(new, folder / "iris" / new.name)
    (app,) = _plan(gone, folder)["apps"]
    assert (app["models"], app["action"]) == (["iris"], "replace")
    assert any("its files have changed: " in note and " is gone" in note for note in app["notes"]), app["notes"]
    assert any("no answers for about a minute" in note for note in app["notes"])
    shown = gone("run", str(folder), "--dry-run").out
    assert "replace the model in its app" in shown
    asked = gone("run", str(folder))
    assert asked.code == 2
    assert "no answers for about a minute" in asked.err
    ended = gone.run(str(folder))
    assert ended.code == 0, ended.err
    assert any("Clients have to know: " in str(event.get("text")) for event in ended.events)
    assert _plan(gone, folder)["apps"] == []


def _plan(tool: Tool, folder: Path) -> dict[str, Any]:
    ended = tool("run", str(folder), "--dry-run", "--json")
    assert ended.code == 0, ended.err
    plan = ended.result["data"]["plan"]
    assert isinstance(plan, dict)
    return plan


@pytest.mark.slow
@pytest.mark.parametrize("keys", [False, True], ids=["project", "keys"])
def test_a_bucket_moves(gone: Tool, keys: bool) -> None:
    (file,) = (MODELS / "iris").glob("*.onnx")
    if keys:
        server = ThreadedMotoServer("127.0.0.1", 0, verbose=False)
        server.start()
        host, port = server.get_host_and_port()
        where = {"AWS_ENDPOINT_URL": f"http://{host}:{port}", "AWS_REGION": "us-east-1"}
        gone.environment |= where | {"AWS_ACCESS_KEY_ID": "key", "AWS_SECRET_ACCESS_KEY": "the secret of the keys"}
        client = boto3.client(
            "s3",
            endpoint_url=where["AWS_ENDPOINT_URL"],
            region_name="us-east-1",
            aws_access_key_id="key",
            aws_secret_access_key="the secret of the keys",
        )
        client.create_bucket(Bucket="shelf")
        client.put_object(Bucket="shelf", Key="iris/iris.onnx", Body=file.read_bytes())
    else:
        control.put_object(gone.sandbox.folder, "shelf", "iris/iris.onnx", file, s3=True)
    source = "s3://shelf" if keys else "shelf@GRA"
    ended = gone.run(source)
    assert ended.code == 0, ended.err
    assert ended.outcomes["iris"]["outcome"] == "done"
    assert "the secret of the keys" not in ended.err + ended.out
    told = gone("why", source, "iris", "--json")
    assert "shelf" in told.result["data"]["files"]
    assert gone("undo", source, "--yes").code == 0
    if keys:
        server.stop()


@pytest.mark.slow
def test_a_folder_moves(gone: Tool, tmp_path: Path) -> None:
    folder = tmp_path / "customer models"
    shutil.copytree(MODELS, folder, ignore=shutil.ignore_patterns("index.json", "README.md"))
    shutil.copy(folder / "iris" / "iris.onnx", folder / "at-the-root.onnx")
    (folder / "numbers.csv").write_text("a,b\n1,2\n", encoding="utf-8")
    ended = gone.run(str(folder))

    assert ended.code == 4, ended.err
    outcomes = ended.outcomes
    assert outcomes[BROKEN]["outcome"] == "needs-you"
    done = {model for model, outcome in outcomes.items() if outcome["outcome"] == "done"}
    assert done >= set(GOOD)
    assert any("at-the-root" in model for model in done)
    assert all(outcomes[model]["proof"] == "engine" for model in done)


@pytest.mark.slow
def test_an_inventory_file_moves(gone: Tool, tmp_path: Path) -> None:
    inventory = tmp_path / "inventory.json"
    index = json.loads((MODELS / "index.json").read_text(encoding="utf-8"))
    shutil.copytree(MODELS, tmp_path / "files")
    models = [model for model in index["models"] if model["id"] in ("iris", "housing")]
    inventory.write_text(
        json.dumps({"namespace": index["namespace"], "models": models, "tokens": index["tokens"]}), encoding="utf-8"
    )
    ended = gone.run(str(inventory), "--model", "iris")
    assert ended.code == 0, ended.err
    assert ended.outcomes["iris"]["outcome"] == "done"
