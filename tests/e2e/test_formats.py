"""One model of each format that ML Serving ran, through the whole journey: the demo moves them all.

``test_light_formats.py`` is the quick case of its kind.
"""

import hashlib
import json
import math
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import requests

from migrate.sandbox import control
from migrate.sandbox.base.settings import Options
from tests.e2e.harness import BROKEN, FORMATS, GOOD, NAMESPACE, ROOT, Ended, Sandbox, Tool, image_id

# The first run ever makes the images of nine runtimes.
pytestmark = [pytest.mark.timeout(1500), pytest.mark.slow]

FOLDER = ROOT / "examples" / "formats"
SAMPLES = ROOT / "examples" / "format-samples"
INDEX = json.loads((FOLDER / "index.json").read_text(encoding="utf-8"))
PICKLES = {"species-learner": "species.pkl", "species-module": "species.pt"}
PRESET = "sentiment-preset"
LIVE = {"ages-scaler", "dates", "price-interval"}  # answered by the sandbox's second implementation too
MODELS = sorted(model["id"] for model in INDEX["models"] if model["id"] != PRESET)
BIGGEST_DIFFERENCE = 1e-4  # of single-precision answers up to some hundreds


def allowed() -> list[str]:
    """The options that allow the pickles among the samples."""
    files = [FOLDER / model / name for model, name in PICKLES.items()]
    digests = [hashlib.sha256(file.read_bytes()).hexdigest() for file in files]
    return [word for digest in digests for word in ("--allow-unsafe", f"sha256:{digest}")]


def requests_of(model: str) -> list[dict[str, Any]]:
    return [json.loads(path.read_text(encoding="utf-8")) for path in sorted((SAMPLES / model).glob("*.json"))]


@pytest.fixture(scope="module")
def tool(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Tool]:
    folder = tmp_path_factory.mktemp("demo")
    control.start(folder, Options(rate_limit=0, unseen_seconds=0.2))
    sandbox = Sandbox(folder)
    yield Tool(sandbox, folder / "workspace")
    images = {app["spec"]["image"] for app in sandbox.left()["apps"]}
    control.stop(folder)
    # The runtimes' images stay, named by what is in them: the next session does not build them again.
    subprocess.run(["docker", "rmi", *images], check=False, capture_output=True)
    shutil.rmtree(folder)  # gigabytes of registry and wheels


@pytest.fixture(scope="module")
def moved(tool: Tool) -> Ended:
    """The end of ``migrate demo``, whose apps are left running."""
    return tool("demo", "--keep", "--json", "--folder", str(tool.sandbox.folder), timeout=1400)


@pytest.fixture(scope="module")
def headers(tool: Tool, moved: Ended) -> dict[str, dict[str, str]]:
    assert moved.result
    return tool.headers()


@pytest.mark.parametrize("model", MODELS)
def test_a_model_is_migrated_and_proven(moved: Ended, model: str) -> None:
    outcome = moved.outcomes[model]
    assert outcome["outcome"] == "done", outcome
    assert outcome["proof"] == ("live" if model in LIVE else "recorded")
    assert outcome.get("worst_difference", 0.0) <= BIGGEST_DIFFERENCE  # texts alone have none
    assert ("old_url" in outcome) == (model in LIVE)


def test_the_demo_moves_both_namespaces(moved: Ended) -> None:
    acts = moved.result["data"]["acts"]
    assert [(act["namespace"], act["exit_code"]) for act in acts] == [(NAMESPACE, 4), (FORMATS, 4)]
    assert {moved.outcomes[model]["proof"] for model in GOOD} == {"live"}


def test_only_a_preset_image_and_a_broken_model_need_a_person(moved: Ended) -> None:
    assert moved.code == 0, moved.err
    assert set(moved.outcomes) == {*MODELS, PRESET, *GOOD, BROKEN}
    assert {model for model, outcome in moved.outcomes.items() if outcome["outcome"] != "done"} == {PRESET, BROKEN}
    preset = moved.outcomes[PRESET]
    assert preset["outcome"] == "needs-you"
    assert preset["reason"]
    assert preset["task"]


@pytest.mark.parametrize("model", MODELS)
def test_an_app_answers_as_the_training_code_did(moved: Ended, headers: dict[str, dict[str, str]], model: str) -> None:
    samples = requests_of(model)
    assert samples
    for sample in samples:
        answer = post(moved.outcomes[model]["new_url"], sample["request"], headers[model])
        assert answer.status_code == 200, answer.text
        assert_close(answer.json(), sample["answer"])


