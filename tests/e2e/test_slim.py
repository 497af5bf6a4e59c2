"""``run --slim``: the app of a TorchScript model is ONNX, proven against PyTorch's answers, and made once."""

import json
import subprocess

import pytest

from tests.e2e.harness import ROOT, Tool, image_id

FORMATS = str(ROOT / "examples" / "formats")
MODEL = "species-torchscript"


@pytest.mark.slow
def test_a_slim_model_is_proven_against_its_original_and_made_once(tool: Tool) -> None:
    ended = tool.run(FORMATS, "--model", MODEL, "--slim")
    assert ended.code == 0, ended.out
    outcome = ended.outcomes[MODEL]
    assert (outcome["outcome"], outcome["proof"], outcome["slim"]) == ("done", "cross-checked", "kept")
    (app,) = tool.sandbox.left()["apps"]
    assert _runtime(image_id(app["spec"]["image"])) == "onnx"
    recorded = next(e for e in ended.events if e["event"] == "step-finished" and e["step"] == "record")
    converted = next(e for e in ended.events if e["event"] == "step-finished" and e["step"] == "convert")
    assert ended.events.index(recorded) < ended.events.index(converted)

    again = tool.run(FORMATS, "--model", MODEL, "--slim")
    assert again.code == 0, again.err
    assert again.outcomes[MODEL]["slim"] == "kept"
    assert [one["id"] for one in tool.sandbox.left()["apps"]] == [app["id"]]


def _runtime(image: str) -> str:
    """The runtime that an image was built on."""
    inspected = subprocess.run(["docker", "image", "inspect", image], capture_output=True, check=True, text=True)
    return str(json.loads(inspected.stdout)[0]["Config"]["Labels"]["mlserving-migrate.runtime"])
