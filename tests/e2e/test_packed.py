"""Several models in one app, and what the images of two models share."""

import json
import subprocess
from urllib.parse import quote

import pytest
import requests

from tests.e2e.harness import FORMATS, GOOD, NAMESPACE, ROOT, Tool, image_id


@pytest.mark.slow
def test_packed_is_one_app_that_answers_for_each_model(tool: Tool) -> None:
    ended = tool.run(NAMESPACE, "--layout", "packed")

    assert ended.code == 4, ended.err
    left = tool.sandbox.left()
    assert len(left["apps"]) == 1
    urls = {ended.outcomes[model]["new_url"] for model in GOOD}
    assert len(urls) == len(GOOD)
    token = _token(tool)
    for model in GOOD:
        url = ended.outcomes[model]["new_url"]
        assert url.endswith(f"/{quote(model)}")
        sample = next((ROOT / "examples" / "samples" / model).glob("*.json"))
        body = json.loads(sample.read_text(encoding="utf-8"))
        answer = requests.post(
            f"{url}/eval", json=body["request"], headers={"Authorization": f"Bearer {token}"}, timeout=60
        )
        assert answer.status_code == 200, answer.text
        assert set(answer.json()) == set(body["answer"])

    undone = tool("undo", NAMESPACE, "--yes", "--json")
    assert undone.code == 0
    assert tool.sandbox.left()["apps"] == []


@pytest.mark.slow
def test_packed_is_one_app_a_runtime(tool: Tool) -> None:
    apps = {"processors": ("ages-scaler", "price-interval"), "pmml": ("species-regression", "species-tree")}
    models = [model for group in apps.values() for model in group]
    samples = ROOT / "examples" / "format-samples"
    words = [word for model in models for word in ("--model", model)]
    ended = tool.run(FORMATS, "--layout", "packed", "--samples", str(samples), *words)

    assert ended.code == 0, ended.err + ended.out
    assert len(tool.sandbox.left()["apps"]) == len(apps)
    for runtime, group in apps.items():
        header = next(one for name, one in tool.headers().items() if name.startswith(f"packed-{runtime}"))
        assert len({ended.outcomes[model]["new_url"].rpartition("/")[0] for model in group}) == 1
        for model in group:
            body = json.loads((samples / model / "one.json").read_text(encoding="utf-8"))
            answer = requests.post(
                f"{ended.outcomes[model]['new_url']}/eval",
                json=body["request"],
                headers=header,
                timeout=60,
            )
            assert answer.status_code == 200, answer.text
            assert set(answer.json()) == set(body["answer"])


@pytest.mark.slow
def test_two_models_share_all_layers_but_settings_and_model_and_none_holds_a_secret(tool: Tool) -> None:
    ended = tool.run(NAMESPACE, "--model", "iris", "--model", "titanic")
    assert ended.code == 0, ended.err
    images = [image_id(app["spec"]["image"]) for app in tool.sandbox.left()["apps"]]
    assert len(images) == 2
    layers = [_layers(image) for image in images]
    shared = [one for one, other in zip(*layers, strict=True) if one == other]
    assert len(layers[0]) - len(shared) == 2
    environment = tool.environment
    secrets = [environment[name] for name in ("OVH_APPLICATION_SECRET", "OVH_CONSUMER_KEY", "MIGRATE_OLD_TOKEN")]
    secrets.append(_token(tool))
    for image in images:
        saved = subprocess.run(["docker", "save", image], capture_output=True, check=True).stdout
        history = subprocess.run(
            ["docker", "history", "--no-trunc", image], capture_output=True, check=True, text=True
        ).stdout
        for secret in secrets:
            assert secret.encode() not in saved
            assert secret not in history


def _layers(image: str) -> list[str]:
    inspected = subprocess.run(["docker", "image", "inspect", image], capture_output=True, check=True, text=True)
    layers: list[str] = json.loads(inspected.stdout)[0]["RootFS"]["Layers"]
    return layers


def _token(tool: Tool) -> str:
    files = [path for path in tool.workspace.rglob("*") if path.is_file() and "tokens" in path.parts]
    words = [word for path in files for word in path.read_text(encoding="utf-8").replace('"', " ").split()]
    return max(words, key=len)