@pytest.mark.parametrize(
    ("model", "request_body", "message"),
    [
        (
            "progression-flow",
            {"bmi": [22.6]},
            "Required fields (bmi,double),(pressure,double) not found or not compatible in the Table",
        ),
        (
            "progression-flow",
            {"bmi": [22.6], "pressure": [89.0, 90.0]},
            "Impossible to convert the given input as a 2 dimensional array.",
        ),
    ],
)
def test_a_flow_refuses_as_the_old_one_did(
    moved: Ended, headers: dict[str, dict[str, str]], model: str, request_body: dict[str, Any], message: str
) -> None:
    answer = post(moved.outcomes[model]["new_url"], request_body, headers[model])
    assert answer.status_code == 400
    assert answer.json()["message"].startswith(message)


def test_what_one_step_of_a_flow_answers_is_not_in_the_answer_of_the_flow(
    moved: Ended, headers: dict[str, dict[str, str]]
) -> None:
    for model, kept in (("urgency-flow", {"urgency"}), ("progression-flow", {"progression_quantile_inf",
                                                                             "progression_quantile_sup"})):  # fmt: skip
        answer = post(moved.outcomes[model]["new_url"], requests_of(model)[0]["request"], headers[model])
        assert set(answer.json()) == kept


@pytest.mark.parametrize(
    "models",
    [("species-torchscript", "species-learner", "support-pipeline", "urgency-flow"), ("wine-tf2", "digits-h5")],
    ids=["torch", "tensorflow"],
)
def test_an_engine_is_stored_and_pushed_once_for_all_its_runtimes(
    tool: Tool, moved: Ended, models: tuple[str, ...]
) -> None:
    assert moved.result
    apps = {app["spec"]["name"]: app["spec"]["image"] for app in tool.sandbox.left()["apps"]}
    images = [image_id(next(image for image in apps.values() if model in image)) for model in models]
    described = subprocess.run(["docker", "image", "inspect", *images], capture_output=True, check=True)
    layers = [one["RootFS"]["Layers"] for one in json.loads(described.stdout)]
    base = len(layers[0]) - 5  # engine, packages, server; settings and model
    assert len({tuple(one[: base + 1]) for one in layers}) == 1
    assert len({one[base + 1] for one in layers}) == len(models)


def test_a_second_run_does_nothing(tool: Tool, moved: Ended) -> None:
    before = len(tool.sandbox.log())
    second = tool.run(FORMATS, "--samples", str(SAMPLES), *allowed())

    since = tool.sandbox.log()[before:]
    assert second.code == 4, second.err
    assert {model: outcome.get("new_url") for model, outcome in second.outcomes.items()} == {
        model: moved.outcomes[model].get("new_url") for model in (*MODELS, PRESET)
    }
    assert [line for line in since if line.method not in ("GET", "HEAD") and line.service == "api"] == []
    assert [line for line in since if line.service in ("storage", "app", "legacy")] == []
    assert len(tool.sandbox.left()["apps"]) == len(MODELS) + len(GOOD)


def test_pickles_are_quarantined_where_nobody_allows_them(tool: Tool, moved: Ended, tmp_path: Path) -> None:
    assert {moved.outcomes[model]["outcome"] for model in PICKLES} == {"done"}
    other = Tool(tool.sandbox, tmp_path / "workspace")
    ended = other.run(FORMATS, *(word for model in PICKLES for word in ("--model", model)))
    assert ended.code == 4, ended.err
    for model, name in PICKLES.items():
        outcome = ended.outcomes[model]
        assert outcome["outcome"] == "needs-you"
        digest = hashlib.sha256((FOLDER / model / name).read_bytes()).hexdigest()
        assert f"--allow-unsafe sha256:{digest}" in outcome["task"]


def post(url: str, body: dict[str, Any], headers: dict[str, str]) -> requests.Response:
    return requests.post(f"{url}/eval", json=body, headers=headers, timeout=60)


def assert_close(got: Any, wanted: Any) -> None:
    """Compare without the comparison that the tool itself uses."""
    if isinstance(wanted, dict):
        assert set(got) == set(wanted)
        for name, value in wanted.items():
            assert_close(got[name], value)
    elif isinstance(wanted, list):
        assert isinstance(got, list)
        assert len(got) == len(wanted)
        for one, other in zip(got, wanted, strict=True):
            assert_close(one, other)
    elif isinstance(wanted, float):
        assert math.isclose(got, wanted, rel_tol=1e-5, abs_tol=1e-6)
    else:
        assert got == wanted
